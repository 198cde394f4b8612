/**
 * The waves of the virtual device.
 *
 * With u the phase in [0, 1) and m = 2^resolution - 1, rounded to the nearest
 * integer:
 *
 * - `SIN`: m/2 + m/2 sin(2 pi u)
 * - `TRI`: m (1 - |2u - 1|)
 * - `QUA`: a parabola in each half, m/2 + m/2 (1 - (4u - 1)^2) for u < 1/2,
 *   else m/2 - m/2 (1 - (4u - 3)^2)
 * @module
 */

/** The waves. */
export const WAVES = ["SIN", "QUA", "TRI"] as const;
/** A wave. */
export type Wave = typeof WAVES[number];

/** Most bits that a sample can have. */
export const MAX_RESOLUTION = 32;

/** The largest sample. */
export function fullScale(resolution: number): number {
  return 2 ** resolution - 1;
}

/** A wave from 0 to 1. */
const SHAPES: Readonly<Record<Wave, (u: number) => number>> = {
  SIN: (u) => (1 + Math.sin(2 * Math.PI * u)) / 2,
  TRI: (u) => 1 - Math.abs(2 * u - 1),
  QUA: (u) => u < 0.5 ? (2 - (4 * u - 1) ** 2) / 2 : (4 * u - 3) ** 2 / 2,
};

/**
 * A sample of a wave.
 *
 * @param phase 0 up to 1.
 * @param resolution Bits: 1 to 32.
 */
export function waveSample(
  wave: Wave,
  phase: number,
  resolution: number,
): number {
  const m = fullScale(resolution);
  return Math.min(m, Math.max(0, Math.round(m * SHAPES[wave](phase))));
}

/** The phase at a time, both in seconds: 0 up to 1. */
export function phaseAt(seconds: number, period: number): number {
  const periods = seconds / period;
  const phase = periods - Math.floor(periods);
  return phase < 1 ? phase : 0;
}

/** Finds a wave by its name, however it is spelled. */
export function waveNamed(text: string): Wave | undefined {
  return WAVES.find((wave) => wave === text.toUpperCase());
}

/** What a device does. */
export interface Settings {
  /** The wave. */
  readonly wave: Wave;
  /** Seconds of one period. */
  readonly period: number;
  /** Bits of a sample. */
  readonly resolution: number;
  /** Seconds from one sample to the next. */
  readonly interval: number;
}

/** Limits of {@linkcode Settings}. */
export const LIMITS = {
  period: [0.001, 1e6],
  interval: [0.001, 3600],
  resolution: [1, MAX_RESOLUTION],
} as const;

/** The settings in words. */
export function describeSettings(settings: Settings): string {
  const { wave, period, resolution, interval } = settings;
  return `${wave}, period ${period} s, ${resolution} bits, a sample every ` +
    `${interval} s`;
}
