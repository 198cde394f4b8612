/** `shmim transmit`: sends a stream to a receiver, milk's or ours. @module */

import { showEndpoint } from "../bridge/endpoint.ts";
import { integerFrom } from "../cli/args.ts";
import { tellNeeds, tellOf } from "../cli/bridge_lines.ts";
import { BridgeReporter } from "../cli/bridge_status.ts";
import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { type Needs, union } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  hostFrom,
  streamArgument,
} from "../cli/shared_options.ts";
import {
  SCHEDULE,
  scheduleOf,
  WAIT,
  waitOf,
  waitWrites,
} from "../cli/wait_options.ts";
import {
  type KeywordMode,
  type SliceMode,
  type TransmitOptions,
  Transmitter,
} from "../bridge/transmit.ts";
import type { Policy } from "../bridge/wire.ts";
import { conditionOfReach } from "../channels/lines.ts";
import { streamPlace } from "../stream/names.ts";

interface Options {
  readonly transmit: TransmitOptions;
  readonly statsFile: string | undefined;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["transmit NAME HOST PORT [OPTIONS]"],
  description: "Sends each new frame of a stream over TCP, in the way of " +
    "milk's shmimTCPtransmit. Connects again when the connection is lost. " +
    "The frame that is there goes at once, and once more after a second if " +
    "the source has not moved, because milk's receiver drops early frames. " +
    "With --wire shmim over a wire of our own, which has more than milk's.",
  options: [
    {
      name: "wire",
      value: "WIRE",
      help: "milk (default) or shmim: our own, see --key, --policy",
    },
    {
      name: "key",
      value: "FILE",
      help: "the receiver must have the same key (with --wire shmim)",
    },
    {
      name: "policy",
      value: "POLICY",
      help: "slow line: latest (default) or every (with --wire shmim)",
    },
    {
      name: "queue",
      value: "N",
      help: "frames that may wait with --policy every (default 16)",
    },
    {
      name: "zstd",
      help: "compress frames, slower: for thin lines (with --wire shmim)",
    },
    ...WAIT,
    {
      name: "slices",
      value: "MODE",
      help: "of a cube: auto, rolling (new slices), whole",
    },
    { name: "keywords", value: "MODE", help: "all (default), used or none" },
    {
      name: "reopen",
      value: "MODE",
      help: "a re-created source: same (shape, default), any, never",
    },
    { name: "allow-torn", help: "send frames of a source that never pauses" },
    { name: "no-reconnect", help: "end when the connection is lost" },
    ...SCHEDULE,
    { name: "stats-json", value: "FILE", help: "append an object a second" },
    AXIS_ORDER,
    DIR,
  ],
  examples: [[
    "transmit dm01disp03 192.168.2.2 8803",
    "a DM channel to the RTC",
  ]],
  samples: [["cam", "localhost", "8886"]],
  parse(args): Options {
    const [stream = "", hostname = "", port = ""] = args.exactly(
      "NAME",
      "HOST",
      "PORT",
    );
    const wait = waitOf(args);
    const wire = args.choice("wire", ["milk", "shmim"]) ?? "milk";
    const key = args.text("key");
    const policy = args.choice<Policy>("policy", ["latest", "every"]);
    const queue = args.integer("queue", 1);
    const zstd = args.flag("zstd");
    if (zstd && policy === "every") {
      throw new UsageError("--zstd sends the newest frames: no --policy every");
    }
    if (wire === "milk") {
      const own = Object.entries({
        key,
        policy,
        queue,
        zstd: zstd || undefined,
      })
        .find(([, value]) => value !== undefined)?.[0];
      if (own !== undefined) {
        throw new UsageError(
          `--${own} asks for our own wire: add --wire shmim`,
        );
      }
    }
    return {
      statsFile: args.text("stats-json"),
      transmit: {
        stream: streamArgument(stream),
        hostname: hostFrom("HOST", hostname),
        port: integerFrom("PORT", port, 1, 65535),
        ...dirOf(args),
        wire,
        zstd,
        ...key === undefined ? {} : { key },
        ...policy === undefined ? {} : { policy },
        ...queue === undefined ? {} : { queue },
        ...wait === undefined ? {} : { wait },
        slices:
          args.choice<SliceMode>("slices", ["auto", "rolling", "whole"]) ??
            "auto",
        keywords:
          args.choice<KeywordMode>("keywords", ["all", "used", "none"]) ??
            "all",
        reopen: args.choice("reopen", ["same", "any", "never"]) ?? "same",
        allowTorn: args.flag("allow-torn"),
        reconnect: !args.flag("no-reconnect"),
        schedule: scheduleOf(args),
      },
    };
  },
  needs({ transmit, statsFile }, scope): Needs {
    const files = scope.stream(transmit.stream, transmit.dir);
    const stats = statsFile === undefined ? [] : scope.file(statsFile);
    const key = transmit.key === undefined ? [] : scope.file(transmit.key);
    const writes = transmit.wait === undefined || waitWrites(transmit.wait);
    return union([tellNeeds(scope), {
      read: [...files, ...key],
      write: [...writes ? files : [], ...stats],
      net: scope.host(transmit.hostname, transmit.port),
    }]);
  },
  async run({ transmit, statsFile }, { out, signal }): Promise<number> {
    const { stream, dir, hostname, port } = transmit;
    const address = showEndpoint(hostname, port);
    const label = `${stream} -> ${address}`;
    using reporter = new BridgeReporter(out, "transmit");
    const transmitter = Transmitter.start({
      ...transmit,
      signal,
      onEvent: reporter.event,
    });
    reporter.watch({
      kind: "transmit",
      label,
      status: () => transmitter.status(),
      state: () => transmitter.state,
    }, statsFile);
    const { name, path } = streamPlace(stream, dir);
    using _ = tellOf(out, ["transmit", name, hostname, port], () => [{
      part: "transmit",
      address,
      path,
      condition: conditionOfReach(transmitter.reach),
      stats: transmitter.status(),
    }]);
    await transmitter.done;
    return EXIT.done;
  },
});
