/** `shmim info`: everything about one stream. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns, jsonValue } from "../cli/output.ts";
import { LOCAL_OPTION, timesOf } from "../cli/local_time.ts";
import {
  AXIS_ORDER,
  DIR,
  JSON_OPTION,
  type NamedStream,
  namedStream,
} from "../cli/shared_options.ts";
import { describeStream, type StreamDescription } from "../stream/describe.ts";
import { Stream } from "../stream/stream.ts";

interface Options extends NamedStream {
  readonly json: boolean;
  readonly time: (iso: string) => string;
}

function pid(value: number | null, alive?: boolean): string {
  if (value === null) return "-";
  return alive === undefined
    ? String(value)
    : `${value}${alive ? "" : " (gone)"}`;
}

function facts(
  d: StreamDescription,
  time: Options["time"],
): string[][] {
  const owner = d.ownerPid === 0
    ? "nobody"
    : d.ownerPid === 1
    ? "1 (expressly nobody)"
    : String(d.ownerPid);
  return [
    ["name", d.name],
    ["path", d.path],
    ...d.link === undefined ? [] : [["link to", d.link]],
    [
      "format",
      [d.format, d.version, `(${d.variant})`].filter((word) => word !== "")
        .join(" "),
    ],
    ["type", d.type],
    ["size", d.size.join(" x ")],
    ...d.storedSize.join() === d.size.join()
      ? []
      : [["stored size", d.storedSize.join(" x ")]],
    ["cnt0", String(d.cnt0)],
    ["cnt1", String(d.cnt1)],
    ["cnt2", String(d.cnt2)],
    ["acquired", time(d.atime ?? "never")],
    ["written", time(d.writetime ?? "never")],
    ["created", time(d.creationtime ?? "unknown")],
    ["creator", d.creatorPid > 0 ? `pid ${d.creatorPid}` : "unknown"],
    ["owner", owner],
    ["writer", pid(d.writerPid, d.writerAlive)],
    ["writing now", d.writing ? "yes: the frame is incomplete" : "no"],
    [
      "circular buffer",
      d.circularBuffer === 0 ? "none" : `${d.circularBuffer} slots`,
    ],
    ["rolling cube", d.rolling ? "yes" : "no"],
    ...Object.entries(d.other).map(([key, value]) => [key, String(value)]),
  ];
}

function sections(d: StreamDescription, time: Options["time"]): string[] {
  const lines = columns(facts(d, time));
  lines.push("", `semaphores (${d.semaphores.length}):`);
  lines.push(...columns([
    ["  #", "value", "reader", "writer"],
    ...d.semaphores.map((one, i) => [
      `  ${i}`,
      String(one.value),
      pid(one.reader),
      pid(one.writer),
    ]),
  ]));
  lines.push("", `keywords (${d.keywords.length} of ${d.keywordCapacity}):`);
  lines.push(...columns(
    d.keywords.map((one) => [
      `  ${one.name}`,
      one.type,
      String(jsonValue("", one.value)),
      one.comment,
    ]),
  ));
  lines.push("", "trace:");
  lines.push(...columns(
    d.trace.map((one, i) => [
      `  ${i}`,
      `pid ${one.pid}`,
      time(one.updated ?? ""),
      one.triggerInode === 0n
        ? "no trigger"
        : `triggered by inode ${one.triggerInode}, cnt0 ${one.cnt0}`,
    ]),
  ));
  return lines;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["info NAME [OPTIONS]"],
  description: "Prints everything that a stream's file says: metadata, " +
    "semaphores, keywords, process trace. Times are UTC, with --local those of " +
    "this host's zone. Changes nothing.",
  readsOnly: true,
  options: [AXIS_ORDER, LOCAL_OPTION, DIR, JSON_OPTION],
  examples: [["info dm01disp03", "one stream"]],
  samples: [["cam"]],
  parse(args): Options {
    return {
      ...namedStream(args),
      json: args.flag("json"),
      time: timesOf(args),
    };
  },
  needs({ name, open }, scope): Needs {
    return { read: scope.stream(name, open.dir), libc: true };
  },
  run({ name, open, json, time }, { out }): number {
    using stream = Stream.open(name, { ...open, writable: false });
    const description = describeStream(stream);
    if (json) out.json(description);
    else for (const line of sections(description, time)) out.line(line);
    return EXIT.done;
  },
});
