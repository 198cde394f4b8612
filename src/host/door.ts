/**
 * The one door through which `doctor` looks at a host, so that tests can put
 * another host behind it.
 * @module
 */

import { type FileInfo, statFile } from "../../ffi/files.ts";
import { helper, HELPER_ABI, helperPath } from "../../ffi/helper.ts";
import {
  type ClockState,
  clockState,
  type FileSystem,
  fileSystem,
  linkText,
  listNames,
  mayHavePriority,
  mayUse,
  readText,
} from "../../ffi/host.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { currentUser } from "../../ffi/process.ts";

/** What of a file matters here. */
export type FileFacts = Pick<FileInfo, "kind" | "mode" | "owner" | "size">;

/** A host, as far as its checks look. */
export interface HostDoor {
  /** A small file's text; `undefined` where there is none for us. */
  text(path: string): string | undefined;
  /** The names in a folder; `undefined` where there is none for us. */
  names(path: string): readonly string[] | undefined;
  /** Where a link leads. */
  link(path: string): string | undefined;
  /** What a file is; `undefined` where there is none. */
  file(path: string): FileFacts | undefined;
  /** The file system of a path; `undefined` where there is no such path. */
  fileSystem(path: string): FileSystem | undefined;
  /** Whether we may do something with a path: 4 read, 2 write, 1 search. */
  may(path: string, what: number): boolean;
  /** Whether a thread of ours may have a real-time priority. */
  priority(priority: number): boolean;
  /** The kernel's account of its clock. */
  clock(): ClockState;
  /** Our user id. */
  user(): number;
  /** The helper: where it lies, and why it does not load. */
  helper(): { readonly path: string; readonly error: string | undefined };
  /** Versions of what runs us. */
  versions(): { readonly deno: string; readonly abi: number };
  /** Connects to a peer; why that failed, `undefined` where it did not. */
  reach(hostname: string, port: number): Promise<string | undefined>;
}

/** How long a peer may take to answer, ms. */
const REACH_MS = 2000;

async function reach(
  hostname: string,
  port: number,
): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const connecting = Deno.connect({ hostname, port });
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("no answer"), REACH_MS);
  });
  try {
    return await Promise.race([
      connecting.then((connection) => {
        connection.close();
        return undefined;
      }),
      late,
    ]);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return (error as Error).message;
  } finally {
    clearTimeout(timer);
    connecting.then((connection) => {
      try {
        connection.close();
      } catch {
        // it is closed
      }
    }, () => {});
  }
}

/** The host that this program runs on. */
export const THIS_HOST: HostDoor = {
  text: readText,
  names: listNames,
  link: linkText,
  file(path): FileFacts | undefined {
    try {
      return statFile(path);
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
  },
  fileSystem(path): FileSystem | undefined {
    try {
      return fileSystem(path);
    } catch (error) {
      if (isSystemError(error)) return undefined;
      throw error;
    }
  },
  may: mayUse,
  priority: mayHavePriority,
  clock: clockState,
  user: currentUser,
  helper(): { path: string; error: string | undefined } {
    const path = helperPath();
    try {
      helper();
      return { path, error: undefined };
    } catch (error) {
      return { path, error: (error as Error).message };
    }
  },
  versions: () => ({ deno: Deno.version.deno, abi: HELPER_ABI }),
  reach,
};
