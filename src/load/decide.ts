/**
 * Whether a load is called for: decided by content.
 * @module
 */

import { resolve } from "@std/path";
import { statFile } from "../../ffi/files.ts";
import type { Stream } from "../stream/stream.ts";
import { kindOf, sameAxes } from "../stream/types.ts";
import { hashFile, hashStream } from "./hash.ts";
import type { LoadResult, Plan } from "./plan.ts";

/** A decision. */
export interface Decision {
  /** What is to be done. */
  readonly result: LoadResult["result"];
  /** Why. */
  readonly reason: string;
  /** Whether the FITS file is that of the last load. */
  readonly fitsSame: boolean;
  /** Whether the stream is as the last load had left it. */
  readonly streamSame: boolean;
  /** Where the decision took it, the hash of the FITS file. */
  readonly fitsHash?: string;
}

/**
 * Decides what a request comes to.
 *
 * @param plan The request.
 * @param stream The stream that is there.
 */
export async function decide(
  plan: Plan,
  stream: Stream | undefined,
): Promise<Decision> {
  const { options, state, file, type, mark } = plan;
  const last = state.remembered();
  let fitsHash: string | undefined;
  let fitsSame = last?.fits === resolve(file.path);
  if (fitsSame && last?.fitsMark !== mark.text) {
    fitsHash = await hashFile(file.path);
    fitsSame = last?.fitsHash === fitsHash;
  }
  const { size } = file.image;
  const decision = (
    result: LoadResult["result"],
    reason: string,
    streamSame: boolean,
  ): Decision => ({
    result,
    reason,
    fitsSame,
    streamSame,
    ...fitsHash === undefined ? {} : { fitsHash },
  });
  if (options.remove) return decision("CREATED", "removed first (-r)", false);
  if (stream === undefined) {
    return decision("CREATED", "there was no stream", false);
  }
  if (stream.type !== type || !sameAxes(stream.size, size)) {
    const reason = `the stream was ${kindOf(stream)}, the file is ` +
      kindOf({ size, type });
    return decision("CREATED", reason, false);
  }
  // Only where it is loaded in any case are the hints good enough.
  const untouched = last?.inode === inodeOf(plan.path) &&
    last.cnt0 === String(stream.cnt0);
  if (options.force) return decision("LOADED", "forced (-f)", untouched);
  if (last === undefined) {
    return decision("LOADED", "not loaded before", false);
  }
  if (last.fits !== resolve(file.path)) {
    return decision("LOADED", `"${last.fits}" was loaded before`, untouched);
  }
  if (!fitsSame) return decision("LOADED", "the FITS file changed", untouched);
  if (last.choice !== plan.choice) {
    const reason = "it was loaded in another way before";
    return decision("LOADED", reason, untouched);
  }
  if (hashStream(stream) !== last.pixelHash) {
    return decision("LOADED", "the stream's content changed", false);
  }
  return decision("KEPT", "neither the file nor the stream changed", true);
}

/** Inode of a file as text. */
export function inodeOf(path: string): string {
  return String(statFile(path)?.inode);
}
