/**
 * `conf/shmim_<stream>.fits`: a link to the FITS file, for people who look.
 * @module
 */

import { dirname, isAbsolute, join, resolve } from "@std/path";
import { readLink, removeFile, renameFile, statFile } from "../../ffi/files.ts";
import { makeLink } from "../../ffi/links.ts";
import { temporaryName } from "../files/whole_file.ts";
import { identityOf } from "../stream/open.ts";

/** Whether two paths are one file, or one link, by whatever spelling. */
function isSame(a: string, b: string): boolean {
  const [one, two] = [a, b].map((path) => statFile(path, { follow: false }));
  return one !== undefined && two !== undefined &&
    identityOf(one) === identityOf(two);
}

/** What to write into the link: relative where the file was named so. */
function targetFor(link: string, file: string): string {
  if (isAbsolute(file)) return file;
  // A folder that is a link itself is not one below the current one.
  const linked = statFile(dirname(link), { follow: false })?.kind === "link";
  return linked ? resolve(file) : join("..", file);
}

function point(link: string, file: string): string | undefined {
  if (isSame(file, link)) return undefined; // to itself
  const target = targetFor(link, file);
  const there = statFile(link, { follow: false });
  if (there?.kind === "link" && readLink(link) === target) return undefined;
  if (there !== undefined && there.kind !== "link") {
    return `"${link}" is no link and was left alone`;
  }
  const temporary = temporaryName(link);
  makeLink(target, temporary);
  try {
    renameFile(temporary, link, { replace: true });
  } catch (error) {
    removeFile(temporary);
    throw error;
  }
  return undefined;
}

/**
 * Points the link at a file. Only a link is ever replaced; nothing else
 * depends on it, so that it is no failure where it cannot be made.
 *
 * @param link Where the link is.
 * @param file The FITS file, as it was named.
 * @returns What there is to say, where the link could not be made.
 */
export function pointFitsLink(link: string, file: string): string | undefined {
  try {
    return point(link, file);
  } catch (error) {
    return `"${link}" was not made: ${(error as Error).message}`;
  }
}
