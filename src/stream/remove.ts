/**
 * Removes a stream's file, unless somebody still needs it.
 * @module
 */

import { dirname, join } from "@std/path";
import { requireWrite } from "../../ffi/access.ts";
import { listFolder, realPath, removeFile, statFile } from "../../ffi/files.ts";
import { processExists } from "../../ffi/libc.ts";
import { removeSemaphore, semaphorePath } from "../../ffi/named_semaphores.ts";
import { lastWriter } from "./describe.ts";
import { StreamNotFoundError } from "./format.ts";
import { streamPlace, SUFFIX } from "./names.ts";
import { semaphoreFiles } from "./semaphore_files.ts";
import { Stream } from "./stream.ts";

/** Somebody uses the stream. */
export class StreamInUseError extends Error {
  /** Name of the class. */
  override name = "StreamInUseError";
  /** The process. */
  readonly pid: number;

  /**
   * Makes the error.
   *
   * @param message One line.
   * @param pid The process.
   */
  constructor(message: string, pid: number) {
    super(message);
    this.pid = pid;
  }
}

/** How to remove a stream. */
export interface RemoveOptions {
  /** Folder that names are looked for in. */
  dir?: string;
  /** Even where somebody uses it, or where it is damaged. */
  force?: boolean;
}

/** Who would miss a stream, with what they are to it. */
export function streamUser(
  stream: Stream,
): { pid: number; role: string } | undefined {
  const { ownerPid } = stream.fields();
  const readers = stream.semaphores().map((one) => one.readerPid);
  const candidates = [
    ...ownerPid > 1
      ? [{ pid: ownerPid, role: "owner" }]
      : [{ pid: lastWriter(stream) ?? 0, role: "last writer" }],
    ...readers.map((pid) => ({ pid, role: "reader" })),
  ];
  return candidates.find(({ pid }) => pid !== Deno.pid && processExists(pid));
}

/**
 * Semaphores that are files of their own go with their stream, unless another
 * stream in its folder has the same ones.
 */
function semaphoresOf(path: string): string[] {
  let names: readonly string[];
  try {
    using stream = Stream.open(path, { writable: false });
    names = stream.layout.semaphoreNames;
  } catch {
    return []; // damaged: what was forced goes, nothing else
  }
  if (names.length === 0) return [];
  const real = realPath(path);
  const folder = dirname(real);
  const shared = listFolder(folder).some((file) =>
    file.endsWith(SUFFIX) && join(folder, file) !== real &&
    statFile(join(folder, file), { follow: false })?.kind === "file" &&
    semaphoreFiles(join(folder, file)).includes(semaphorePath(names[0] ?? ""))
  );
  return shared ? [] : [...names];
}

/**
 * Removes a stream's file, and its semaphores where they are files of their
 * own. Of a link, the link only.
 *
 * @param name A name or a path.
 * @param options Where, and whether to insist.
 * @returns The path that is gone.
 * @throws {StreamNotFoundError} where there is nothing.
 * @throws {StreamInUseError} where its owner, last writer or a reader lives.
 */
export function removeStream(
  name: string,
  options: RemoveOptions = {},
): string {
  const { path } = streamPlace(name, options.dir);
  const file = statFile(path, { follow: false });
  if (file === undefined) throw new StreamNotFoundError(path);
  if (file.kind === "folder") {
    throw new TypeError(`Cannot remove "${path}": it is a folder`);
  }
  if (file.kind === "file" && !options.force) {
    using stream = Stream.open(path, { writable: false });
    const found = streamUser(stream);
    if (found !== undefined) {
      throw new StreamInUseError(
        `Cannot remove "${path}": its ${found.role} (pid ${found.pid}) lives; ` +
          "--force removes it all the same",
        found.pid,
      );
    }
  }
  const semaphores = file.kind === "file" ? semaphoresOf(path) : [];
  for (const name of semaphores) requireWrite(semaphorePath(name));
  removeFile(path);
  semaphores.forEach(removeSemaphore);
  return path;
}
