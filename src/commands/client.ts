/** `shmim client`: reads the virtual device. @module */

import { pause } from "../../ffi/clock.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import type { Output } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { KEY, keyInUse, keyOf } from "../cli/sysv_options.ts";
import { isSystemError } from "../../ffi/errno.ts";
import { sparkline } from "../image/plot.ts";
import type { FileKey } from "../sysv/device_segment.ts";
import {
  type DeviceEvent,
  DeviceReader,
  eventsBetween,
  type Reading,
} from "../sysv/reading.ts";
import { fullScale } from "../sysv/wave.ts";

interface Options {
  readonly key: FileKey | undefined;
  readonly dir: string | undefined;
  readonly intervalMs: number;
  readonly count: number | undefined;
  readonly json: boolean;
}

function told(
  event: DeviceEvent,
  { record, pid, ageSeconds }: Reading,
): string {
  switch (event) {
    case "stopped":
      return "the device is stopped: the last sample stands";
    case "started":
      return "the device runs again";
    case "configured":
      return `the device was configured anew: ${record.wave}, period ` +
        `${record.period} s`;
    case "late":
      return `no sample for ${ageSeconds.toFixed(1)} s, though the device ` +
        `(pid ${pid}) lives`;
    case "died":
      return `the device (pid ${pid}) died: the last sample stands`;
    case "replaced":
      return `another device (pid ${pid}) has the key: ${record.wave}, ` +
        `period ${record.period} s`;
  }
}

function stateOf({ alive, late, record }: Reading): string {
  return alive ? late ? "late" : record.state : "died";
}

function row(reading: Reading, out: Output): string {
  const { record, ageSeconds } = reading;
  const most = fullScale(record.resolution);
  const text = `sample ${record.sample}  value ` +
    `${String(record.value).padStart(String(most).length)}  ${record.wave} ` +
    `${record.period} s  age ${ageSeconds.toFixed(3)} s`;
  const state = stateOf(reading);
  const line = state === "running" ? text : `${text}  ${state}`;
  if (!out.isTerminal) return line;
  const room = out.columns - line.length - 3;
  return `${line}  ${sparkline(record.history, most, room)}`.trimEnd();
}

function object(
  reading: Reading,
  events: readonly DeviceEvent[],
): Record<string, unknown> {
  const { record, ageSeconds, pid } = reading;
  return {
    time: new Date(Number(record.realtimeNs / 1_000_000n)).toISOString(),
    sample: record.sample,
    value: record.value,
    wave: record.wave,
    periodSeconds: record.period,
    intervalSeconds: record.interval,
    resolutionBits: record.resolution,
    phase: record.phase,
    ageSeconds,
    missed: record.missed,
    configuration: record.configuration,
    state: stateOf(reading),
    pid,
    events,
  };
}

function open(key: FileKey): DeviceReader {
  try {
    return DeviceReader.open(key);
  } catch (error) {
    if (!isSystemError(error, "ENOENT") || error.syscall === "ftok") {
      throw error;
    }
    throw new CommandError(
      `${error.message}; "shmim device WAVE PERIOD" starts a device`,
    );
  }
}

async function run(
  { key, dir, intervalMs, count, json }: Options,
  { out, signal }: Io,
): Promise<number> {
  using reader = open(keyInUse(key, dir));
  let before: Reading | undefined;
  for (let shown = 0; !signal.aborted;) {
    const reading = await reader.read() ??
      (await pause(intervalMs, signal), await reader.read());
    if (signal.aborted) break;
    if (reading === undefined) {
      throw new CommandError("The device ended: its segment is gone");
    }
    const events = eventsBetween(before, reading);
    if (json) out.json(object(reading, events), true);
    else {
      for (const event of events) {
        out.say(`shmim client: ${told(event, reading)}`);
      }
      out.line(row(reading, out));
    }
    before = reading;
    if (++shown === count) return reading.alive ? EXIT.done : EXIT.failed;
    await pause(intervalMs, signal);
  }
  return EXIT.done;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["client [--key PATH:ID] [OPTIONS]"],
  description: "Reads the virtual device's segment and prints value, wave, " +
    "period, number and age of the last sample, never half of one; on a " +
    "terminal with the samples before it as a line. Says when the device " +
    "stopped, died, was configured anew or replaced. Ends with 1 where there " +
    "is no segment, or no more, and where the device had died at the last of " +
    "--count readings.",
  options: [
    KEY,
    { name: "interval", value: "S", help: "between readings (default 1)" },
    { name: "count", value: "N", help: "so many readings (default: for ever)" },
    DIR,
    JSON_OPTION,
  ],
  examples: [["client --interval 0.5 --count 10", "ten readings"]],
  samples: [[]],
  parse(args): Options {
    args.exactly();
    return {
      key: keyOf(args),
      dir: args.text("dir"),
      intervalMs: (args.number("interval", 0.001, 86400) ?? 1) * 1000,
      count: args.integer("count", 1),
      json: args.flag("json"),
    };
  },
  needs({ key, dir }, scope): Needs {
    return {
      read: key === undefined
        ? scope.folder(undefined, dir)
        : scope.file(key.path),
    };
  },
  run,
});
