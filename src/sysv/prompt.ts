/**
 * What a device's prompt understands.
 * @module
 */

import type { Device } from "./device.ts";
import { LIMITS, type Wave, waveNamed, WAVES } from "./wave.ts";

/** What a device says to a line. */
export interface Reply {
  /** False where it could not be done. */
  readonly ok: boolean;
  /** The device ends. */
  readonly ended: boolean;
  /** Lines for the user. */
  readonly text: string;
}

/** The words of the prompt, and what they do. */
export const WORDS: readonly (readonly [string, string])[] = [
  ["start", "the wave begins again"],
  ["stop", "no more samples; the last one stays"],
  ["config [WAVE PERIOD]", "another wave and period, from its begin; asks"],
  ["status", "what it does"],
  ["exit", "ends the device and removes the segment"],
  ["help", "this"],
];

function helpText(): string {
  return WORDS.map(([word, what]) => `${word.padEnd(22)}${what}`).join("\n");
}

/** The wave and period of `config`; "-" keeps what is. */
function configured(
  device: Device,
  [waveText = "", periodText = "", ...more]: readonly string[],
): { wave: Wave; period: number } | string {
  if (waveText === "" || periodText === "" || more.length > 0) {
    return "config takes a wave and a period, as in config TRI 3";
  }
  const wave = waveText === "-" ? device.settings.wave : waveNamed(waveText);
  if (wave === undefined) {
    return `A wave is ${WAVES.join(", ")}, not "${waveText}"; nothing changed`;
  }
  const period = periodText === "-"
    ? device.settings.period
    : Number(periodText);
  const [least, most] = LIMITS.period;
  if (!(period >= least && period <= most)) {
    return `A period is ${least} to ${most} s, not "${periodText}"; nothing ` +
      "changed";
  }
  return { wave, period };
}

/**
 * Does what a line says.
 *
 * @param device The device.
 * @param line As it was typed.
 */
export function execute(device: Device, line: string): Reply {
  const [word = "", ...rest] = line.trim().split(/\s+/);
  const good = (text: string): Reply => ({ ok: true, ended: false, text });
  const bad = (text: string): Reply => ({ ok: false, ended: false, text });
  const known = WORDS.some(([usage]) => usage.split(" ")[0] === word);
  if (known && word !== "config" && rest.length > 0) {
    return bad(`${word} takes no more words: "${rest.join(" ")}"`);
  }
  switch (word) {
    case "start":
      return good(device.start() ? "started" : "it runs already");
    case "stop":
      return good(device.stop() ? "stopped" : "it is stopped already");
    case "config": {
      const wanted = configured(device, rest);
      if (typeof wanted === "string") return bad(wanted);
      device.configure(wanted);
      return good(`configured: ${wanted.wave}, period ${wanted.period} s`);
    }
    case "status":
      return good(device.status());
    case "exit":
      return { ok: true, ended: true, text: "ended, the segment is removed" };
    case "help":
      return good(helpText());
    default:
      return bad(
        `Unknown word "${word}": start, stop, config, status, exit or help`,
      );
  }
}
