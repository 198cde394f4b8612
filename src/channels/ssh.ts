/**
 * Starts a receiver on the other host, the old way: over ssh.
 * @module
 */

const TIMEOUT_MS = 30_000;

/** What the other end is to be started with. */
export interface RemoteStart {
  /** Where ssh goes. */
  readonly host: string;
  /** What it runs there, for a shell. */
  readonly command: string;
}

/**
 * Fills in a command: `{channel}`, `{port}`, `{address}`.
 *
 * @param template The command.
 * @param values What stands for each.
 * @param quote Quotes a word for a shell.
 */
export function fillCommand(
  template: string,
  values: { channel: string; port: number; address: string },
  quote: (word: string) => string,
): string {
  return template
    .replaceAll("{channel}", quote(values.channel))
    .replaceAll("{port}", String(values.port))
    .replaceAll("{address}", quote(values.address));
}

/**
 * Runs a command on another host. It asks for no password: nobody may be
 * there to type one.
 *
 * @throws {Error} where it fails, with the last line that it said.
 */
export async function runOverSsh(
  { host, command }: RemoteStart,
): Promise<void> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS);
  try {
    const { code, stderr } = await new Deno.Command("ssh", {
      args: [
        "-o",
        "BatchMode=yes",
        "-o",
        "ConnectTimeout=5",
        "--",
        host,
        command,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
      signal: abort.signal,
    }).output();
    if (code === 0) return;
    const said = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    const why = abort.signal.aborted
      ? `no end within ${TIMEOUT_MS / 1000} s`
      : said || `exit code ${code}`;
    throw new Error(`ssh ${host} could not start a receiver: ${why}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("There is no ssh on the PATH (--ssh)", { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
