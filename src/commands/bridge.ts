/** `shmim bridge`: channels set up, watched and stopped by name. @module */

import { resolve } from "@std/path";
import { readEndpoint } from "../bridge/endpoint.ts";
import { type Arguments, integerFrom } from "../cli/args.ts";
import { Meter, statsObject } from "../cli/bridge_status.ts";
import { drawStates, stateObject } from "../cli/bridge_view.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs, Scope } from "../cli/needs.ts";
import { columns, jsonValue } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { stopChannel } from "../channels/control.ts";
import { BRIDGE_EXIT, codeOf, gravest } from "../channels/outcome.ts";
import {
  findTable,
  HOST_TABLE,
  namedTable,
  PLACE_VARIABLES,
  requireStateFolder,
  stateFolder,
  tablePlaces,
} from "../channels/place.ts";
import {
  type BridgeRequest,
  listed,
  loadTable,
  type Planned,
  planned,
} from "../channels/plan.ts";
import { matching } from "../channels/select.ts";
import { serve } from "../channels/serve.ts";
import { ChannelFiles, knownChannels } from "../channels/state.ts";
import { disagreements } from "../channels/check.ts";
import { type Carriage, POLICIES, WIRES } from "../channels/table.ts";
import { requireName } from "../stream/names.ts";
import { startChannel } from "./bridge_start.ts";

const ACTIONS = ["list", "status", "stop", "check", "foreground"] as const;
type Action = (typeof ACTIONS)[number] | "start";

/** What was asked for. */
export interface Options extends BridgeRequest {
  readonly action: Action;
  readonly json: boolean;
  readonly ssh: string | undefined;
  readonly timeoutMs: number;
}

/** Reads `HOST:PORT`, `[::1]:PORT`, and for listening `PORT` alone. */
function endpoint(
  option: string,
  text: string,
  host?: string,
): { host: string; port: number } {
  const found = readEndpoint(text, host);
  if (found === undefined) {
    const shape = host === undefined ? "HOST:PORT" : "[ADDRESS:]PORT";
    throw new UsageError(`${option} takes ${shape}, not "${text}"`);
  }
  const port = integerFrom(option, String(found.port), 1, 65535);
  return { host: found.hostname, port };
}

function actionOf(args: Arguments): Action {
  const given = ACTIONS.filter((action) => args.flag(action));
  if (given.length > 1) {
    throw new UsageError(`--${given[0]} and --${given[1]} exclude each other`);
  }
  return given[0] ?? "start";
}

/** Options that a table would give; nothing where there is one. */
function carriageOf(args: Arguments, direct: boolean): Partial<Carriage> {
  const wire = args.choice("wire", WIRES);
  const policy = args.choice("policy", POLICIES);
  const key = args.text("key");
  const queue = args.integer("queue", 1, 65536);
  const carriage = {
    ...wire === undefined ? {} : { wire },
    ...policy === undefined ? {} : { policy },
    ...key === undefined ? {} : { key: resolve(key) },
    ...queue === undefined ? {} : { queue },
  };
  const [first] = Object.keys(carriage);
  if (first !== undefined && !direct) {
    throw new UsageError(
      `--${first} goes with --to or --listen; a channel has it in its table`,
    );
  }
  const own = first !== undefined && (first !== "wire" || wire === "shmim");
  if (own && wire !== "shmim") {
    throw new UsageError(`--${first} asks for our own wire: add --wire shmim`);
  }
  return carriage;
}

function requireWords(action: Action, args: Arguments): void {
  const count = args.words.length;
  if (action === "check" && count > 0) {
    throw new UsageError(`"${args.words[0]}" is one argument too many`);
  }
  if (action === "foreground" && count !== 1) {
    throw new UsageError("--foreground takes one CHANNEL");
  }
  if (action === "stop" && (count === 0) !== args.flag("all")) {
    throw new UsageError("--stop takes CHANNEL, or --all");
  }
  if (action !== "start" || count > 0) return;
  const ssh = args.text("ssh");
  throw new UsageError(
    ssh === undefined || ssh === ""
      ? "CHANNEL is missing"
      : `CHANNEL is missing: "${ssh}" was taken for the host of --ssh; write ` +
        "channels first",
  );
}

/** Whether it is asked what any call can need, and not what this one does. */
function isGeneral(scope: Scope): boolean {
  return scope.host("*", 0).includes("*");
}

/**
 * Files of the table, for reading: the one that was named, or those places
 * that may be looked at.
 */
function tableFiles({ config }: Options, scope: Scope): string[] {
  if (isGeneral(scope)) return [HOST_TABLE];
  const named = namedTable(config);
  if (named !== undefined) return scope.file(named);
  return tablePlaces().filter((path) =>
    Deno.permissions.querySync({ name: "read", path }).state === "granted"
  );
}

