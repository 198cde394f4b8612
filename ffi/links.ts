/** Making symbolic links, with what they lead to permitted. @module */

import { dirname, isAbsolute, join } from "@std/path";
import { requireRead, requireWrite } from "./access.ts";
import { check, isSystemError } from "./errno.ts";
import { realPath } from "./files.ts";
import { cString, helper } from "./helper.ts";

/**
 * Makes a symbolic link; an existing name is an error. Deno's own calls follow
 * a link without another question, so the process must be allowed to read and
 * to write what it points to.
 *
 * @param target What to write into the link; relative to the link's folder.
 * @param path The link.
 */
export function makeLink(target: string, path: string): void {
  requireWrite(path);
  const named = isAbsolute(target) ? target : `${dirname(path)}/${target}`;
  const usable = (file: string): void => {
    requireRead(file);
    requireWrite(file);
  };
  usable(join(named)); // without its ".."
  try {
    usable(realPath(named));
  } catch (error) {
    if (!isSystemError(error, "ENOENT", "ELOOP")) throw error;
  }
  check(
    helper().shmim_file_symlink(cString(target), cString(path)),
    "make the link",
    path,
  );
}
