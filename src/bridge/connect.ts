/**
 * Connections that fail, in words.
 * @module
 */

/** Connects, or fails where the other host does not answer in time. */
export async function connectWithin(
  ms: number,
  options: { hostname: string; port: number; signal: AbortSignal },
): Promise<Deno.TcpConn> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), ms);
  try {
    const signal = AbortSignal.any([options.signal, late.signal]);
    return await Deno.connect({ ...options, signal });
  } catch (error) {
    if (!late.signal.aborted) throw error;
    throw new Deno.errors.TimedOut(`No answer in ${ms / 1000} s`);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a name leads nowhere. */
export function isUnknownHost(error: unknown): boolean {
  return error instanceof Error && /lookup|resolve|Name or service/i
    .test(error.message);
}

/** Why a connection failed, in a few words. */
export function reason(error: unknown): string {
  if (error instanceof Deno.errors.ConnectionRefused) return "refused";
  if (error instanceof Deno.errors.TimedOut) return "timed out";
  return plainMessage(error);
}

/** What an error says, without the number that Deno puts behind it. */
export function plainMessage(error: unknown): string {
  return error instanceof Error
    ? error.message.replace(/ \(os error \d+\)/, "")
    : String(error);
}

/** The error of a connection that is not tried again. */
export function reword(error: unknown, peer: string): unknown {
  if (error instanceof Deno.errors.NotCapable) return error;
  return new Deno.errors.ConnectionRefused(
    `Cannot connect to ${peer}: ${reason(error)}`,
    { cause: error },
  );
}

/** Writes all bytes, or as many as fit before the signal. */
export async function writeAll(
  connection: Pick<Deno.TcpConn, "write">,
  bytes: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  for (let at = 0; at < bytes.length && !signal?.aborted;) {
    at += await connection.write(bytes.subarray(at));
  }
}
