/** Starts one channel for `shmim bridge`, and says how that went. @module */

import { showEndpoint } from "../bridge/endpoint.ts";
import { printable } from "../cli/output.ts";
import { isSettled, startDetached, waitFor } from "../channels/control.ts";
import { BRIDGE_EXIT, codeOf } from "../channels/outcome.ts";
import type { Planned } from "../channels/plan.ts";
import { fillCommand, runOverSsh } from "../channels/ssh.ts";
import type { ChannelFiles, ChannelState } from "../channels/state.ts";
import type { Options } from "./bridge.ts";
import { quote } from "../cli/refusal.ts";
import { runLine } from "./permissions.ts";

/** How a start went. */
export interface StartResult {
  /** How the channel is now. */
  readonly state: ChannelState;
  /** One line. */
  readonly message: string;
  /** Exit code. */
  readonly code: number;
}

/** A receiver of ours at the other end, which may have no table. */
function ownReceiver(plan: Planned): string {
  const { wire, key, allow } = plan.task;
  const given = (name: string, value: string | undefined): string =>
    value === undefined ? "" : ` --${name} ${quote(value)}`;
  return `shmim bridge {channel} --listen ${quote(addressOf(plan))}` +
    allow.map((address) => given("allow", address)).join("") +
    (wire === "milk" ? "" : given("wire", wire)) + given("key", key);
}

/** The words that run one channel in a process of its own. */
function ownWords(channel: string, options: Options): string[] {
  const { config, role, to, listen, allow, dir, carriage } = options;
  const given = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [`--${name}`, value];
  const shown = (end: { host: string; port: number } | undefined) =>
    end === undefined ? undefined : showEndpoint(end.host, end.port);
  return [
    "bridge",
    channel,
    "--foreground",
    ...given("config", config),
    ...given("role", role),
    ...given("to", shown(to)),
    ...given("listen", shown(listen)),
    ...allow.flatMap((address) => ["--allow", address]),
    ...given("wire", carriage.wire),
    ...given("key", carriage.key),
    ...given("policy", carriage.policy),
    ...given("queue", carriage.queue?.toString()),
    ...given("dir", dir),
  ];
}

/** The last thing that a process said, without the program's name. */
function lastLine(said: string): string {
  const line = said.trim().split("\n").at(-1) ?? "";
  return printable(line.replace(/^shmim: /, ""));
}

function addressOf({ task: { host, port } }: Planned): string {
  return showEndpoint(host, port);
}

function describe(
  plan: Planned,
  state: ChannelState,
  before: boolean,
): string {
  const { channel, part } = plan.task;
  const way = part === "transmit" ? "->" : "<-";
  const label = `${channel} ${way} ${addressOf(plan)}`;
  const reason = state.report?.reason ?? "";
  const goesOn = `it goes on trying; shmim bridge --stop ${channel} ends it`;
  switch (state.condition) {
    case "up":
      return `${label}: up${before ? " already" : ""}`;
    case "waiting":
      return `${label}: listening${before ? " already" : ""}`;
    case "refused":
    case "unreachable":
      return `${label}: ${state.condition}: ${reason}; ${goesOn}`;
    case "starting":
      return `${label}: not up yet; ${goesOn}`;
    default:
      return `${label}: ${state.condition}${reason && `: ${reason}`}`;
  }
}

/** A process that runs the channel to another place than the one asked for. */
function conflict(plan: Planned, state: ChannelState): string | undefined {
  const { report } = state;
  const { channel, part } = plan.task;
  if (
    report === undefined ||
    (report.part === part && report.address === addressOf(plan))
  ) return undefined;
  const does = report.part === "transmit" ? "transmits to" : "listens on";
  return `${channel}: it ${does} ${report.address} already; shmim bridge ` +
    `--stop ${channel} ends that`;
}

async function remote(plan: Planned, options: Options): Promise<void> {
  const { channel, port, host: address } = plan.task;
  const template = plan.other?.receive ?? ownReceiver(plan);
  await runOverSsh({
    host: options.ssh || plan.other?.ssh || address,
    command: fillCommand(template, { channel, port, address }, quote),
  });
}

/** Starts a channel where it does not run, and waits for its first word. */
export async function startChannel(
  plan: Planned,
  files: ChannelFiles,
  options: Options,
): Promise<StartResult> {
  const before = files.running;
  let said = "";
  let over = (): boolean => false;
  if (!before) {
    files.forget();
    const words = ownWords(plan.task.channel, options);
    const line = await runLine(words);
    const [, run = "run", ...rest] = line;
    // A compiled program is its own interpreter, and has its permissions.
    const started = startDetached(
      Deno.execPath(),
      Deno.build.standalone ? words : [run, "-q", ...rest],
    );
    started.ended.then((text) => said = text);
    over = started.over;
  }
  const { timeoutMs } = options;
  let state = await waitFor(files, timeoutMs, isSettled, over);
  const strange = before ? conflict(plan, state) : undefined;
  if (strange !== undefined) {
    return { state, message: strange, code: BRIDGE_EXIT.down };
  }
  if (state.condition === "refused" && options.ssh !== undefined) {
    try {
      await remote(plan, options);
    } catch (error) {
      const message = `${plan.task.channel}: ${(error as Error).message}`;
      return { state, message, code: codeOf(state) };
    }
    const up = ({ condition }: ChannelState) => condition === "up";
    state = await waitFor(files, timeoutMs, up, over);
  }
  if (!state.running && state.report === undefined) {
    const message = `${plan.task.channel}: ${lastLine(said)}`;
    return { state, message, code: BRIDGE_EXIT.down };
  }
  const code = state.condition === "waiting" ? BRIDGE_EXIT.up : codeOf(state);
  return { state, message: describe(plan, state, before), code };
}
