/**
 * The key of a bridge: a file that only its owner may read.
 * @module
 */

/** Shortest key, bytes. */
export const MIN_KEY_BYTES = 16;
/** Longest key, bytes. */
export const MAX_KEY_BYTES = 4096;

/** A key file that cannot be used. */
export class KeyFileError extends Error {
  /** Name of the class. */
  override name = "KeyFileError";
}

function withoutNewline(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end--;
  if (end < bytes.length && bytes[end - 1] === 0x0d) end--;
  return bytes.slice(0, end);
}

/**
 * Reads a key: all bytes of a file, without a newline at its end.
 * Permissions: read of the file.
 *
 * @param path A regular file of mode 0600 or less.
 * @throws {KeyFileError} where it is none, others may read it, or it is too
 * short (16 bytes) or too long (4096).
 */
export function readKey(path: string): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    using file = Deno.openSync(path, { read: true });
    const { mode, isFile, size } = file.statSync();
    if (!isFile) throw new KeyFileError(`Key "${path}" is no file`);
    if (((mode ?? 0) & 0o077) !== 0) {
      const found = ((mode ?? 0) & 0o777).toString(8).padStart(4, "0");
      throw new KeyFileError(
        `Key "${path}" has mode ${found}, others may read or change it: ` +
          "chmod 600",
      );
    }
    if (size > MAX_KEY_BYTES + 2) {
      throw new KeyFileError(`Key "${path}" is longer than 4096 bytes`);
    }
    bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const n = file.readSync(bytes.subarray(at));
      if (n === null) break;
      at += n;
    }
  } catch (error) {
    if (
      error instanceof KeyFileError || error instanceof Deno.errors.NotCapable
    ) throw error;
    const reason = error instanceof Deno.errors.NotFound
      ? "there is no such file"
      : (error as Error).message;
    throw new KeyFileError(`Cannot read key "${path}": ${reason}`, {
      cause: error,
    });
  }
  const key = withoutNewline(bytes);
  if (key.length < MIN_KEY_BYTES) {
    throw new KeyFileError(
      `Key "${path}" holds ${key.length} bytes, at least ${MIN_KEY_BYTES} are ` +
        "needed: head -c 32 /dev/urandom | base64",
    );
  }
  return key;
}
