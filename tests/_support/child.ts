/**
 * Real processes beside the test's own.
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

/** What a finished program left. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where a module of the project lies, for the code of a child. */
export function moduleUrl(path: string): string {
  return new URL(path, ROOT).href;
}

function argsFor(code: string, flags: readonly string[]): string[] {
  const config = new URL("deno.json", ROOT).pathname;
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  return ["run", "-q", "--no-prompt", "--config", config, ...flags, url];
}

const decoder = new TextDecoder();

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  options: { env?: Record<string, string> } = {},
): Promise<Outcome> {
  const result = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    ...options.env === undefined ? {} : { env: options.env },
  }).output();
  return {
    code: result.code,
    stdout: decoder.decode(result.stdout),
    stderr: decoder.decode(result.stderr),
  };
}

/** Runs TypeScript in a process of its own, to its end. */
export function runCode(
  code: string,
  flags: readonly string[] = ["-A"],
): Promise<Outcome> {
  return run(Deno.execPath(), argsFor(code, flags));
}

/** A process that is talked to line by line; disposing kills it. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #rest = "";

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.#input = process.stdin.getWriter();
  }

  /** Starts TypeScript in a process of its own, with all permissions. */
  static start(code: string): Child {
    return Child.spawn(Deno.execPath(), argsFor(code, ["-A"]));
  }

  /** Starts a program. */
  static spawn(command: string, args: readonly string[]): Child {
    return new Child(
      new Deno.Command(command, {
        args: [...args],
        stdin: "piped",
        stdout: "piped",
        stderr: "inherit",
      }).spawn(),
    );
  }

  /** Its pid. */
  get pid(): number {
    return this.#process.pid;
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
      if (done) throw new Error(`the child ended, its last: "${this.#rest}"`);
      this.#rest += value;
    }
  }

  /** Gives it a line. */
  async say(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text + "\n"));
  }

  /** Ends its input. */
  async endInput(): Promise<void> {
    await this.#input.close();
  }

  /** Kills it, as a crash would, and waits until it is gone. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It ended by itself.
    }
    await this.#process.status;
  }

  /** Waits for its end. */
  async ended(): Promise<number> {
    return (await this.#process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#lines.cancel();
    try {
      await this.#input.close();
    } catch {
      // Its end of the pipe is closed.
    }
  }
}
