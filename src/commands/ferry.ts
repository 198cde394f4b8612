/** `shmim ferry`: the process of a daemon that carries segments of one peer. @module */

import { resolve } from "@std/path";
import { bareHost, readEndpoint } from "../bridge/endpoint.ts";
import { readKey } from "../bridge/key.ts";
import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs, union } from "../cli/needs.ts";
import {
  type Daemon,
  daemonOf,
  partitionFrom,
  SEGMENT_NEEDS,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { ControlSocket } from "../partition/control.ts";
import { Ferry } from "../partition/ferry.ts";
import type { MeetingPlace } from "../partition/meeting.ts";
import { runFolder } from "../partition/run_folder.ts";

interface Options {
  readonly which: Daemon;
  readonly peer: number;
  readonly where: MeetingPlace;
  readonly control: string;
  readonly key: string | undefined;
}

function whereOf(
  listen: string | undefined,
  connect: string | undefined,
): MeetingPlace {
  if ((listen === undefined) === (connect === undefined)) {
    throw new UsageError("One of --listen and --connect says where");
  }
  if (listen !== undefined) {
    return { listen: bareHost(listen) };
  }
  const found = readEndpoint(connect ?? "");
  if (found === undefined || found.port < 1 || found.port > 65535) {
    throw new UsageError(`--connect is "${connect}", not HOST:PORT`);
  }
  return { host: found.hostname, port: found.port };
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "ferry PARTITION --listen ADDRESS --control SOCKET [OPTIONS]",
    "ferry PARTITION --connect HOST:PORT --control SOCKET [OPTIONS]",
  ],
  description: "The process that `shmim daemon` starts for each peer that " +
    "has to do with its segments: it carries updates between this partition " +
    "and PARTITION, in both directions over one connection. It goes on when " +
    "the daemon is killed; the next one takes it over.",
  options: [
    { name: "listen", value: "ADDRESS", help: "own address; any free port" },
    {
      name: "connect",
      value: "HOST:PORT",
      help: "where the other one listens",
    },
    {
      name: "control",
      value: "SOCKET",
      help: "Unix socket, in a folder of mode 0700",
    },
    { name: "key", value: "FILE", help: "the peer must have the same key" },
    ...UNIT_OPTIONS,
  ],
  examples: [[
    "ferry 2 --listen 192.168.2.2 --control run/f.sock",
    "as a daemon starts it",
  ]],
  samples: [
    ["2", "--listen", "127.0.0.1", "--control", "f.sock"],
    ["2", "--connect", "rtc:7200", "--control", "f.sock"],
  ],
  parse(args): Options {
    const [partition = ""] = args.exactly("PARTITION");
    const control = args.text("control");
    if (control === undefined) {
      throw new UsageError("--control is missing: the daemon's socket");
    }
    return {
      which: daemonOf(args),
      peer: partitionFrom("PARTITION", partition),
      where: whereOf(args.text("listen"), args.text("connect")),
      control: resolve(control),
      key: args.text("key"),
    };
  },
  needs({ which, where, control, key }, scope): Needs {
    const folder = scope === GENERAL
      ? scope.folder(undefined)
      : [runFolder(which.run)];
    const net = "listen" in where
      ? scope.host(where.listen, 0)
      : scope.host(where.host, where.port);
    const files = [...folder, ...scope.file(control)];
    return union([SEGMENT_NEEDS, {
      read: [...files, ...key === undefined ? [] : scope.file(key)],
      write: files,
      net: [...net, ...net.includes("*") ? [] : [`unix:${control}`]],
    }]);
  },
  async run(options, { out, signal }): Promise<number> {
    const { which, peer, where, control, key } = options;
    const ferry = new Ferry({
      folder: runFolder(which.run),
      unit: which.unit,
      peer,
      where,
      ...key === undefined ? {} : { key: readKey(key) },
      signal,
    });
    const socket = new ControlSocket(
      control,
      (request) => ferry.answer(request),
    );
    // Where nobody reads that, the daemon died meanwhile: so does this.
    out.line("stands");
    out.say("stands");
    try {
      await ferry.run();
    } finally {
      await socket.close({ keep: true });
    }
    return EXIT.done;
  },
});
