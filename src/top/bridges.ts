/**
 * Bridges of this host, as their processes tell of them in the state folder of
 * this user.
 * @module
 */

import { listNames } from "../../ffi/host.ts";
import { carriedLines } from "../channels/lines.ts";
import { stateFolder } from "../channels/place.ts";
import {
  ChannelFiles,
  type ChannelReport,
  type ChannelState,
  knownChannels,
} from "../channels/state.ts";

/** A bridge, as a row of a stream tells it. */
export interface BridgeLine {
  /** The channel; the stream's name where it has none. */
  readonly channel: string;
  /** The stream's file at this end. */
  readonly path: string;
  /** What this end does. */
  readonly part: "transmit" | "receive";
  /** The other end, or where this one listens. */
  readonly address: string;
  /** Its process. */
  readonly pid: number;
  /** `up`, `waiting`, …; `crashed` where its process is gone. */
  readonly condition: string;
  /** Frames that were carried. */
  readonly frames: number;
  /** Frames that were not: skipped or torn. */
  readonly lost: number;
}

function count(value: unknown): number {
  const number = Number(value);
  return Number.isFinite(number) && number > 0 ? number : 0;
}

/** What a row tells of a report. */
export function bridgeLine(
  report: ChannelReport,
  condition: ChannelState["condition"],
): BridgeLine {
  const { channel, path, part, address, pid, stats } = report;
  return {
    channel,
    path,
    part,
    address,
    pid,
    condition,
    frames: count(stats.frames),
    lost: count(stats.skipped) + count(stats.torn),
  };
}

/** All bridges of this user: channels, then those without a name. */
export function bridgeLines(folder: string = stateFolder()): BridgeLine[] {
  const names = listNames(folder);
  if (names === undefined) return [];
  const channels = knownChannels(folder).map((channel) =>
    new ChannelFiles(folder, channel).state()
  );
  return [...channels, ...carriedLines(folder, names)].flatMap((
    { report, condition },
  ) => report === undefined ? [] : [bridgeLine(report, condition)]);
}
