/**
 * Small plots of characters.
 * @module
 */

/** One bucket of a histogram. */
export interface Bucket {
  /** Lower bound, µs. */
  readonly fromUs: number;
  /** Upper bound, µs. */
  readonly toUs: number;
  /** How many. */
  readonly count: number;
}

const ROWS = 16;
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Joins neighbours until there are few enough rows. */
function condense(buckets: readonly Bucket[]): Bucket[] {
  const first = buckets[0];
  const last = buckets.at(-1);
  if (first === undefined || last === undefined) return [];
  const low = Math.max(first.fromUs, 1e-3);
  const ratio = (last.toUs / low) ** (1 / ROWS);
  const rows: Bucket[] = [];
  for (let i = 0; i < ROWS; i++) {
    const fromUs = low * ratio ** i;
    const toUs = low * ratio ** (i + 1);
    const count = buckets
      .filter((bucket) => {
        const middle = (bucket.fromUs + bucket.toUs) / 2;
        return middle >= fromUs && middle < toUs;
      })
      .reduce((sum, bucket) => sum + bucket.count, 0);
    rows.push({ fromUs, toUs, count });
  }
  return rows;
}

function label(us: number): string {
  if (us < 1000) return `${us.toFixed(us < 10 ? 2 : 0)} µs`;
  return us < 1e6
    ? `${(us / 1000).toFixed(2)} ms`
    : `${(us / 1e6).toFixed(2)} s`;
}

/** A bar of a length in characters, to an eighth. */
export function bar(length: number): string {
  const whole = Math.floor(length);
  return "█".repeat(whole) + (EIGHTHS[Math.floor((length - whole) * 8)] ?? "");
}

/**
 * Draws a histogram of times, a row for each class, spaced in ratios.
 *
 * @param buckets What was counted, in order.
 * @param width Columns.
 * @returns Lines; none where nothing was counted.
 */
export function histogramLines(
  buckets: readonly Bucket[],
  width: number,
): string[] {
  const rows = condense(buckets);
  const most = Math.max(...rows.map(({ count }) => count));
  const room = Math.max(10, width - 24);
  return rows.map(({ fromUs, count }) => {
    const drawn = bar(room * count / most) || (count > 0 ? "▏" : "");
    return `${label(fromUs).padStart(10)} ${drawn} ${count || ""}`.trimEnd();
  });
}

const LEVELS = [..."▁▂▃▄▅▆▇█"];

/**
 * Values as a line of characters of eight heights.
 *
 * @param values Values from 0 to `most`.
 * @param most What the highest character stands for.
 * @param width Only so many of the last values.
 */
export function sparkline(
  values: readonly number[],
  most: number,
  width: number,
): string {
  const shown = width > 0 ? values.slice(-width) : [];
  const last = LEVELS.length - 1;
  return shown.map((value) =>
    LEVELS[Math.min(last, Math.max(0, Math.round(value / most * last)))]
  ).join("");
}
