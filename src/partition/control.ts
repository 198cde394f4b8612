/**
 * How a daemon and its processes are spoken to: a Unix socket in the run
 * folder, whose mode of 0700 says who may. One JSON object in a line each way,
 * one of each a connection.
 * @module
 */

import { PartitionError } from "./errors.ts";
import { Limited } from "./limited.ts";
import { requireOwnFolder } from "./run_folder.ts";
import { DEFAULT_LIMITS, readUnit, socketPath } from "./unit.ts";

/** What a daemon is asked. */
export interface Request {
  /** What to do. */
  readonly do: string;
  /** With what. */
  readonly [name: string]: unknown;
}

/** What a daemon answers. */
type Reply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: string };

/** Longest request, bytes. */
const MAX_REQUEST = 65_536;
/** Longest answer, bytes. */
const MAX_REPLY = 16 * 2 ** 20;
/** How long a request may take to come. */
const REQUEST_MS = 5000;
/** How long an answer may take: more than asking a peer that is away. */
const ANSWER_MS = 9000;
const MAX_CONNECTIONS = 32;

/** A line with its end; without one where the other side closes before. */
async function readLine(
  connection: Deno.Conn,
  most: number,
): Promise<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(65_536);
  let text = "";
  while (!text.includes("\n")) {
    const n = await connection.read(chunk);
    if (n === null) break;
    text += decoder.decode(chunk.subarray(0, n), { stream: true });
    if (text.length > most) throw new RangeError("a line is too long");
  }
  const end = text.indexOf("\n");
  return end < 0 ? text : text.slice(0, end + 1);
}

async function writeLine(connection: Deno.Conn, value: unknown): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < bytes.length;) {
    at += await connection.write(bytes.subarray(at));
  }
}

function notRunning(folder: string, unit: number): PartitionError {
  const state = readUnit(folder, unit);
  return new PartitionError(
    state?.up
      ? `The daemon of unit ${unit} (pid ${state.pid}) has died: "shmim ctl ` +
        `startup --unit ${unit}" starts the next one, which takes over`
      : `No daemon runs as unit ${unit} of "${folder}": "shmim ctl startup ` +
        `--unit ${unit}" starts one`,
  );
}

/** An error that says that nobody listens. */
function nobodyListens(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.ConnectionRefused;
}

/** What came back, or why nothing did. */
function take(line: string, who: string): unknown {
  if (!line.includes("\n")) {
    throw new PartitionError(
      `${who} closed the connection ` +
        (line === "" ? "without an answer" : "in the middle of its answer"),
    );
  }
  const none = (): PartitionError =>
    new PartitionError(
      `${who} gave an answer that is none: "${line.trimEnd().slice(0, 80)}"`,
    );
  let reply: Reply | null;
  try {
    reply = JSON.parse(line) as Reply | null;
  } catch {
    throw none();
  }
  if (typeof reply?.ok !== "boolean") throw none();
  if (!reply.ok) throw new PartitionError(reply.error);
  return reply.result;
}

/**
 * Connects and asks.
 *
 * @throws {PartitionError} where that comes to nothing.
 */
async function exchange(
  path: string,
  who: string,
  request: Request,
  timeoutS: number,
): Promise<unknown> {
  const connection = await Deno.connect({ transport: "unix", path });
  using limit = new Limited(connection, timeoutS * 1000);
  let line: string;
  try {
    await writeLine(connection, request);
    line = await readLine(connection, MAX_REPLY);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof RangeError) {
      throw new PartitionError(
        `${who} gave an answer of more than ${MAX_REPLY} bytes`,
      );
    }
    line = "";
  }
  if (limit.late) {
    throw new PartitionError(`${who} gave no answer within ${timeoutS} s`);
  }
  return take(line, who);
}

/**
 * Asks a process by its socket.
 *
 * @param who What it is called in errors.
 * @throws {PartitionError} where it does not answer, or refuses.
 */
export async function askSocket(
  path: string,
  who: string,
  request: Request,
  timeoutS: number,
): Promise<unknown> {
  try {
    return await exchange(path, who, request, timeoutS);
  } catch (error) {
    if (!nobodyListens(error)) throw error;
    throw new PartitionError(`${who} does not listen at "${path}"`);
  }
}

/**
 * Asks a daemon.
 *
 * @param folder The run folder.
 * @param unit Which daemon.
 * @param request What.
 * @param timeoutS How long the answer may take. Default as of its limits.
 * @returns What it answers.
 * @throws {PartitionError} where none runs, it does not answer, or refuses.
 */
export async function ask(
  folder: string,
  unit: number,
  request: Request,
  timeoutS: number = DEFAULT_LIMITS.timeoutS,
): Promise<unknown> {
  requireOwnFolder(folder);
  const who = `The daemon of unit ${unit}`;
  try {
    return await exchange(socketPath(folder, unit), who, request, timeoutS);
  } catch (error) {
    if (nobodyListens(error)) throw notRunning(folder, unit);
    throw error;
  }
}

/** What answers requests; `after` runs once the answer is out. */
export type Answer = (
  request: Request,
  after: (what: () => void) => void,
) => unknown;

/** The end that answers. */
export class ControlSocket {
  readonly #listener: Deno.UnixListener;
  readonly #path: string;
  readonly #serving: Promise<void>;
  #open = 0;

  /**
   * Listens. A socket that a dead process left is replaced.
   *
   * @param path Its place, in a folder that only its owner reaches.
   * @param answer Answers a request; what it throws is the answer, too.
   */
  constructor(path: string, answer: Answer) {
    this.#path = path;
    this.#remove();
    try {
      this.#listener = Deno.listen({ transport: "unix", path });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new PartitionError(`No folder for the socket "${path}": make it`, {
        cause: error,
      });
    }
    this.#serving = this.#serve(answer);
  }

  #remove(): void {
    try {
      Deno.removeSync(this.#path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #serve(answer: Answer): Promise<void> {
    for await (const connection of this.#listener) {
      if (this.#open >= MAX_CONNECTIONS) {
        connection.close();
        continue;
      }
      this.#open++;
      this.#one(connection, answer).catch(() => {})
        .finally(() => this.#open--);
    }
  }

  async #one(connection: Deno.Conn, answer: Answer): Promise<void> {
    using limit = new Limited(connection, REQUEST_MS);
    const line = await readLine(connection, MAX_REQUEST);
    limit.again(ANSWER_MS);
    const afterwards: (() => void)[] = [];
    let reply: Reply;
    try {
      const request: unknown = JSON.parse(line);
      if (
        typeof request !== "object" || request === null ||
        typeof (request as Request).do !== "string"
      ) throw new TypeError("That is no request");
      const result = await answer(
        request as Request,
        (what) => afterwards.push(what),
      );
      reply = { ok: true, result };
    } catch (error) {
      reply = { ok: false, error: (error as Error).message };
    }
    try {
      await writeLine(connection, reply);
    } finally {
      for (const what of afterwards) what();
    }
  }

  /**
   * Stops listening, and removes the socket.
   *
   * @param keep Leave the socket: the next process of its duty may have it.
   */
  async close({ keep = false }: { keep?: boolean } = {}): Promise<void> {
    this.#listener.close();
    await this.#serving;
    if (!keep) this.#remove();
  }
}
