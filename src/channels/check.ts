/**
 * The channel table against the streams of this host.
 * @module
 */

import { StreamNotFoundError } from "../stream/format.ts";
import { Stream } from "../stream/stream.ts";
import { type BridgeRequest, roleOf } from "./plan.ts";
import { partOf, requireHost } from "./select.ts";
import type { ChannelTable } from "./table.ts";
import type { Problem } from "./toml.ts";

/** Axes without trailing ones: 3x1 is 3. */
function essential(size: readonly number[]): string {
  const axes = [...size];
  while (axes.length > 1 && axes.at(-1) === 1) axes.pop();
  return axes.join("x");
}

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
    if (
      open.type === channel.type &&
      essential(open.size) === essential(channel.size)
    ) continue;
    problems.push({
      ...channel.place,
      message: `"${channel.name}" is ${channel.size.join("x")} ` +
        `${channel.type} here, the stream ${open.path} is ` +
        `${open.size.join("x")} ${open.type}`,
    });
  }
  return problems;
}
