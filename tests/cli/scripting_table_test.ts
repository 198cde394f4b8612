/**
 * What scripts rely on, of every command of the table: plain text where nobody
 * looks, no colour where NO_COLOR says so, data that parses, a reader that
 * leaves early, ends by signals.
 */

import { assert, assertEquals } from "@std/assert";
import type { Command } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  CLI,
  Folder,
  type Outcome,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Terminal } from "../_support/terminal.ts";

/** A call of a command. */
interface Case {
  /** Its words, behind the command's. */
  readonly words: string;
  /** Its exit code; 1: it lacks a daemon or a device, and says so. */
  readonly code?: number;
}

/** One call of each command that ends by itself. */
const CALLS: Readonly<Record<string, Case>> = {
  create: { words: "new 4x3 f32" },
  ls: { words: "" },
  info: { words: "cam" },
  read: { words: "cam" },
  watch: { words: "cam --once" },
  top: { words: "--once --watch 0" },
  write: { words: "cam --pattern sine --count 3" },
  poke: { words: "cam" },
  keyword: { words: "cam GAIN=2" },
  stat: { words: "cam --duration 0.1" },
  compare: { words: "cam other" },
  copy: { words: "cam other" },
  convert: { words: "cam DAO --format dao" },
  rm: { words: "--yes --force other" },
  load: { words: "ref.raw.fits loaded" },
  save: { words: "cam saved.fits" },
  record: { words: "cam night --duration 0.1" },
  replay: { words: "ref.raw.fits other --rate 1000 --clock atime", code: 1 },
  snapshot: { words: "snap" },
  restore: { words: "nowhere", code: 1 },
  link: { words: "--list" },
  transmit: { words: "cam 127.0.0.1 1 --once", code: 2 },
  receive: { words: "1 --bind 192.0.2.1", code: 1 },
  device: { words: "--attach --key .:9", code: 1 },
  client: { words: "--key .:9 --count 1", code: 1 },
  sysv: { words: "limits" },
  bridge: { words: "--list --config t.toml" },
  doctor: { words: "--all" },
  clean: { words: "--dry-run --only claims,files" },
  daemon: { words: "--run none/run", code: 1 },
  ctl: { words: "status --run run", code: 1 },
  share: { words: "cam --run run", code: 1 },
  mount: { words: "1:cam --run run", code: 1 },
  unshare: { words: "cam --run run", code: 1 },
  umount: { words: "cam --run run", code: 1 },
  shares: { words: "--run run", code: 1 },
  carry: { words: "receive 127.0.0.1 --control none/c.sock", code: 1 },
  ferry: {
    words: "2 --connect 127.0.0.1:1 --control f.sock --run run",
    code: 1,
  },
  demo: { words: "--seconds 0.1" },
  "install-names": { words: "names" },
  completion: { words: "zsh" },
  man: { words: "pages" },
  permissions: { words: "info cam" },
};

/** Calls that go on until a signal comes. */
const LASTING: readonly string[] = [
  "read cam --wait poll --count 1000000",
  "watch cam --json",
  "write cam --pattern sine --rate 20",
  "stat cam --duration 600",
  "copy cam other --follow",
  "record cam night --duration 600",
  "transmit cam 127.0.0.1 1",
  "receive 0",
  "device SIN 2 --serve --key .:8",
  "daemon --run run",
];

/** Where a call runs: streams, a FITS file, a table, folders. */
class Place implements Disposable {
  readonly folder = new Folder();
  readonly dao = `scripting${crypto.randomUUID().slice(0, 8)}`;

  constructor() {
    const { folder } = this;
    for (const name of ["cam", "other"]) {
      using stream = Stream.create(name, {
        dir: folder.path,
        size: [4, 3],
        type: "f32",
        keywords: 3,
      });
      stream.write(new Float32Array(12));
    }
    const cards = [
      "SIMPLE  =                    T",
      "BITPIX  =                    8",
      "NAXIS   =                    1",
      "NAXIS1  =                   10",
      "END",
    ];
    Deno.writeTextFileSync(
      folder.file("ref.raw.fits"),
      cards.map((card) => card.padEnd(80)).join("").padEnd(2880) +
        "\0".repeat(2880),
    );
    Deno.writeTextFileSync(
      folder.file("t.toml"),
      '[hosts.a]\naddress = "127.0.0.1"\n[hosts.b]\naddress = "localhost"\n' +
        '[channels.c]\nstreams = "dm{00..03}"\nfrom = "a"\nto = "b"\n' +
        'size = [2, 2]\ntype = "f32"\nport = 9000\n',
    );
    for (const name of ["names", "pages"]) Deno.mkdirSync(folder.file(name));
  }

  words(name: string, text: string): string[] {
    return [name, ...text.replace("DAO", this.dao).split(" ")].filter((word) =>
      word !== ""
    );
  }

