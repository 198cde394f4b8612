/** `shmim receive`: takes streams from transmitters, milk's or ours. @module */

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
  FORMAT,
  formatOf,
  hostFrom,
} from "../cli/shared_options.ts";
import { SCHEDULE, scheduleOf } from "../cli/wait_options.ts";
import type { WireChoice } from "../bridge/greet.ts";
import { type ReceiveOptions, Receiver } from "../bridge/receive.ts";
import { requireName, SUFFIX } from "../stream/names.ts";

interface Options {
  readonly receive: ReceiveOptions;
  readonly statsFile: string | undefined;
}

/** A name without the ending that every stream's file has. */
function bareName(name: string): string {
  return requireName(
    name.endsWith(SUFFIX) ? name.slice(0, -SUFFIX.length) : name,
  );
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["receive PORT [OPTIONS]"],
  description: "Listens for transmitters, milk's or ours, and publishes what " +
    "they send. Goes on listening when they leave. A stream of the same type " +
    "and size is used as it is, so that its readers go on; another one is " +
    "left alone. What peers claim is checked, but without --key nobody is asked " +
    "who he is: bind to an address that only trusted hosts reach.",
  options: [
    {
      name: "bind",
      value: "ADDRESS",
      help: "listen there (default 127.0.0.1)",
    },
    {
      name: "allow",
      value: "ADDRESS",
      many: true,
      help: "only these peers may connect",
    },
    {
      name: "wire",
      value: "WIRE",
      help: "milk, shmim or any (default: any, with --key shmim)",
    },
    {
      name: "key",
      value: "FILE",
      help: "peers must have the same key; none of milk's has",
    },
    {
      name: "direct",
      help: "large frames go into the stream as they come, write flag up",
    },
    { name: "as", value: "NAME", help: "this name instead of the peer's" },
    { name: "replace", help: "replace a stream of another type or size" },
    { name: "once", help: "end with the first peer, as milk does" },
    {
      name: "max-bytes",
      value: "N",
      help: "largest stream accepted (default 1 GiB)",
    },
    {
      name: "idle-timeout",
      value: "S",
      help: "drop a peer that is silent so long (default: never)",
    },
    FORMAT,
    AXIS_ORDER,
    ...SCHEDULE,
    { name: "stats-json", value: "FILE", help: "append an object a second" },
    DIR,
  ],
  examples: [["receive 8803 --bind 192.168.2.2", "on the RTC"]],
  samples: [["8886"]],
  parse(args): Options {
    const [port = ""] = args.exactly("PORT");
    const as = args.text("as");
    const wire = args.choice<WireChoice>("wire", ["milk", "shmim", "any"]);
    const key = args.text("key");
    if (wire === "milk" && key !== undefined) {
      throw new UsageError("--key asks for our own wire, not for milk's");
    }
    const bind = args.text("bind") ?? "127.0.0.1";
    return {
      statsFile: args.text("stats-json"),
      receive: {
        port: integerFrom("PORT", port, 0, 65535),
        bind: hostFrom("--bind", bind),
        allow: args.list("allow"),
        ...wire === undefined ? {} : { wire },
        ...key === undefined ? {} : { key },
        direct: args.flag("direct"),
        ...as === undefined ? {} : { as: bareName(as) },
        ...dirOf(args),
        ...formatOf(args),
        replace: args.flag("replace"),
        once: args.flag("once"),
        maxBytes: args.integer("max-bytes", 1) ?? 2 ** 30,
        idleTimeoutMs: (args.number("idle-timeout", 0, 1e9) ?? 0) * 1000,
        schedule: scheduleOf(args),
      },
    };
  },
  needs({ receive, statsFile }, scope): Needs {
    const folder = [
      ...scope.folder(receive.as, receive.dir),
      ...receive.as === undefined ? [] : scope.stream(receive.as, receive.dir),
      ...scope.companions(receive.format),
    ];
    const stats = statsFile === undefined ? [] : scope.file(statsFile);
    const key = receive.key === undefined ? [] : scope.file(receive.key);
    return union([tellNeeds(scope), {
      read: [...folder, ...key],
      write: [...folder, ...stats],
      net: scope.host(receive.bind ?? "127.0.0.1", receive.port),
    }]);
  },
  async run({ receive, statsFile }, { out, signal }): Promise<number> {
    using reporter = new BridgeReporter(out, "receive");
    const receiver = Receiver.listen({
      ...receive,
      signal,
      onEvent: reporter.event,
    });
    const where = showEndpoint(receive.bind ?? "", receiver.port);
    reporter.event({ level: "note", message: `listening on ${where}` });
    reporter.watch({
      kind: "receive",
      label: where,
      status: () => receiver.status(),
      state: () => receiver.streams.join(", "),
    }, statsFile);
    const { bind = "" } = receive;
    using _ = tellOf(
      out,
      ["receive", bind, receiver.port],
      () =>
        receiver.byStream().map(({ path, status }) => ({
          part: "receive",
          address: where,
          path,
          condition: status.connected ? "up" : "waiting",
          stats: status,
        })),
    );
    await receiver.done;
    return EXIT.done;
  },
});
