/** `shmim daemon`: keeps what a partition shares and mounts. @module */

import { resolve } from "@std/path";
import { notify } from "../../ffi/notify.ts";
import { variable } from "../../ffi/access.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { describe, EXIT, exitCode, UsageError } from "../cli/errors.ts";
import { EXACT, GENERAL, type Needs, type Scope, union } from "../cli/needs.ts";
import { type Output, OutputClosed } from "../cli/output.ts";
import {
  type Daemon as Which,
  daemonOf,
  SEGMENT_NEEDS,
  socketNeeds,
  UNIT_OPTIONS,
} from "../cli/partition_options.ts";
import { DIR } from "../cli/shared_options.ts";
import type { BridgeEvent } from "../bridge/session.ts";
import { type DaemonConfig, readConfig } from "../partition/config.ts";
import { Daemon } from "../partition/daemon.ts";
import { dutySocket } from "../partition/duties.ts";
import { VERSION } from "../cli/version.ts";
import { STATE_VARIABLE } from "../channels/place.ts";
import { Keyring } from "../partition/keyring.ts";
import { startDuty } from "./duty_process.ts";
import { runFolder } from "../partition/run_folder.ts";
import { MAX_DUTIES, MAX_PARTITION } from "../partition/unit.ts";
import { streamFolder } from "../stream/names.ts";

/** What systemd tells a service. */
const SYSTEMD = ["NOTIFY_SOCKET", "WATCHDOG_USEC"] as const;

interface Options {
  readonly which: Which;
  readonly partition: number | undefined;
  readonly configFile: string | undefined;
  readonly dir: string | undefined;
  readonly log: "text" | "json";
  readonly metrics: number | undefined;
  readonly reach: readonly string[];
  /** What the file says, once it is read. */
  config?: DaemonConfig;
}

/** Tells systemd that all is well, as often as it wants to hear. */
function reporting(): Disposable {
  const path = variable("NOTIFY_SOCKET");
  if (path === undefined || path === "") return new DisposableStack();
  notify(path, "READY=1\n");
  const watchdogUs = Number(variable("WATCHDOG_USEC") ?? 0);
  const timer = watchdogUs > 0
    ? setInterval(() => notify(path, "WATCHDOG=1\n"), watchdogUs / 3000)
    : undefined;
  return {
    [Symbol.dispose](): void {
      clearInterval(timer);
      notify(path, "STOPPING=1\n");
    },
  };
}

/** An event as a line of JSON. */
function jsonLine(
  level: BridgeEvent["level"] | "error",
  message: string,
): string {
  return JSON.stringify({ time: new Date().toISOString(), level, message });
}

function logger(
  out: Output,
  log: Options["log"],
): (event: BridgeEvent) => void {
  return ({ level, message }) =>
    out.say(
      log === "json"
        ? jsonLine(level, message)
        : level === "warning"
        ? `warning: ${message}`
        : message,
    );
}

/** Serves the metrics on a loopback port. */
function serveMetrics(port: number, daemon: Daemon): Deno.HttpServer {
  return Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    (request) =>
      new URL(request.url).pathname === "/metrics"
        ? new Response(daemon.metrics(), {
          headers: { "content-type": "text/plain; version=0.0.4" },
        })
        : new Response("/metrics\n", { status: 404 }),
  );
}

async function run(options: Options, { out, signal }: Io): Promise<number> {
  const { which, partition, config, metrics } = options;
  const onEvent = logger(out, options.log);
  const daemon = Daemon.start({
    folder: runFolder(which.run),
    unit: which.unit,
    ...partition === undefined ? {} : { partition },
    dir: streamFolder(options.dir ?? config?.dir),
    ...config === undefined ? {} : { config },
    onEvent,
    startDuty,
    version: VERSION,
    ...config === undefined ? {} : { keys: new Keyring(config) },
  });
  let server: Deno.HttpServer | undefined;
  try {
    if (metrics !== undefined) {
      server = serveMetrics(metrics, daemon);
      const { port } = server.addr as Deno.NetAddr;
      onEvent({
        level: "note",
        message: `metrics on http://127.0.0.1:${port}/metrics`,
      });
    }
    using _ = reporting();
    const up = `partition ${daemon.state.partition} is up: unit ` +
      `${which.unit}, pid ${Deno.pid}`;
    out.line(options.log === "json" ? jsonLine("note", up) : up);
    const stop = (): void => void daemon.close();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
    await daemon.done;
  } finally {
    await server?.shutdown();
    await daemon.close();
  }
  return EXIT.done;
}

