/**
 * Files that hold a key.
 * @module
 */

import type { Folder } from "./folder.ts";

/** A key file; what it holds differs by `text`. */
export function keyFile(folder: Folder, text = "0123456789abcdef"): string {
  const path = folder.file(`key-${text}`);
  Deno.writeTextFileSync(path, text + "\n", { mode: 0o600 });
  Deno.chmodSync(path, 0o600); // whatever the umask
  return path;
}
