/**
 * Runs the real command as child processes, each test in a stream folder of
 * its own.
 * @module
 */

import { COMMANDS } from "../../src/commands/table.ts";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { Folder } from "./folder.ts";

export { Folder };

/** The root of the project. */
export const ROOT = fromFileUrl(new URL("../../", import.meta.url));
/** The command's file. */
export const CLI = `${ROOT}cli.ts`;

/** How long a condition may take on a slow machine, ms. */
export const PATIENCE_MS = 60_000;

/** What a command left behind. */
export interface Outcome {
  /** Exit code. */
  readonly code: number;
  /** Standard output as text. */
  readonly out: string;
  /** Standard output as it came. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Standard error as text. */
  readonly err: string;
}

const COMMAND_NAMES = new Set(COMMANDS.map(({ name }) => name));
/** It passes its words on. */
const PLAIN = new Set(["permissions"]);

/** What is around a command. */
export interface Around {
  /** The stream folder, as `$MILK_SHM_DIR`. */
  readonly folder?: Folder;
  /** Standard input. */
  readonly stdin?: Uint8Array | string;
  /**
   * Flags of `deno run`. Without any it has all permissions and keeps them
   * (`--no-narrow`), which takes half the time; the permission tests run every
   * command narrowed, and under its own flags.
   */
  readonly flags?: readonly string[];
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The working directory. */
  readonly cwd?: string;
  /** What starts it, such as `ip netns exec NAME`. */
  readonly within?: readonly string[];
}

/** The words of a call that keeps its permissions. */
function kept(words: readonly string[]): readonly string[] {
  const [name = "", ...rest] = words;
  return PLAIN.has(name) || !COMMAND_NAMES.has(name)
    ? words
    : [name, "--no-narrow", ...rest];
}

let state: string | undefined;

/** Where bridges of commands tell of themselves that have no folder. */
function commonState(): string {
  if (state === undefined) {
    const made = Deno.makeTempDirSync({ prefix: "shmim-test-", dir: "/tmp" });
    const remove = (): void => Deno.removeSync(made, { recursive: true });
    globalThis.addEventListener("unload", remove, { once: true });
    state = made;
  }
  return state;
}

/** Variables that a command of a test has. */
export function variables(folder: Folder | undefined): Record<string, string> {
  return {
    MILK_SHM_DIR: folder?.path ?? "",
    SHMIM_STATE_DIR: folder?.state ?? commonState(),
    NO_COLOR: "1",
  };
}

function command(
  words: readonly string[],
  around: Around,
  stdin: "piped" | "null",
): Deno.Command {
  const [program = "", ...args] = [
    ...around.within ?? [],
    Deno.execPath(),
    "run",
    "-q",
    "--no-prompt",
    ...around.flags ?? ["-A"],
    CLI,
    ...around.flags === undefined ? kept(words) : words,
  ];
  return new Deno.Command(program, {
    args,
    env: { ...variables(around.folder), ...around.env },
    ...around.cwd === undefined ? {} : { cwd: around.cwd },
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

const decoder = new TextDecoder();

/** Runs a command to its end. */
export async function shmim(
  words: readonly string[],
  around: Around = {},
): Promise<Outcome> {
  const { stdin } = around;
  const child = command(words, around, stdin === undefined ? "null" : "piped")
    .spawn();
  if (stdin !== undefined) {
    const bytes = typeof stdin === "string"
      ? new TextEncoder().encode(stdin)
      : stdin;
    const writer = child.stdin.getWriter();
    await writer.write(bytes).catch(() => {}); // it may refuse before reading
    await writer.close().catch(() => {});
  }
  const { code, stdout, stderr } = await child.output();
  return {
    code,
    out: decoder.decode(stdout),
    bytes: stdout as Uint8Array<ArrayBuffer>,
    err: decoder.decode(stderr),
  };
}

/** Runs a command that must do well; returns its standard output. */
export async function done(
  words: readonly string[],
  around: Around = {},
): Promise<string> {
  const { code, out, err } = await shmim(words, around);
  assertEquals(code, 0, `shmim ${words.join(" ")}: ${err}`);
  return out;
}

/** Waits for a condition, with patience. */
export async function until<T>(
  what: string | (() => string),
  condition: () => T | Promise<T>,
): Promise<NonNullable<T>> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > end) {
      throw new Error(
        `Waited in vain: ${typeof what === "string" ? what : what()}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A command that runs beside the test. */
export class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #readers: Promise<void>[];
  #out = "";
  #err = "";

  /** Starts `shmim` with these words. */
  constructor(words: readonly string[], around: Around = {}) {
    this.#child = command(words, around, "null").spawn();
    const gather = async (
      stream: ReadableStream<Uint8Array>,
      take: (text: string) => void,
    ): Promise<void> => {
      const text = new TextDecoder();
      for await (const chunk of stream) {
        take(text.decode(chunk, { stream: true }));
      }
    };
    this.#readers = [
      gather(this.#child.stdout, (text) => this.#out += text),
      gather(this.#child.stderr, (text) => this.#err += text),
    ];
  }

  /** Its process. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Standard output so far. */
  get out(): string {
    return this.#out;
  }

  /** Standard error so far. */
  get err(): string {
    return this.#err;
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until standard error matches. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    let ended = false;
    this.#child.status.then(() => ended = true);
    return await until(() => `${pattern} in ${this.#err}`, () => {
      const match = this.#err.match(pattern);
      if (match === null && ended) {
        throw new Error(`It ended without ${pattern}: ${this.#err}`);
      }
      return match;
    });
  }

  /** Waits for its end. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await Promise.all(this.#readers);
    return code;
  }

  /** Sends a signal and waits for the end, which must come soon. */
  async end(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    return (await this.endBy(signal)).code;
  }

  /** The same; `byKernel` where it did not come to its own end. */
  async endBy(
    signal: Deno.Signal,
  ): Promise<{ code: number; byKernel: boolean }> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE_MS);
    try {
      this.kill(signal);
      const code = await this.ended();
      return { code, byKernel: (await this.#child.status).signal !== null };
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // it has ended
    }
    await this.ended();
  }
}

/** Parses one JSON document. */
// deno-lint-ignore no-explicit-any
export function json(text: string): any {
  return JSON.parse(text);
}
