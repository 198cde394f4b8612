/**
 * The channel table against the streams of this host.
 * @module
 */

import { StreamNotFoundError } from "../stream/format.ts";
import { Stream } from "../stream/stream.ts";
import { kindOf, slicesOf } from "../stream/types.ts";
import { fits } from "../bridge/destination.ts";
import { type BridgeRequest, roleOf } from "./plan.ts";
import { partOf, requireHost } from "./select.ts";
import type { ChannelTable } from "./table.ts";
import type { Problem } from "./toml.ts";

/** Existing streams that are not as the table says. */
export function disagreements(
  table: ChannelTable,
  request: BridgeRequest,
): Problem[] {
  const role = roleOf(request);
  const host = role === undefined ? undefined : requireHost(table, role);
  const problems: Problem[] = [];
  for (const channel of table.channels) {
    if (host !== undefined && partOf(channel, host) === undefined) continue;
    let stream: Stream;
    try {
      stream = Stream.open(channel.name, {
        writable: false,
        ...request.dir === undefined ? {} : { dir: request.dir },
      });
    } catch (error) {
      if (error instanceof StreamNotFoundError) continue;
      problems.push({ ...channel.place, message: (error as Error).message });
      continue;
    }
    using open = stream;
    const { size, type } = channel;
    // What a receiver takes, no less.
    if (fits(open, { type, size, slices: slicesOf(size) })) continue;
    problems.push({
      ...channel.place,
      message: `"${channel.name}" is ${kindOf(channel)} here, the stream ` +
        `${open.path} is ${kindOf(open)}`,
    });
  }
  return problems;
}
