/** What the pumps between hosts count, for Prometheus. @module */

import type { Carried } from "./carrier.ts";
import type { Histogram, Labels, MetricsText } from "./metrics_text.ts";
import type { Pump } from "./pumps.ts";

/** A stream that crosses, and how it did a moment ago. */
export interface CarriedPump {
  /** The stream. */
  readonly pump: Pump;
  /** Whether its process runs. */
  readonly running: boolean;
  /** What its process said last. */
  readonly status: Carried | undefined;
}

/** Counters of a pump: their names here, and what they count. */
const COUNTERS: Readonly<Record<string, readonly [string, string]>> = {
  frames: ["pump_frames_total", "Frames that crossed."],
  bytes: ["pump_bytes_total", "Bytes on the wire."],
  skipped: ["pump_skipped_frames_total", "Frames that did not cross."],
  torn: ["pump_torn_copies_total", "Copies given up as the source moved."],
  repeats: ["pump_repeated_frames_total", "Frames that had come before."],
  empty: ["pump_empty_frames_total", "Frames without pixels."],
  droppedKeywords: [
    "pump_dropped_keywords_total",
    "Times that keywords in use did not fit.",
  ],
  foreign: [
    "pump_foreign_frames_total",
    "Frames that another writer counted in the destination.",
  ],
  late: ["pump_late_frames_total", "Frames that a newer one had overtaken."],
  aborted: [
    "pump_aborted_frames_total",
    "Frames given up half-way, as the source changed them.",
  ],
  damaged: ["pump_damaged_frames_total", "Frames whose checksum was wrong."],
  queueFull: ["pump_queue_full_total", "Times that the queue had no room."],
  keywordUpdates: ["pump_keyword_updates_total", "Keyword messages."],
};

/** Upper bounds of the latency histogram, s. */
const BOUNDS = [
  ...[1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3],
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
];

/**
 * A pump's histogram by fixed bounds. Its buckets are 6 % wide: one that a
 * bound cuts counts as above it, and the sum is of the buckets' upper ends.
 */
export function histogramOf({ latency }: Carried): Histogram {
  const all = latency.buckets.map(([toUs, count]) =>
    [toUs / 1e6, count] as const
  );
  const total = (values: readonly (readonly [number, number])[]): number =>
    values.reduce((sum, [, count]) => sum + count, 0);
  return {
    buckets: BOUNDS.map((bound) =>
      [bound, total(all.filter(([to]) => to <= bound))] as const
    ),
    sum: all.reduce((sum, [to, count]) => sum + to * count, 0),
    count: total(all),
  };
}

/** Adds them. */
export function pumpMetrics(
  text: MetricsText,
  own: Labels,
  pumps: readonly CarriedPump[],
): void {
  const labels = ({ kind, of, partition, stream }: Pump): Labels => ({
    ...own,
    peer: partition,
    stream,
    direction: kind,
    of,
  });
  const samples = (
    value: (status: Carried) => number | undefined,
  ): (readonly [Labels, number])[] =>
    pumps.flatMap(({ pump, status }) => {
      const found = status === undefined ? undefined : value(status);
      return found === undefined ? [] : [[labels(pump), found] as const];
    });
  text.add(
    "pump_running",
    "gauge",
    "Whether the process that carries a stream runs.",
    pumps.map(({ pump, running }) => [labels(pump), running ? 1 : 0]),
  );
  text.add(
    "pump_connected",
    "gauge",
    "Whether a stream has a connection.",
    samples(({ connected }) => connected ? 1 : 0),
  );
  text.add(
    "pump_reconnects_total",
    "counter",
    "Connections after the first one.",
    samples(({ reconnects }) => reconnects),
  );
  for (const [counter, [name, help]] of Object.entries(COUNTERS)) {
    text.add(
      name,
      "counter",
      help,
      samples(({ counters }) => counters[counter]),
    );
  }
  text.add(
    "pump_queued_frames",
    "gauge",
    "Frames that wait in the queue.",
    samples(({ counters }) => counters.queued),
  );
  text.histograms(
    "pump_latency_seconds",
    "From a frame's write to its sending, or to its publication at the " +
      "receiving end, by both clocks.",
    pumps.flatMap(({ pump, status }) =>
      status === undefined ? [] : [[labels(pump), histogramOf(status)] as const]
    ),
  );
}