/** What the process of one channel needs: its stream, its peer, its state. */
function channelNeeds(options: Options, scope: Scope): Needs {
  const state = scope.file(stateFolder());
  const read = [...tableFiles(options, scope), ...state];
  const plan = isGeneral(scope) ? undefined : planned(options)[0];
  const folder = scope.folder(options.channels[0], options.dir);
  const key = plan?.task.key;
  return {
    read: [...folder, ...read, ...key === undefined ? [] : scope.file(key)],
    write: [...folder, ...state],
    net: plan === undefined
      ? ["*"]
      : scope.host(plan.task.host, plan.task.port),
    env: PLACE_VARIABLES,
  };
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "bridge CHANNEL… [--ssh [HOST]] [OPTIONS]",
    "bridge STREAM --to HOST:PORT | --listen [ADDRESS:]PORT",
    "bridge --list | --status [CHANNEL…] | --check",
    "bridge --stop CHANNEL… | --stop --all",
  ],
  description: "Sets up channels by their names in the channel table, as " +
    "dmdispbridge does, and keeps them going: each in a process of its own " +
    "that outlives the terminal. The host that a channel comes from " +
    "transmits, the one that it goes to receives; MAGAOX_ROLE or --role says " +
    "which host this is. A local stream that is missing is made, an existing " +
    "one is left alone. CHANNEL may be a pattern. Starting what runs, and " +
    "stopping what does not, is no error. The table is --config, " +
    "$SHMIM_CONFIG, ~/.config/shmim/bridges.toml or " +
    "/etc/shmim/bridges.toml. Exit codes: 0 up, 1 down, 3 refused, 4 " +
    "unreachable, 5 listening without a peer (--status only).",
  options: [
    { name: "list", help: "channels of the table" },
    { name: "status", help: "how the bridges of this host do" },
    { name: "stop", help: "stop channels" },
    { name: "all", help: "with --stop: every channel that runs here" },
    { name: "check", help: "look for mistakes in the table" },
    { name: "config", value: "FILE", help: "the channel table" },
    { name: "role", value: "ROLE", help: "which host this is" },
    {
      name: "to",
      value: "HOST:PORT",
      help: "transmit there, without a table",
    },
    {
      name: "listen",
      value: "[ADDRESS:]PORT",
      help: "receive there, without a table",
    },
    {
      name: "allow",
      value: "ADDRESS",
      many: true,
      help: "with --listen: only these peers may connect",
    },
    {
      name: "wire",
      value: "WIRE",
      help: "with --to and --listen: milk (default) or shmim",
    },
    {
      name: "key",
      value: "FILE",
      help: "with --wire shmim: both must have it",
    },
    {
      name: "policy",
      value: "POLICY",
      help: "with --wire shmim, where the line is slow: latest or every",
    },
    {
      name: "queue",
      value: "N",
      help: "frames that may wait with --policy every",
    },
    {
      name: "ssh",
      value: "[HOST]",
      help: "start a receiver over ssh where none listens",
    },
    {
      name: "timeout",
      value: "S",
      help: "wait so long for a channel to come up (default 10)",
    },
    {
      name: "foreground",
      help: "run one channel in this process, for a service manager",
    },
    DIR,
    JSON_OPTION,
  ],
  examples: [
    ["bridge 'dm01disp*'", "the tweeter's channels, at either host"],
    ["bridge acc000 --to rtc:8886 --ssh", "and a receiver at the other end"],
    ["bridge --status", "how they do"],
  ],
  samples: [
    ["cam", "--to", "rtc:8886", "--ssh"],
    ["cam", "--to", "rtc:8886", "--foreground"],
    ["--status"],
  ],
  parse(args): Options {
    const action = actionOf(args);
    requireWords(action, args);
    const to = args.text("to");
    const listen = args.text("listen");
    if (to !== undefined && listen !== undefined) {
      throw new UsageError("--to and --listen exclude each other");
    }
    const direct = to !== undefined || listen !== undefined;
    if (direct && args.words.length !== 1) {
      throw new UsageError("--to and --listen take one STREAM");
    }
    if (direct) requireName(args.words[0] ?? "");
    const config = args.text("config");
    const dir = args.text("dir");
    return {
      action,
      channels: args.words,
      config: config === undefined ? undefined : resolve(config),
      role: args.text("role"),
      to: to === undefined ? undefined : endpoint("--to", to),
      listen: listen === undefined
        ? undefined
        : endpoint("--listen", listen, "127.0.0.1"),
      allow: args.list("allow"),
      ssh: args.text("ssh"),
      timeoutMs: (args.number("timeout", 0, 3600) ?? 10) * 1000,
      carriage: carriageOf(args, direct),
      dir: dir === undefined ? undefined : resolve(dir),
      json: args.flag("json"),
    };
  },
  needs(options, scope): Needs {
    if (options.action === "foreground") return channelNeeds(options, scope);
    const state = scope.file(stateFolder());
    const table = tableFiles(options, scope);
    const common = { env: PLACE_VARIABLES };
    const streams = scope.folder(options.channels[0], options.dir);
    switch (options.action) {
      case "list":
        return { ...common, read: table };
      case "check":
        return { ...common, read: [...table, ...streams] };
      case "status":
      case "stop":
        return {
          ...common,
          read: [...state, ...table],
          write: state,
        };
      case "start":
        return {
          ...common,
          read: [...state, ...table, ...streams],
          write: state,
          run: [
            ...scope.self(),
            ...options.ssh === undefined ? [] : ["ssh"],
          ],
        };
    }
  },
  async run(options, io): Promise<number> {
    switch (options.action) {
      case "start":
        return await start(options, io);
      case "foreground":
        return await foreground(options, io);
      case "list":
        return list(options, io);
      case "check":
        return check(options, io);
      case "status":
        return status(options, io);
      case "stop":
        return await stop(options, io);
    }
  },
});

