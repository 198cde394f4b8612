/**
 * The command line: finds the command in the table, runs it, sets the exit
 * code.
 *
 * @module
 */

import type { Io } from "./src/cli/command.ts";
import {
  describe,
  EXIT,
  exitCode,
  suggestion,
  UsageError,
} from "./src/cli/errors.ts";
import { Output, OutputClosed } from "./src/cli/output.ts";
import { calledFor, isNarrowed, OWN_NAME } from "./src/cli/program.ts";
import { withGrant } from "./src/cli/refusal.ts";
import { serveNarrowed } from "./src/cli/serve.ts";
import { COMMANDS } from "./src/commands/table.ts";

/** Those that end a command when it has put things in order. */
const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGTERM: 15,
};

/** Where a command line runs. */
export interface Around {
  /**
   * The module that a program with more permissions than the command needs
   * starts in a Worker; without it nothing is narrowed.
   */
  readonly module?: string;
  /** The name by which the program was called. */
  readonly called?: string;
  /** Ends the process at once. */
  readonly leave?: (code: number) => void;
}

/** Listens for signals from the moment a command asks for its signal. */
class Interruption {
  readonly #leave: (code: number) => void;
  #controller: AbortController | undefined;
  #number = 0;

  constructor(leave: (code: number) => void) {
    this.#leave = leave;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    for (const [name, number] of Object.entries(SIGNALS)) {
      Deno.addSignalListener(name as Deno.Signal, () => {
        if (controller.signal.aborted) this.#leave(EXIT.signal + number);
        this.#number = number;
        controller.abort();
      });
    }
    return controller.signal;
  }

  /** 128 + the number of the signal that came, 0 where none came. */
  get code(): number {
    return this.#number === 0 ? 0 : EXIT.signal + this.#number;
  }
}

/** `shmim help`: the overview, a command's help, or a topic. */
async function help(
  words: readonly string[],
  io: Io,
  module: string | undefined,
): Promise<number> {
  const [name] = words;
  if (name === undefined || name === "commands") {
    return await dispatch(["--help"], io, module);
  }
  if (COMMANDS.some((entry) => entry.name === name)) {
    return await dispatch([name, "--help"], io, module);
  }
  const { findTopic, TOPICS } = await import("./src/manual/topics.ts");
  const { topicList, topicText } = await import("./src/manual/text.ts");
  const topic = findTopic(words);
  if (topic === undefined && name !== "topics") {
    const known = [...COMMANDS, ...TOPICS].map(({ name }) => name);
    throw new UsageError(
      `There is no command and no topic "${words.join(" ")}"`,
      { unknown: [words.join("-"), known] },
    );
  }
  const lines = topic === undefined ? topicList() : topicText(topic);
  for (const line of lines) io.out.line(line);
  return EXIT.done;
}

async function dispatch(
  words: readonly string[],
  io: Io,
  module: string | undefined,
): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === "--help" || name === "-h") {
    const { overview } = await import("./src/cli/help.ts");
    const lines = overview(COMMANDS);
    if (name === undefined) throw new UsageError(lines.join("\n"));
    for (const line of lines) io.out.line(line);
    return EXIT.done;
  }
  if (name === "--version") {
    const { VERSION } = await import("./src/cli/version.ts");
    io.out.line(`shmim ${VERSION}`);
    return EXIT.done;
  }
  if (name === "help") return await help(rest, io, module);
  // The command's own modules come beside those that run it.
  const [{ runCommand }] = await Promise.all([
    import("./src/commands/run.ts"),
    COMMANDS.find((entry) => entry.name === name)?.load(),
  ]);
  return await runCommand(words, io, module);
}

/**
 * What a call by an old name becomes; `undefined` where it asked for help and
 * has it.
 */
async function translated(
  called: string,
  words: readonly string[],
  out: Output,
): Promise<readonly string[] | undefined> {
  const { calledBy, findOldName } = await import("./src/names/table.ts");
  const old = findOldName(called);
  if (old === undefined) return words;
  const call = calledBy(old, words, COMMANDS.map(({ name }) => name));
  if (call.help !== undefined) {
    for (const line of call.help) out.line(line);
    return undefined;
  }
  for (const note of call.notes) out.say(`shmim: ${note}`);
  return call.words;
}

function hint(
  error: unknown,
  words: readonly string[],
  asked: string,
): string {
  if (!(error instanceof UsageError)) return "";
  if (asked !== OWN_NAME) return ` (${asked} --help)`;
  if (words[0] === undefined) return "";
  const known = COMMANDS.some(({ name }) => name === words[0]);
  return known ? ` (shmim ${words[0]} --help)` : " (shmim --help)";
}

/**
 * Runs a command line.
 *
 * @param words What was typed after the program's name.
 * @param around Where it runs.
 * @returns The exit code.
 */
export async function main(
  words: readonly string[],
  { module, called = OWN_NAME, leave = Deno.exit }: Around = {},
): Promise<number> {
  const out = new Output();
  const interruption = new Interruption(leave);
  const io: Io = {
    out,
    get signal() {
      return interruption.signal;
    },
  };
  let asked = called; // whose words they are
  try {
    if (called !== OWN_NAME) {
      const now = await translated(called, words, out);
      if (now === undefined) return EXIT.done;
      words = now;
      asked = OWN_NAME;
    }
    const code = await dispatch(words, io, module);
    return interruption.code || code;
  } catch (error) {
    if (error instanceof OutputClosed) return EXIT.done;
    const debug = words.includes("--debug");
    const bare = words.length === 0 && asked === OWN_NAME;
    const meant = await suggestion(error);
    out.say(
      `${bare ? "" : "shmim: "}${
        bare
          ? (error as Error).message
          : describe(withGrant(error, words, isNarrowed()), debug) +
            meant + hint(error, words, asked)
      }`,
    );
    return interruption.code || exitCode(error);
  }
}

if (isNarrowed()) {
  serveNarrowed((words, leave) => main(words, { leave }));
} else if (import.meta.main) {
  const { name, words } = calledFor(Deno.args);
  Deno.exit(await main(words, { module: import.meta.url, called: name }));
}
