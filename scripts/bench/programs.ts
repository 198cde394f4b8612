/**
 * The C programs that shmim is measured against: compiling and running them.
 * @module
 */

import { compile } from "../build.ts";

const SOURCES = new URL("../../native/bench/", import.meta.url).pathname;
const TARGETS = new URL("../../native/build/bench/", import.meta.url).pathname;
const FLAGS = [
  "-std=c11",
  "-O2",
  "-g",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
];

/** The programs, each one file beside `isio.c`. */
const PROGRAMS = [
  "awake",
  "pair_transmit",
  "pair_receive",
  "reader",
  "drive",
  "many",
  "floor",
  "calls",
  "player",
  "spacing",
] as const;

/** Name of a C program. */
export type Program = typeof PROGRAMS[number];

/** Compiles all of them into `native/build/bench/`. */
export function compilePrograms(): void {
  Deno.mkdirSync(TARGETS, { recursive: true });
  for (const program of PROGRAMS) {
    compile([
      ...FLAGS,
      "-o",
      TARGETS + program,
      `${SOURCES}${program}.c`,
      `${SOURCES}isio.c`,
      "-lpthread",
    ]);
  }
}

const PATIENCE_MS = 120_000;

/** A process that talks in lines. */
export class Talker {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(command: string, args: string[]) {
    this.#child = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts a C program. */
  static c(program: Program, ...args: (string | number)[]): Talker {
    return new Talker(TARGETS + program, args.map(String));
  }

  /** Starts a C program that stays on one core. */
  static pinned(
    core: number,
    program: Program,
    ...args: (string | number)[]
  ): Talker {
    const command = [TARGETS + program, ...args.map(String)];
    return new Talker("taskset", ["-c", String(core), ...command]);
  }

  /** Starts a script of this folder, as users start shmim: in Deno. */
  static deno(script: string, ...args: (string | number)[]): Talker {
    return new Talker(Deno.execPath(), [
      "run",
      "-q",
      "-A",
      "--v8-flags=--expose-gc",
      new URL(script, import.meta.url).pathname,
      ...args.map(String),
    ]);
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /**
   * The next line it prints.
   *
   * @throws {Error} where it says nothing for two minutes, or has ended.
   */
  async line(): Promise<string> {
    const patience = setTimeout(() => this.#reader.cancel(), PATIENCE_MS);
    try {
      return await this.#line();
    } finally {
      clearTimeout(patience);
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end >= 0) {
        const line = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#reader.read();
      if (done) {
        throw new Error("A program of the bench ended too early or hangs");
      }
      this.#text += value;
    }
  }

  /** The next line as JSON. */
  async json<T>(): Promise<T> {
    return JSON.parse(await this.line()) as T;
  }

  /** Says one line to it. */
  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends it and waits until it is gone. */
  async end(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // gone already
    }
    await this.#writer.close().catch(() => {});
    await this.#reader.cancel().catch(() => {});
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}

/** Percentiles that a C program reports, ns. */
export interface Report {
  /** Values. */
  readonly count: number;
  /** Frames that were not seen. */
  readonly unseen: number;
  readonly min: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Frames that never came out. */
  readonly lost?: number;
  /** CPU time of a side's processes for each frame, ns. */
  readonly cpu?: number;
  /** Wall time for each frame, ns. */
  readonly elapsed?: number;
}
