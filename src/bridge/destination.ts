/**
 * The stream that a receiver writes: an existing one of the same type and
 * size is reused in place, so that its readers go on.
 * @module
 */

import { join } from "@std/path";
import type { AxisOrder } from "../stream/format.ts";
import type { FormatName } from "../stream/formats.ts";
import { streamFolder, SUFFIX } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import { openOrMake } from "../stream/target.ts";
import { kindOf } from "../stream/types.ts";
import type { Announcement } from "./milk_wire.ts";
import type { EventSink } from "./session.ts";

/** Where and how frames are to be stored. */
export interface DestinationOptions {
  /** Folder of streams. */
  dir?: string;
  /** Format of a stream that is made. Default `isio`. */
  format?: FormatName;
  /** How a DAO stream's axes are stored. Default `python`. */
  axisOrder?: AxisOrder;
  /** Name instead of the peer's. */
  as?: string;
  /** Replace a stream of another type or size. */
  replace?: boolean;
  /** Takes what there is to tell. */
  onEvent?: EventSink;
}

/** A size without axes of 1: 7 x 1 is the same memory as 7, and as 1 x 7. */
function essential(size: readonly number[]): string {
  return size.filter((axis) => axis !== 1).join("x");
}

/**
 * Whether an announced stream can be stored in an existing one: the same
 * memory in as many slices, for frames are slices.
 */
export function fits(
  stream: Pick<Stream, "type" | "size" | "slices">,
  peer: Pick<Announcement, "type" | "size" | "slices">,
): boolean {
  return stream.type === peer.type && stream.slices === peer.slices &&
    essential(stream.size) === essential(peer.size);
}

/** The order of axes, to spread. */
function axes(options: DestinationOptions): { axisOrder?: AxisOrder } {
  const { axisOrder } = options;
  return axisOrder === undefined ? {} : { axisOrder };
}

function create(
  path: string,
  peer: Announcement,
  options: DestinationOptions,
  existing: "refuse" | "replace",
): Stream {
  return Stream.create(path, {
    size: peer.size,
    type: peer.type,
    keywords: peer.keywords,
    imageType: peer.imageType,
    ...options.format && { format: options.format },
    ...axes(options),
    onWarning: (message) => options.onEvent?.({ level: "warning", message }),
    existing,
  });
}

/**
 * Opens or makes the stream for what a peer announced.
 *
 * @param peer The announcement, checked.
 * @param options Where and how.
 * @returns The stream, open for writing.
 * @throws {StreamExistsError} where another stream, or a link, is in the way.
 */
export function openDestination(
  peer: Announcement,
  options: DestinationOptions,
): Stream {
  const name = options.as ?? peer.name;
  // A name, whatever it looks like: one that ends in .im.shm is no path here.
  const path = join(streamFolder(options.dir), name + SUFFIX);
  const { stream, there } = openOrMake({
    path,
    open: axes(options),
    doing: "frames",
    linkHint: "use --as NAME, or remove the link",
    comes: `the peer sends ${kindOf(peer)}`,
    hint: "--replace gives its name to a new one",
    replace: options.replace,
    fits: (found) => fits(found, peer),
    make: (existing) => create(path, peer, options, existing),
  });
  if (there) fitKeywords(stream, peer, name, options.onEvent);
  return stream;
}

/** A larger keyword block is cleared behind what comes, a smaller one told. */
function fitKeywords(
  stream: Stream,
  peer: Announcement,
  name: string,
  onEvent: EventSink | undefined,
): void {
  const { keywordCount } = stream.layout;
  if (keywordCount > peer.keywords && stream.keywords().length > 0) {
    stream.setKeywords([]);
  }
  if (keywordCount < peer.keywords) {
    onEvent?.({
      level: "warning",
      message: `"${name}" holds ${keywordCount} keywords, the peer sends ` +
        `${peer.keywords}: the others are dropped`,
    });
  }
}
