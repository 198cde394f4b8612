/** What a daemon counts, in the text format of Prometheus. @module */

import { type CarriedPump, pumpMetrics } from "./metrics_pumps.ts";
import { type Labels, MetricsText } from "./metrics_text.ts";
import type { PeerFacts } from "./peer_watch.ts";
import type { Registry } from "./registry.ts";
import { VERSIONS } from "../bridge/handshake.ts";
import { STATE_VERSION } from "./run_folder.ts";
import { runs } from "./process.ts";
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
  /** Connections that have not shown who they are, now. */
  readonly knocking: number;
  /** Whether each peer answered when it was asked last. */
  readonly reached: (partition: number) => boolean;
  /** When each peer asked last, ms ago. */
  readonly heardMs: (partition: number) => number | undefined;
  /** What carries segments to and from each peer. */
  readonly segmentsOf: (partition: number) => PeerFacts["segments"];
  /** Streams that cross, and how they do. */
  readonly pumps: readonly CarriedPump[];
  /** The version of the program. */
  readonly version: string;
  /** Requests that were answered. */
  readonly requests: number;
  /** Since when the daemon runs. */
  readonly upSeconds: number;
}

/** The text. */
export function metricsText(source: MetricsSource): string {
  const { state, registry, partitions } = source;
  const text = new MetricsText();
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
    "processes",
    "gauge",
    "Processes that go on without the daemon, by whether they run.",
    [true, false].map((running) => [
      { ...labels, running: `${running}` },
      state.duties.filter((duty) => runs(duty) === running).length,
    ]),
  );
  pumpMetrics(text, labels, source.pumps);
  const peer = (one: { partition: number; host: string }): Labels => ({
    ...labels,
    peer: one.partition,
    host: one.host,
  });
  text.add(
    "peer_reached",
    "gauge",
    "Whether the daemon of a peer answered when it was asked last.",
    state.peers.map((one) => [
      peer(one),
      source.reached(one.partition) ? 1 : 0,
    ]),
  );
  text.add(
    "peer_heard_seconds",
    "gauge",
    "How long ago a peer asked for something.",
    state.peers.flatMap((one) => {
      const ms = source.heardMs(one.partition);
      return ms === undefined ? [] : [[peer(one), ms / 1000] as const];
    }),
  );
  const carried = state.peers.flatMap(({ partition: peer }) => {
    const found = source.segmentsOf(peer);
    return found === null ? [] : [{ labels: { ...labels, peer }, ...found }];
  });
  text.add(
    "segment_line_up",
    "gauge",
    "Whether the connection for segments of a peer stands.",
    carried.map((one) => [one.labels, one.line ? 1 : 0]),
  );
  text.add(
    "segment_lines_total",
    "counter",
    "Connections for segments of a peer that were made by its process.",
    carried.map((one) => [one.labels, one.lines]),
  );
  text.add(
    "segment_copies",
    "gauge",
    "Copies of segments of a peer that are kept here.",
    carried.map((one) => [one.labels, one.copies]),
  );
  text.add(
    "segment_copies_served",
    "gauge",
    "Copies that a peer has in use of segments of the partition.",
    carried.map((one) => [one.labels, one.served]),
  );
  text.add(
    "peers_knocking",
    "gauge",
    "Connections that have not shown yet who they are.",
    one(source.knocking),
  );
  text.add(
    "peers_refused_total",
    "counter",
    "Connections of other hosts that were turned away.",
    one(source.refused),
  );
  text.add(
    "build_info",
    "gauge",
    "Versions: of the program, of the wire between daemons, of the state.",
    [[{
      version: source.version,
      wire: VERSIONS.highest,
      state: STATE_VERSION,
    }, 1]],
  );
  return text.toString();
}
