/** `shmim carry`: the process of a daemon that carries streams of one peer. @module */

import { resolve } from "@std/path";
import { bareHost } from "../bridge/endpoint.ts";
import { tellNeeds, tellOf } from "../cli/bridge_lines.ts";
import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { type Needs, union } from "../cli/needs.ts";
import { DIR } from "../cli/shared_options.ts";
import { readKey } from "../bridge/key.ts";
import { Carrier, MAX_PUMPS } from "../partition/carrier.ts";
import { ControlSocket } from "../partition/control.ts";

interface Options {
  readonly kind: "receive" | "transmit";
  readonly host: string;
  readonly control: string;
  readonly key: string | undefined;
  readonly allow: readonly string[];
  readonly streams: readonly string[];
  readonly dir: string | undefined;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["carry receive|transmit ADDRESS --control SOCKET [OPTIONS]"],
  description:
    "The process that `shmim daemon` starts for each peer and each " +
    `direction: it carries up to ${MAX_PUMPS} streams over our own wire, ` +
    "which the daemon names on SOCKET. It goes on when the daemon is killed; " +
    "the next one takes it over. ADDRESS is the peer's host, or for receive " +
    "the own address to listen on.",
  options: [
    {
      name: "control",
      value: "SOCKET",
      help: "Unix socket, in a folder of mode 0700",
    },
    { name: "key", value: "FILE", help: "the peer must have the same key" },
    {
      name: "allow",
      value: "ADDRESS",
      many: true,
      help: "receive: only these peers may connect",
    },
    {
      name: "stream",
      value: "STREAM",
      many: true,
      help: "transmit: one that lies elsewhere than in the folder",
    },
    DIR,
  ],
  examples: [[
    "carry transmit rtc --control run/t.sock",
    "as a daemon starts it",
  ]],
  samples: [
    ["transmit", "rtc", "--control", "t.sock", "--stream", "cam"],
    ["receive", "127.0.0.1", "--control", "r.sock"],
  ],
  parse(args): Options {
    const [kind = "", host = ""] = args.exactly("receive|transmit", "ADDRESS");
    if (kind !== "receive" && kind !== "transmit") {
      throw new UsageError(`"${kind}" is neither receive nor transmit`);
    }
    const control = args.text("control");
    if (control === undefined) {
      throw new UsageError("--control is missing: the daemon's socket");
    }
    return {
      kind,
      host: bareHost(host),
      control: resolve(control),
      key: args.text("key"),
      allow: args.list("allow"),
      streams: args.list("stream"),
      dir: args.text("dir"),
    };
  },
  needs({ kind, host, control, key, streams, dir }, scope): Needs {
    const folder = scope.folder(undefined, dir);
    const files = streams.flatMap((stream) => scope.stream(stream, dir));
    // Ports are told later: a transmitter takes any of its peer.
    const [where = ""] = scope.host(host, 0);
    const places = [...folder, ...files, ...scope.file(control)];
    return union([tellNeeds(scope), {
      read: [...places, ...key === undefined ? [] : scope.file(key)],
      write: places,
      net: [
        kind === "receive" ? where : where.replace(/:0$/, ""),
        ...scope.host(host, 0).includes("*") ? [] : [`unix:${control}`],
      ],
    }]);
  },
  async run({ kind, host, control, key, allow }, { out, signal }): Promise<
    number
  > {
    if (key !== undefined) readKey(key);
    const carrier = new Carrier({ kind, host, key, allow });
    const socket = new ControlSocket(
      control,
      (request) => carrier.answer(request),
    );
    using _ = tellOf(
      out,
      ["carry", kind, control],
      () =>
        carrier.status(Infinity).streams.map((
          { path, port, connected, counters },
        ) => ({
          part: kind,
          address: `${host}:${port}`,
          path,
          condition: connected ? "up" : "waiting",
          stats: {
            frames: counters.frames ?? 0,
            skipped: counters.skipped ?? 0,
            torn: counters.torn ?? 0,
          },
        })),
    );
    // Where nobody reads that, the daemon died meanwhile: so does this.
    out.line("stands");
    out.say("stands");
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve());
    });
    await carrier.stop();
    await socket.close({ keep: true });
    return EXIT.done;
  },
});
