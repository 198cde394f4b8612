/** What a daemon counts, in the text format of Prometheus. @module */

import type { Registry } from "./registry.ts";
import { pumpRuns } from "./pumps.ts";
import { daemonRuns, PAGE_BYTES, type UnitState } from "./unit.ts";

/** What is told. */
export interface MetricsSource {
  /** The partition's own. */
  readonly state: UnitState;
  /** All segments. */
  readonly registry: Registry;
  /** All partitions of the kernel. */
  readonly partitions: readonly UnitState[];
  /** Mounts that wait for their owner. */
  readonly waiting: number;
  /** Connections that were turned away. */
  readonly refused: number;
  /** Requests that were answered. */
  readonly requests: number;
  /** Since when the daemon runs. */
  readonly upSeconds: number;
}

type Labels = Readonly<Record<string, string | number>>;

function quoted(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

class Text {
  readonly #lines: string[] = [];

  add(
    name: string,
    kind: "counter" | "gauge",
    help: string,
    samples: readonly (readonly [Labels, number])[],
  ): void {
    const whole = `shmim_${name}`;
    this.#lines.push(`# HELP ${whole} ${help}`, `# TYPE ${whole} ${kind}`);
    for (const [labels, value] of samples) {
      const inside = Object.entries(labels)
        .map(([key, label]) => `${key}="${quoted(String(label))}"`).join(",");
      this.#lines.push(
        `${whole}${inside === "" ? "" : `{${inside}}`} ${value}`,
      );
    }
  }

  toString(): string {
    return this.#lines.join("\n") + "\n";
  }
}

/** The text. */
export function metricsText(source: MetricsSource): string {
  const { state, registry, partitions } = source;
  const text = new Text();
  const own = registry.segments.filter((entry) =>
    entry.partition === state.partition
  );
  const sum = (values: readonly number[]): number =>
    values.reduce((total, value) => total + value, 0);
  const labels: Labels = { partition: state.partition, unit: state.unit };
  const one = (value: number): [Labels, number][] => [[labels, value]];
  text.add(
    "partition_up",
    "gauge",
    "Whether the daemon of a partition of this host runs.",
    partitions.map((unit) => [
      {
        partition: unit.partition,
        unit: unit.unit,
        hostname: unit.hostname,
      },
      daemonRuns(unit) ? 1 : 0,
    ]),
  );
  text.add(
    "daemon_uptime_seconds",
    "gauge",
    "How long the daemon runs.",
    one(source.upSeconds),
  );
  text.add(
    "daemon_starts_total",
    "counter",
    "How often the daemon was started.",
    one(state.starts),
  );
  text.add(
    "daemon_requests_total",
    "counter",
    "Requests on the control socket.",
    one(source.requests),
  );
  text.add(
    "segments",
    "gauge",
    "Segments that the partition owns.",
    one(own.length),
  );
  text.add(
    "segment_bytes",
    "gauge",
    "Bytes of the partition's segments.",
    one(sum(own.map(({ size }) => size))),
  );
  text.add(
    "segment_page_limit_bytes",
    "gauge",
    "What maxpgs allows, in bytes.",
    one(state.limits.maxpgs * PAGE_BYTES),
  );
  text.add(
    "segment_holds",
    "gauge",
    "Processes that have one of the partition's segments attached.",
    one(sum(own.map(({ holds }) => holds.length))),
  );
  text.add(
    "shares",
    "gauge",
    "Streams that the partition shares.",
    one(state.shares.length),
  );
  text.add(
    "mounts",
    "gauge",
    "Streams of other partitions that are mounted.",
    one(state.mounts.length),
  );
  text.add(
    "mounts_waiting",
    "gauge",
    "Mounts that wait for their owner.",
    one(source.waiting),
  );
  text.add(
    "pumps",
    "gauge",
    "Processes that carry streams to and from other hosts, by whether they run.",
    (["receive", "transmit"] as const).flatMap((kind) =>
      [true, false].map((runs) =>
        [
          { ...labels, kind, running: `${runs}` },
          state.pumps.filter((pump) =>
            pump.kind === kind && pumpRuns(pump) === runs
          ).length,
        ] as const
      )
    ),
  );
  text.add(
    "peers_refused_total",
    "counter",
    "Connections of other hosts that were turned away.",
    one(source.refused),
  );
  return text.toString();
}
