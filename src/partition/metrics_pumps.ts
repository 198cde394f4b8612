/** What the pumps between hosts count, for Prometheus. @module */

import type { Carried } from "./carrier.ts";
import type {
  Histogram,
  Labels,
  MetricsTable,
  MetricsText,
} from "./metrics_text.ts";
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

type Value = MetricsTable<CarriedPump>[number][3];

function counted(name: string): Value {
  return ({ status }) => status?.counters[name];
}

/** Of each stream that crosses, before its latencies. */
const PUMPS: MetricsTable<CarriedPump> = [
  [
    "pump_running",
    "gauge",
    "Whether the process that carries a stream runs.",
    ({ running }) => running,
  ],
  [
    "pump_connected",
    "gauge",
    "Whether a stream has a connection.",
    ({ status }) => status?.connected,
  ],
  [
    "pump_reconnects_total",
    "counter",
    "Connections after the first one.",
    ({ status }) => status?.reconnects,
  ],
  [
    "pump_frames_total",
    "counter",
    "Frames that crossed.",
    counted("frames"),
  ],
  ["pump_bytes_total", "counter", "Bytes on the wire.", counted("bytes")],
  [
    "pump_skipped_frames_total",
    "counter",
    "Frames that did not cross.",
    counted("skipped"),
  ],
  [
    "pump_torn_copies_total",
    "counter",
    "Copies given up as the source moved.",
    counted("torn"),
  ],
  [
    "pump_repeated_frames_total",
    "counter",
    "Frames that had come before.",
    counted("repeats"),
  ],
  [
    "pump_empty_frames_total",
    "counter",
    "Frames without pixels.",
    counted("empty"),
  ],
  [
    "pump_dropped_keywords_total",
    "counter",
    "Times that keywords in use did not fit.",
    counted("droppedKeywords"),
  ],
  [
    "pump_foreign_frames_total",
    "counter",
    "Frames that another writer counted in the destination.",
    counted("foreign"),
  ],
  [
    "pump_late_frames_total",
    "counter",
    "Frames that a newer one had overtaken.",
    counted("late"),
  ],
  [
    "pump_aborted_frames_total",
    "counter",
    "Frames given up half-way, as the source changed them.",
    counted("aborted"),
  ],
  [
    "pump_damaged_frames_total",
    "counter",
    "Frames whose checksum was wrong.",
    counted("damaged"),
  ],
  [
    "pump_queue_full_total",
    "counter",
    "Times that the queue had no room.",
    counted("queueFull"),
  ],
  [
    "pump_keyword_updates_total",
    "counter",
    "Keyword messages.",
    counted("keywordUpdates"),
  ],
  [
    "pump_queued_frames",
    "gauge",
    "Frames that wait in the queue.",
    counted("queued"),
  ],
];

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
  text.table(PUMPS, pumps.map((one) => [labels(one.pump), one]));
  text.histograms(
    "pump_latency_seconds",
    "From a frame's write to its sending, or to its publication at the " +
      "receiving end, by both clocks.",
    pumps.flatMap(({ pump, status }) =>
      status === undefined ? [] : [[labels(pump), histogramOf(status)] as const]
    ),
  );
}
