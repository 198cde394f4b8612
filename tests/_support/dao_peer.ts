/**
 * The plain C program of `native/test/dao_peer.c` at the other end of a
 * stream: compiled once, run as a process of its own.
 * @module
 */

import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { compile } from "../../scripts/build.ts";

const SOURCE = fromFileUrl(
  new URL("../../native/test/dao_peer.c", import.meta.url),
);
let program: string | undefined;

/** Compiles it, into a folder that goes with this test file. */
function compiled(): string {
  if (program !== undefined) return program;
  const dir = Deno.makeTempDirSync({ prefix: "shmim_dao_peer_" });
  globalThis.addEventListener("unload", () => {
    Deno.removeSync(dir, { recursive: true });
  });
  program = `${dir}/dao_peer`;
  compile(["-std=c11", "-O2", "-Wall", "-Werror", "-o", program, SOURCE]);
  return program;
}

/** Codes of DAO's data types. */
export const CODE = {
  u8: 1,
  i8: 2,
  u16: 3,
  i16: 4,
  u32: 5,
  i32: 6,
  u64: 7,
  i64: 8,
  f32: 9,
  f64: 10,
  c64: 11,
  c128: 12,
} as const;

/** Runs it to its end and gives what it printed, line by line. */
export async function peer(...words: (string | number)[]): Promise<string[]> {
  const { success, stdout, stderr } = await new Deno.Command(compiled(), {
    args: words.map(String),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
}

/** Makes a stream as DAO's library does. */
export async function peerCreates(
  path: string,
  type: keyof typeof CODE,
  size: readonly number[],
  options: { depth?: number; keywords?: number } = {},
): Promise<void> {
  const [a = 0, b = 0, c = 0] = size;
  const { depth = 1, keywords = 0 } = options;
  await peer("create", path, CODE[type], depth, a, b, c, keywords);
}

/** A run of it that goes on while the test does something. */
export class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #rest = "";

  /** @param words Its arguments. */
  constructor(...words: (string | number)[]) {
    this.#child = new Deno.Command(compiled(), {
      args: words.map(String),
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf("\n");
      if (end >= 0) {
        const line = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 1);
        return line;
      }
      const { value, done } = await this.#lines.read();
      if (done) throw new Error("the peer ended");
      this.#rest += value;
    }
  }

  /** Waits for its end. */
  async ended(): Promise<void> {
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#lines.cancel();
    await this.#child.status;
  }
}
