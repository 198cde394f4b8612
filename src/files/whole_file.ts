/**
 * What writing whole files is made of: names for what is not whole yet, and
 * all of the bytes.
 * @module
 */

/**
 * A name beside a file's, for what shall become that file; `clean` knows by it
 * what a process that died has left.
 */
export function temporaryName(path: string): string {
  return `${path}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;
}

/** Writes all of `bytes`. */
export async function writeAll(
  file: Deno.FsFile,
  bytes: Uint8Array,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await file.write(done === 0 ? bytes : bytes.subarray(done));
  }
}

/** Removes a file that may be gone. */
export async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Writes a text file whole or not at all.
 *
 * @param path The file; one of this name is replaced.
 * @param text What it holds.
 * @param temporary What it is called until it is whole.
 */
export async function writeWhole(
  path: string,
  text: string,
  temporary: string = temporaryName(path),
): Promise<void> {
  try {
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfThere(temporary);
    throw error;
  }
}
