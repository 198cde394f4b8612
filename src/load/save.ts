/**
 * Frames of a stream into a FITS file.
 * @module
 */

import { encodeRice } from "../../ffi/tiles.ts";
import {
  type FitsCompression,
  FitsCubeWriter,
  type FitsWriteOptions,
  type FitsWriteReport,
  suitingCodec,
  writeFits,
} from "../fits/mod.ts";
import type { Stream } from "../stream/stream.ts";
import type { WaitOptions } from "../stream/wait.ts";
import { tornError, wholeFrame } from "../stream/whole.ts";
import { frameInfo } from "./frame_info.ts";

/** What to save. */
export interface SaveOptions {
  /** So many new frames, as a cube; `undefined`: the frame that is there. */
  count?: number;
  /** How to wait for new frames. */
  wait?: WaitOptions;
  /** Longest wait for a frame. */
  timeoutMs?: number;
  /** A keyword that cannot be written is an error. */
  strict?: boolean;
  /** Compress tile by tile; by default where the name ends in `.fz`. */
  codec?: "RICE_1" | "GZIP_2";
  /** Ends it. */
  signal?: AbortSignal;
  /** Takes warnings. */
  onWarning?: (message: string) => void;
  /** Told after each frame of a cube. */
  onFrame?: (frames: number) => void;
}

function compressionOf(
  stream: Stream,
  path: string,
  { codec, count = 1 }: SaveOptions,
): FitsCompression | undefined {
  const named = /\.fz$/i.test(path) ? suitingCodec(stream.type) : undefined;
  const chosen = codec ?? named;
  if (chosen === undefined) return undefined;
  return chosen === "RICE_1"
    ? { codec: chosen, frames: count, encode: encodeRice }
    : { codec: chosen, frames: count };
}

function headerOf(
  stream: Stream,
  path: string,
  options: SaveOptions,
): FitsWriteOptions {
  const compression = compressionOf(stream, path, options);
  return {
    ...compression === undefined ? {} : { compression },
    stream: stream.name,
    keywords: stream.keywords(),
    strict: options.strict ?? false,
  };
}

/**
 * Saves frames.
 *
 * @param stream The stream.
 * @param path The file; `.gz` at its end packs it, `.fz` compresses it.
 * @param options Which frames.
 * @returns What was written; `undefined` where too few frames came: then
 * there is no file.
 * @throws {RangeError} where the codec cannot hold the stream's type.
 * @throws {FitsError} in strict mode, where a keyword cannot be written.
 */
export async function saveFrames(
  stream: Stream,
  path: string,
  options: SaveOptions = {},
): Promise<FitsWriteReport | undefined> {
  const header = headerOf(stream, path, options);
  if (options.count === undefined && options.wait === undefined) {
    const frame = await wholeFrame(stream);
    return await writeFits(
      path,
      { type: stream.type, size: stream.size, data: frame.bytes },
      { ...header, ...frameInfo(frame, stream.clockOffset), cnt2: frame.cnt2 },
    );
  }
  const wanted = options.count ?? 1;
  await using cube = await FitsCubeWriter.create(
    path,
    stream.type,
    stream.size,
    header,
  );
  const frames = stream.frames({
    ...options.wait,
    ...options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs },
    ...options.signal === undefined ? {} : { signal: options.signal },
    ...options.onWarning === undefined ? {} : { onWarning: options.onWarning },
  });
  let missed = 0n;
  for await (const frame of frames) {
    if (cube.frames > 0) missed += frame.missed;
    if (frame.torn) throw tornError(stream, frame);
    await cube.write(frame.bytes, frameInfo(frame, stream.clockOffset));
    options.onFrame?.(cube.frames);
    if (cube.frames < wanted) continue;
    if (missed > 0n) {
      options.onWarning?.(
        `${missed} more ${missed === 1n ? "frame" : "frames"} came between ` +
          "those that were saved",
      );
    }
    return await cube.finish();
  }
  return undefined;
}