function filesOf(channel: string): ChannelFiles {
  return new ChannelFiles(stateFolder(), channel);
}

async function start(options: Options, { out }: Io): Promise<number> {
  const plans = planned(options);
  requireStateFolder(stateFolder());
  const results = await Promise.all(
    plans.map((plan) =>
      startChannel(plan, filesOf(plan.task.channel), options)
    ),
  );
  if (options.json) {
    out.json(results.map(({ state, message }) => ({
      ...stateObject(state),
      message,
    })));
  } else {
    for (const { message } of results) out.say(message);
  }
  return gravest(results.map(({ code }) => code));
}

async function foreground(options: Options, io: Io): Promise<number> {
  const plan = planned(options)[0] as Planned;
  requireStateFolder(stateFolder());
  const { out } = io;
  await serve(plan.task, {
    files: filesOf(plan.task.channel),
    signal: io.signal,
    say: (line) => out.say(line),
    stats: (shown) => {
      const meter = new Meter();
      return () =>
        JSON.parse(
          JSON.stringify(
            statsObject(shown, meter.take(shown.status())),
            jsonValue,
          ),
        );
    },
  });
  return EXIT.done;
}

function list(options: Options, { out }: Io): number {
  const rows = listed(options);
  if (options.json) {
    out.json(rows);
    return EXIT.done;
  }
  const cells = rows.map((row) => [
    row.channel,
    `${row.from} -> ${row.to}`,
    row.size.join("x"),
    row.type,
    row.address,
    row.wire,
    row.policy,
    row.part ?? "-",
  ]);
  const heading = [
    "channel",
    "way",
    "size",
    "type",
    "receiver",
    "wire",
    "policy",
    "this host",
  ];
  for (const line of columns([heading, ...cells])) out.line(line);
  return EXIT.done;
}

function check(options: Options, { out }: Io): number {
  const found = loadTable(findTable(options.config), options.config);
  const problems = [
    ...found.problems,
    ...found.problems.length > 0 ? [] : disagreements(found.table, options),
  ];
  const { path, hosts, channels } = found.table;
  for (const { line, column, message } of problems) {
    out.line(`${path}:${line}:${column}: ${message}`);
  }
  if (problems.length > 0) {
    const many = problems.length === 1 ? "" : "s";
    throw new CommandError(`${problems.length} problem${many} in "${path}"`);
  }
  out.say(
    `${path}: ${hosts.length} hosts, ${channels.length} channels, no problem`,
  );
  return EXIT.done;
}

/** Channels that the words stand for: of the state folder and the table. */
function channelsHere(options: Options): string[] {
  const known = knownChannels(stateFolder());
  if (options.channels.length === 0) return known;
  const { names, unknown } = matching(options.channels, known);
  if (unknown.length === 0) return names;
  const inTable = matching(unknown, tableNames(options));
  const lost = inTable.unknown[0];
  if (lost !== undefined) {
    throw new CommandError(
      `There is no channel "${lost}" here or in the table`,
    );
  }
  return [...names, ...inTable.names];
}

function tableNames(options: Options): string[] {
  const file = findTable(options.config);
  if (file === undefined) return [];
  return loadTable(file, options.config).table.channels.map(({ name }) => name);
}

function status(options: Options, { out }: Io): number {
  const found = channelsHere(options).map((name) => filesOf(name).state());
  if (options.json) out.json(found.map(stateObject));
  else if (found.length > 0) drawStates(out, found);
  else out.say("No bridge is set up on this host");
  return found.length === 0 ? BRIDGE_EXIT.down : gravest(found.map(codeOf));
}

async function stop(options: Options, { out }: Io): Promise<number> {
  const names = channelsHere(options);
  const results = await Promise.all(names.map(async (name) => {
    const files = filesOf(name);
    const ran = files.running;
    const after = await stopChannel(files, options.timeoutMs);
    if (after.running) {
      out.say(
        `${name}: its process ${after.report?.pid} does not end; kill it`,
      );
    } else out.say(`${name}: ${ran ? "stopped" : "did not run"}`);
    return after.running ? BRIDGE_EXIT.down : EXIT.done;
  }));
  return gravest(results);
}