  get around(): Parameters<typeof shmim>[1] & object {
    const { folder } = this;
    return {
      folder,
      cwd: folder.path,
      env: {
        NO_COLOR: "",
        TERM: "xterm-256color",
        COLORTERM: "truecolor",
        SHMIM_STATE_DIR: folder.file("state"),
        MAGAOX_ROLE: "a",
      },
    };
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
    for (const { name } of Deno.readDirSync("/dev/shm")) {
      if (name.startsWith(`sem.${this.dao}_`)) {
        Deno.removeSync(`/dev/shm/${name}`);
      }
    }
  }
}

/** Runs all of them, three at a time, and gathers what is wrong. */
async function each<T>(
  all: readonly T[],
  check: (one: T) => Promise<void>,
): Promise<void> {
  const waiting = [...all];
  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      for (
        let one = waiting.shift();
        one !== undefined;
        one = waiting.shift()
      ) {
        await check(one).catch((error: Error) =>
          wrong.push(`${JSON.stringify(one)}: ${error.message}`)
        );
      }
    }),
  );
  assertEquals(wrong, [], wrong.join("\n\n"));
}

const NAMES = COMMANDS.map(({ name }) => name);

function call(name: string): Case {
  return CALLS[name] ?? { words: "" };
}

function takesJson({ options }: Command): boolean {
  return options.some(({ name }) => name === "json");
}

/** What no script wants to read. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

function requirePlain({ out, err }: Outcome, what: string): void {
  assert(!CONTROL.test(out), `${what} prints ${JSON.stringify(out)}`);
  assert(!CONTROL.test(err), `${what} says ${JSON.stringify(err)}`);
}

Deno.test("every command has a call here", () => {
  assertEquals(Object.keys(CALLS).sort(), NAMES.toSorted());
});

Deno.test("every command prints plain text into a pipe, and its --json parses", async () => {
  await each(COMMANDS, async ({ name, load }) => {
    using place = new Place();
    const { words, code = 0 } = call(name);
    const plain = await shmim(place.words(name, words), place.around);
    assertEquals(plain.code, code, plain.err);
    requirePlain(plain, name);
    if (code !== 0) {
      assertEquals(plain.err.trimEnd().split("\n").length, 1, plain.err);
    }
    if (!takesJson((await load()).command) || code !== 0) return;
    using fresh = new Place();
    const once = name === "watch" ? `${words} --count 1` : words;
    const result = await shmim(
      [...fresh.words(name, once), "--json"],
      fresh.around,
    );
    assertEquals(result.code, 0, result.err);
    requirePlain(result, `${name} --json`);
    try {
      JSON.parse(result.out);
    } catch {
      const lines = result.out.split("\n").filter((line) => line !== "");
      lines.forEach((line) => JSON.parse(line)); // one object a line
    }
  });
});

Deno.test("every command is done where its reader has gone", async () => {
  await each(
    NAMES.filter((name) => call(name).code === undefined),
    async (name) => {
      using place = new Place();
      const line = ["run", "-qA", CLI, ...place.words(name, call(name).words)];
      const { folder, cwd, env } = place.around;
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", '"$@" | true; echo "${PIPESTATUS[0]}"', "bash"]
          .concat(Deno.execPath(), line),
        cwd: cwd ?? "/",
        env: { MILK_SHM_DIR: folder?.path ?? "", ...env },
        stdin: "null",
        stderr: "piped",
      }).output();
      const text = new TextDecoder();
      assertEquals(text.decode(stdout), "0\n", text.decode(stderr));
    },
  );
});

testWhere(
  "no command colours a terminal with NO_COLOR",
  program("tmux", "tmux"),
  async () => {
    using place = new Place();
    const { folder, cwd, env } = place.around;
    await using terminal = await Terminal.open({
      columns: 150,
      rows: 50,
      cwd: cwd ?? "/",
      env: { ...env, MILK_SHM_DIR: folder?.path ?? "", NO_COLOR: "1" },
    });
    for (const name of ["ls", "watch", "top", "bridge", "stat", "doctor"]) {
      const words = place.words(name, call(name).words);
      await terminal.type(
        `clear; '${Deno.execPath()}' run -qA '${CLI}' ${words.join(" ")}; ` +
          `echo "<${name} $?>"`,
      );
      await until(
        `the end of ${name}`,
        async () =>
          new RegExp(`^<${name} \\d>`, "m").test(await terminal.text()),
      );
      const screen = await terminal.cells();
      const coloured = screen.flat().filter(({ front, back }) =>
        front !== undefined || back !== undefined
      );
      assertEquals(coloured, [], name);
    }
  },
);

Deno.test("a signal is the exit code of every command that lasts", async () => {
  const signals = [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const;
  const all = LASTING.map((line, i) =>
    [line, ...signals[i % 3] ?? signals[0]] as const
  );
  await each(all, async ([line, signal, code]) => {
    using place = new Place();
    const [name = "", ...words] = line.split(" ");
    await using running = new Running(
      place.words(name, words.join(" ")),
      place.around,
    );
    // Before it has begun the kernel ends it, with the same code.
    await new Promise((resolve) => setTimeout(resolve, 700));
    assertEquals(await running.end(signal), code, running.err);
  });
});
