/**
 * What is explained beside the commands: `shmim help TOPIC`, and pages of
 * section 7.
 * @module
 */

import { OLD_NAMES } from "../names/table.ts";

/** A piece of a text. */
export type Block =
  /** A paragraph. */
  | string
  /** Terms with what they mean. */
  | { readonly terms: readonly (readonly [string, string])[] }
  /** Lines as they are. */
  | { readonly lines: readonly string[] };

/** A topic. */
export interface Topic {
  /** Its name, one word. */
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** The text. */
  readonly blocks: readonly Block[];
}

const STREAMS: Topic = {
  name: "streams",
  summary: "names of streams and where their files lie",
  blocks: [
    "A stream is a file NAME.im.shm that its users map into memory. A stream " +
    "argument is a name, or a path where it holds a / or ends in .im.shm.",
    "A name is looked for in one folder, the first of these:",
    {
      terms: [
        ["--dir FOLDER", "of the command line"],
        ["$MILK_SHM_DIR", "where it is set; it must be a folder"],
        ["/milk/shm", "where that is a folder"],
        ["/tmp", "otherwise"],
      ],
    },
    "Sizes are x by y (by z), the fastest axis first, as NAXIS1 x NAXIS2 in " +
    "FITS: 50x40 is 50 pixels wide. Types are u8 i8 u16 i16 u32 i32 u64 i64 " +
    "f16 f32 f64 c64 c128; UI16, FLT, float32 and tf32 are understood, and " +
    "so is milk's s>tf32>NAME.",
    "A name has at most 79 bytes, a path 199: other programs of these streams " +
    "can open no longer ones.",
  ],
};

const ENVIRONMENT: Topic = {
  name: "environment",
  summary: "variables that are looked at",
  blocks: [
    "A command looks at those that it needs, and at no others.",
    {
      terms: [
        ["MILK_SHM_DIR", "the folder of streams"],
        [
          "SHMIM_CONFIG",
          "the channel table of `shmim bridge`, where --config does not say",
        ],
        [
          "XDG_CONFIG_HOME, HOME",
          "where a table is looked for that nothing names: " +
          "$XDG_CONFIG_HOME/shmim/bridges.toml, ~/.config/shmim/bridges.toml " +
          "where that is not set, then /etc/shmim/bridges.toml",
        ],
        [
          "MAGAOX_ROLE",
          "which host of the channel table this one is, where --role does " +
          "not say: ICC, RTC, ...",
        ],
        [
          "SHMIM_STATE_DIR",
          "where bridges of this user keep reports and logs; /tmp/shmim-UID " +
          "otherwise",
        ],
        [
          "NOTIFY_SOCKET, WATCHDOG_USEC",
          "set by systemd for `shmim daemon`: where it says that it is up, " +
          "and how often that it lives",
        ],
        [
          "SHMIM_HELPER",
          "the helper's library, where it is not beside the " +
          "program",
        ],
        ["NO_COLOR", "no colour, also on a terminal"],
        [
          "COLORTERM, TERM",
          "how much colour the terminal shows: truecolor " +
          "or 24bit, 256color, none (watch, top)",
        ],
        ["TZ", "the zone of --local"],
        [
          "DENO_DIR",
          "where Deno keeps what it has compiled; it is in " +
          "~/.cache/deno otherwise",
        ],
      ],
    },
  ],
};

const EXIT_CODES: Topic = {
  name: "exit-codes",
  summary: "what a command ends with",
  blocks: [
    {
      terms: [
        ["0", "done; also where the reader of its output has gone (| head)"],
        ["1", "failed, or not there; the reason is one line on standard error"],
        ["2", "wrong usage: nothing was done"],
        ["124", "timed out"],
        [
          "130, 143, …",
          "128 + the number of the signal that ended it: 130 " +
          "for SIGINT (Ctrl-C), 143 for SIGTERM, 129 for SIGHUP (the terminal has " +
          "gone)",
        ],
      ],
    },
    "A first signal lets a command put things in order: a claimed semaphore " +
    "is given back, a file that is not whole goes. A second one ends it at " +
    "once.",
    "Nobody is asked where nobody can answer: rm without --yes ends with 2 " +
    "where there is no terminal.",
  ],
};

const OUTPUT: Topic = {
  name: "output",
  summary: "what goes where: data, talk, JSON, times, colour",
  blocks: [
    "Data goes to standard output, everything else to standard error. Lines " +
    "that replace each other, and colour, are for terminals only; with " +
    "NO_COLOR set there is no colour there, either.",
    "--json prints one document, and commands that go on print one object a " +
    "line. Keys are a contract and have their unit in the name (rateHz, " +
    "ageSeconds). Integers beyond 2^53, NaN and the infinities are strings. " +
    "What never was is null.",
    "Times are UTC, ISO 8601, with nanoseconds where a file has them; --local " +
    "shows tables in the zone of this host. JSON is always UTC. Files of " +
    "streams hold TAI where the kernel knows the offset, which is taken off.",
    "Files appear when they are whole: --out FILE, save, load.",
  ],
};