/** What streams between hosts take. */
function between(
  { unit, run }: Which,
  config: DaemonConfig | undefined,
  scope: Scope,
): Needs {
  const { listen, key, peers = [] } = config ?? {};
  const keys = [key, ...peers.map((peer) => peer.key)]
    .filter((one) => one !== undefined);
  const needed = scope === GENERAL || listen !== undefined || peers.length > 0;
  return {
    read: keys.flatMap((one) => scope.file(one)),
    net: [
      ...listen === undefined ? [] : scope.host(listen.hostname, listen.port),
      ...peers.flatMap(({ host, port }) => scope.host(host, port)),
      ...scope === GENERAL || !needed ? [] : Array.from(
        { length: MAX_DUTIES },
        (_, slot) => `unix:${dutySocket(runFolder(run), unit, slot)}`,
      ),
    ],
    run: needed ? scope.self() : [],
    // What its processes are granted is found out here.
    env: needed ? [STATE_VARIABLE] : [],
  };
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["daemon [--unit N] [--partition ID] [--config FILE] [OPTIONS]"],
  description: "Keeps what a partition shares with others and mounts of " +
    "theirs, and answers `shmim ctl`, `share` and `mount`. Frames never pass " +
    "through it: killed, it leaves everything working, and the next one takes " +
    "over. `shmim ctl startup` starts it in the background.",
  options: [
    {
      name: "partition",
      value: "ID",
      help: "number of the partition (default: as before, else the unit's)",
    },
    {
      name: "config",
      value: "FILE",
      help: "TOML: limits, and what is always shared and mounted",
    },
    {
      name: "reach",
      value: "FOLDER",
      many: true,
      help: "stream folder of another partition, to link to it unasked",
    },
    { name: "metrics", value: "PORT", help: "also on this port of 127.0.0.1" },
    { name: "log", value: "FORMAT", help: "text (default) or json" },
    ...UNIT_OPTIONS,
    DIR,
  ],
  examples: [["daemon --unit 1 --partition 2", "a second one on this host"]],
  samples: [["--metrics", "9100"]],
  parse(args): Options {
    args.exactly();
    return {
      which: daemonOf(args),
      partition: args.integer("partition", 0, MAX_PARTITION),
      configFile: args.text("config"),
      dir: args.text("dir"),
      log: args.choice<Options["log"]>("log", ["text", "json"]) ?? "text",
      metrics: args.integer("metrics", 0, 65535),
      reach: args.list("reach"),
    };
  },
  prepare(options): Promise<void> {
    const { configFile } = options;
    if (configFile !== undefined) {
      try {
        options.config = readConfig(configFile);
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        throw new UsageError((error as Error).message, { cause: error });
      }
    }
    return Promise.resolve();
  },
  needs(options, scope): Needs {
    const { which, configFile, config, dir, metrics } = options;
    const streams = [
      ...scope.folder(undefined, dir ?? config?.dir),
      ...options.reach.flatMap((folder) => scope.folder(undefined, folder)),
    ];
    const systemd = variable("NOTIFY_SOCKET");
    const told = scope !== EXACT && systemd === undefined
      ? []
      : systemd?.startsWith("/")
      ? [resolve(systemd)]
      : [];
    return union([
      socketNeeds(scope, which.run, [which.unit]),
      SEGMENT_NEEDS,
      {
        read: [
          ...streams,
          ...configFile === undefined ? [] : scope.file(configFile),
        ],
        write: [...streams, ...told],
        net: metrics === undefined ? [] : scope.host("127.0.0.1", metrics),
        env: SYSTEMD,
      },
      between(which, config, scope),
    ]);
  },
  async run(options, io): Promise<number> {
    try {
      await command.prepare?.(options);
      return await run(options, io);
    } catch (error) {
      if (
        options.log !== "json" || error instanceof OutputClosed ||
        error instanceof Deno.errors.NotCapable
      ) throw error; // whoever grants permissions reads it
      io.out.say(jsonLine("error", describe(error, false)));
      return exitCode(error);
    }
  },
});
