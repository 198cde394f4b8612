/**
 * `conf/shmim_<stream>.fits`: a link to the FITS file, for people who look.
 * @module
 */

import { isAbsolute, join, normalize } from "@std/path";
import { makeLink, readLink, renameFile, statFile } from "../../ffi/files.ts";

/**
 * Points the link at a file. Only a link is ever replaced.
 *
 * @param link Where the link is.
 * @param file The FITS file, as it was named.
 * @returns What there is to say, where the link could not be made.
 */
export function pointFitsLink(link: string, file: string): string | undefined {
  if (normalize(file) === normalize(link)) return undefined; // it is the link
  const target = isAbsolute(file) ? file : join("..", file); // the link's folder is one below the current one
  const there = statFile(link, { follow: false });
  if (there?.kind === "link" && readLink(link) === target) return undefined;
  if (there !== undefined && there.kind !== "link") {
    return `"${link}" is no link and was left alone`;
  }
  const temporary = `${link}.${Deno.pid}.tmp`;
  makeLink(target, temporary);
  renameFile(temporary, link, { replace: true });
  return undefined;
}
