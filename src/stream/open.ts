/**
 * Opens a stream's file: recognises its format, checks everything that the
 * layout depends on, and only then uses it.
 * @module
 */

import { mayWrite } from "../../ffi/access.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { OpenFile, readLink, statFile } from "../../ffi/files.ts";
import { Mapping } from "../../ffi/mapping.ts";
import {
  type AxisOrder,
  type Layout,
  type LoadBytes,
  type StreamFormat,
  StreamFormatError,
  StreamNotFoundError,
} from "./format.ts";
import { NamedSemaphores } from "../../ffi/named_semaphores.ts";
import { recognise, requireSize } from "./recognise.ts";
import type { Presence } from "./stream_options.ts";

/** A file that is mapped and understood. */
export interface Opened {
  /** The mapped file, with its table. */
  readonly mapping: Mapping;
  /** Its layout. */
  readonly layout: Layout;
  /** Its format. */
  readonly format: StreamFormat;
  /** Device and inode of what was opened. */
  readonly identity: string;
  /** What changes where it is made anew in the same file. */
  readonly incarnation: string | undefined;
  /** The file with every link resolved. */
  readonly realPath: string;
}

/** Device and inode of a file as one text. */
export function identityOf(file: { device: bigint; inode: bigint }): string {
  return `${file.device}:${file.inode}`;
}

/** Whether a name still leads to what was opened. */
export function presenceOf(opened: Opened, path: string): Presence {
  const now = statFile(path);
  if (now === undefined) return "gone";
  const { identity, incarnation, format, mapping } = opened;
  if (identityOf(now) !== identity) return "replaced";
  if (incarnation === undefined) return "same";
  try {
    const found = format.incarnation?.(loader(mapping));
    return found === incarnation ? "same" : "replaced";
  } catch {
    return "replaced"; // it shrank
  }
}

function explain(error: unknown, path: string): unknown {
  if (isSystemError(error, "ENOENT")) {
    const link = statFile(path, { follow: false })?.kind === "link";
    return new StreamNotFoundError(
      path,
      link ? `: it is a link to "${readLink(path)}", which is missing` : "",
    );
  }
  if (isSystemError(error, "EMEDIUMTYPE", "EISDIR")) {
    return new StreamFormatError(path, "it is not a regular file");
  }
  if (isSystemError(error, "ELOOP")) {
    return new StreamFormatError(path, "its links lead in a circle");
  }
  return error;
}

/** How to open a stream's file. */
export interface OpenHow {
  /** `undefined`: for writing where that is allowed. */
  readonly writable: boolean | undefined;
  /** How its axes are to be understood, where that is open. */
  readonly axisOrder: AxisOrder;
}

/** A mapping as formats see it. */
export function loader(mapping: Mapping): LoadBytes {
  return (offset, bytes) => {
    const into = new Uint8Array(bytes);
    mapping.load(offset, into);
    return into;
  };
}

function mapChecked(
  path: string,
  file: OpenFile,
  writable: boolean,
  axisOrder: AxisOrder,
): Opened {
  const info = file.stat();
  requireSize(path, info.size);
  const mapping = Mapping.map(file, info.size, writable);
  try {
    const load = loader(mapping);
    const { format, layout } = recognise(
      path,
      file.path,
      load,
      info.size,
      axisOrder,
    );
    if (writable && layout.readOnly) {
      throw new StreamFormatError(
        path,
        `its variant (${layout.variant}) can only be read`,
      );
    }
    mapping.useTable(layout.table);
    if (layout.semaphoreNames.length > 0) {
      mapping.semaphores.use(new NamedSemaphores(layout.semaphoreNames));
    }
    return {
      mapping,
      layout,
      format,
      identity: identityOf(info),
      incarnation: format.incarnation?.(load),
      realPath: file.path,
    };
  } catch (error) {
    mapping.close();
    throw error;
  }
}

/**
 * Opens and maps a stream's file.
 *
 * @param path The file, or a link to it.
 * @param how For writing or not, and how to understand it.
 * @throws {StreamNotFoundError | StreamFormatError | SystemError}
 */
export function openFile(path: string, how: OpenHow): Opened {
  const { writable } = how;
  const attempt = (write: boolean): Opened => {
    let file: OpenFile;
    try {
      file = OpenFile.open(path, { writable: write });
    } catch (error) {
      throw explain(error, path);
    }
    try {
      return mapChecked(path, file, write, how.axisOrder);
    } finally {
      file.close();
    }
  };
  if (writable !== undefined) return attempt(writable);
  if (!mayWrite(path)) return attempt(false);
  try {
    return attempt(true);
  } catch (error) {
    const readable = isSystemError(error, "EACCES", "EROFS", "EPERM") ||
      error instanceof Deno.errors.NotCapable ||
      (error instanceof StreamFormatError && error.found === undefined);
    if (!readable) throw error;
    return attempt(false);
  }
}
