/**
 * Bridges as people see them: the table of channels, and how they do.
 * @module
 */

import type { ChannelState } from "../channels/state.ts";
import { us } from "./bridge_status.ts";
import { columns, type Output, printable } from "./output.ts";

/** Colours of conditions, by SGR number. */
const COLORS: Readonly<Record<ChannelState["condition"], number>> = {
  up: 32,
  starting: 33,
  waiting: 33,
  refused: 33,
  unreachable: 31,
  failed: 31,
  stuck: 31,
  crashed: 31,
  down: 2,
};
const BARS = "▁▂▃▄▅▆▇█";
const BAR_COUNT = 16;

/** How long, in the two largest units. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) {
    return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  }
  return `${Math.floor(s / 86400)} d ${Math.floor(s / 3600) % 24} h`;
}

/** Rates as bars, the last one on the right. */
export function sparkline(rates: readonly number[]): string {
  const last = rates.slice(-BAR_COUNT);
  const most = Math.max(...last, 0);
  const bar = (rate: number): string =>
    rate <= 0 || most === 0
      ? "·"
      : BARS[Math.min(7, Math.floor(rate / most * 7.999))] ?? "";
  return last.map(bar).join("").padStart(BAR_COUNT);
}

function text(value: unknown): string {
  return value === undefined || value === null ? "-" : String(value);
}

function row(state: ChannelState, now: number): string[] {
  const { report, channel, condition } = state;
  if (report === undefined) {
    return [channel, "", condition, ...Array(7).fill("")];
  }
  const { stats } = report;
  const rate = typeof stats.rateHz === "number" && state.running
    ? stats.rateHz.toFixed(1)
    : "-";
  const since = state.running ? report.since : report.updated;
  return [
    channel,
    `${report.part === "transmit" ? "->" : "<-"} ${report.address}`,
    condition,
    duration(now - since),
    rate,
    state.running ? sparkline(report.rates) : "",
    us(stats.latencyP50Us),
    us(stats.latencyP99Us),
    text(stats.skipped),
    text(stats.reconnects),
  ];
}

const HEADING = [
  "channel",
  "peer or port",
  "state",
  "since",
  "Hz",
  "",
  "p50",
  "p99",
  "skipped",
  "reconnects",
];

/** Whether there is something to say of a state beside its numbers. */
function remark({ condition, report }: ChannelState): string {
  if (condition === "crashed") {
    return `its process ${text(report?.pid)} ended without a word`;
  }
  if (condition === "stuck") {
    return `its process ${text(report?.pid)} lives, but says nothing`;
  }
  return report?.reason ?? "";
}

/** Draws how channels do. */
export function drawStates(out: Output, states: readonly ChannelState[]): void {
  const now = Date.now();
  const [heading = "", ...lines] = columns(
    [HEADING, ...states.map((state) => row(state, now))],
    [4, 6, 7, 8, 9],
  );
  const paint = (code: number, line: string): string =>
    out.color ? `\x1b[${code}m${line}\x1b[0m` : line;
  out.line(`  ${paint(2, heading)}`);
  lines.forEach((line, i) => {
    const state = states[i];
    if (state === undefined) return;
    const mark = state.running ? "●" : "○";
    const color = COLORS[state.condition];
    const word = state.condition;
    const at = line.indexOf(` ${word}`, state.channel.length) + 1;
    out.line(
      `${paint(color, mark)} ${line.slice(0, at)}${paint(color, word)}` +
        line.slice(at + word.length),
    );
    const said = remark(state);
    if (said !== "") out.line(`    ${paint(2, printable(said))}`);
  });
}

/** A state as an object for scripts. */
export function stateObject(state: ChannelState): Record<string, unknown> {
  const { channel, condition, running, report } = state;
  if (report === undefined) return { channel, condition, running };
  const { stats, started, updated, since, ...rest } = report;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    ...rest,
    channel,
    condition,
    running,
    reason: remark(state),
    started: iso(started),
    since: iso(since),
    updated: iso(updated),
    ...stats,
  };
}