const SECURITY: Topic = {
  name: "security",
  summary: "what a command may do, and what checks it",
  blocks: [
    "What a command may do follows from its arguments: `shmim permissions " +
    "COMMAND ARGS` prints the line of Deno that grants just that. A program " +
    "that was started with more runs each command with what it needs and no " +
    "more; --no-narrow keeps the rest.",
    {
      terms: [
        ["read", "its streams and files"],
        ["write", "streams that are written, or waited on by semaphore"],
        ["net", "the one host and port, or the one address that listens"],
        ["ffi", "the helper, and the C library to ask who lives"],
        ["env", "the variables of `shmim help environment`"],
      ],
    },
    "The helper is no way around: it is asked for exactly the path that it " +
    "is to open, and frames travel over sockets that Deno opened.",
    "What a file's header or a peer claims is checked before anything is " +
    "mapped, allocated or written.",
    "Between hosts milk's wire asks nobody who he is. Ours does, with a key: " +
    "a file of 16 to 4096 bytes in mode 0600, the same at both ends " +
    "(--key FILE, `key` in a channel table or a daemon's configuration). Both " +
    "ends prove that they have it before anything else is said, and it " +
    "is never sent. Who has it may write into the streams that this end " +
    "receives. Pixels are not encrypted: that is for a line of your own, or " +
    "ssh. A receiver without a key listens on 127.0.0.1 unless it is told " +
    "otherwise; a daemon without one, on no other address at all.",
  ],
};

const WIRE: Topic = {
  name: "wire",
  summary: "how streams travel: milk's shmimTCP, and a wire of our own",
  blocks: [
    "transmit, receive and bridge speak two wires; --wire chooses. milk is " +
    "what transmit speaks unless it is told otherwise, receive takes both and " +
    "tells them apart by the first bytes.",
    {
      terms: [
        [
          "milk",
          "milk's shmimTCP, in both directions: first the sender's metadata " +
          "as they lie in memory, then for each update the pixels of one " +
          "slice, two 64-bit counters and the keywords. There is no magic, no " +
          "version, no check sum, and nobody is asked who he is.",
        ],
        [
          "shmim",
          "our own: both ends prove that they have the same --key, versions " +
          "are agreed on, each frame has a CRC-32C and the source's counters " +
          "and times, keywords travel when they change, heartbeats tell a " +
          "dead line from a quiet one, clocks are compared, what was missed " +
          "is counted exactly; --policy latest or every, --zstd. Daemons of " +
          "partitions speak this one only.",
        ],
      ],
    },
    "receive listens on 127.0.0.1 unless --bind ADDRESS says " +
    "otherwise; --allow ADDRESS lets only some peers in. A frame that is cut " +
    "off is dropped, a name that leads out of the folder refused, a stream " +
    "of another type or size left alone.",
    "Ports of MagAO-X: base + channel, 00 to 11.",
    {
      terms: [
        ["dm00 (woofer, 11x11)", "8780, from ICC to 192.168.2.2"],
        ["dm01 (tweeter, 50x50)", "8800, from ICC to 192.168.2.2"],
        [
          "dm61 to dm66 (GMT segments, 3x1)",
          "8600, 8620, 8640, 8660, 8680, 8700, from ICC to 192.168.2.2",
        ],
        ["dm02 (ncpc, 34x34)", "8820, from RTC to 192.168.2.3"],
      ],
    },
  ],
};

const NAMES: Topic = {
  name: "names",
  summary: "commands that people know, and what they become",
  blocks: [
    "`shmim install-names DIR` makes these names in a folder: each takes its " +
    "old arguments, and NAME --help says what changed. Options of the new " +
    "command work, too, as --name or --name=VALUE.",
    {
      terms: OLD_NAMES.flatMap(({ name, examples }) =>
        examples.map(([typed, now]) =>
          [`${name} ${typed}`.trimEnd(), `shmim ${now}`] as const
        )
      ),
    },
    "What was dangerous is refused, with what to type instead: a real stream " +
    "under a link's name, a stream that somebody uses, one of another size. " +
    "What listened on all interfaces still does, with a warning.",
  ],
};

/** Every topic, in the order of the help. */
export const TOPICS: readonly Topic[] = [
  STREAMS,
  OUTPUT,
  EXIT_CODES,
  ENVIRONMENT,
  SECURITY,
  WIRE,
  NAMES,
];

/**
 * Finds a topic by one or more words: `exit codes`, too.
 *
 * @param words What was typed.
 */
export function findTopic(words: readonly string[]): Topic | undefined {
  const name = words.join("-");
  return TOPICS.find((topic) => topic.name === name);
}
