/** What a daemon counts, in the text format of Prometheus. @module */

import type { Duty } from "./duties.ts";
import { type CarriedPump, pumpMetrics } from "./metrics_pumps.ts";
import { type Labels, type MetricsTable, MetricsText } from "./metrics_text.ts";
import type { PeerFacts } from "./peer_watch.ts";
import type { Entry, Registry } from "./registry.ts";
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

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function owned({ state, registry }: MetricsSource): readonly Entry[] {
  return registry.segments.filter(({ partition }) =>
    partition === state.partition
  );
}

/** Of every partition of the kernel. */
const PARTITIONS: MetricsTable<UnitState> = [
  [
    "partition_up",
    "gauge",
    "Whether the daemon of a partition of this host runs.",
    daemonRuns,
  ],
];

/** Of the daemon, and of what its partition has. */
const OWN: MetricsTable<MetricsSource> = [
  [
    "daemon_uptime_seconds",
    "gauge",
    "How long the daemon runs.",
    ({ upSeconds }) => upSeconds,
  ],
  [
    "daemon_starts_total",
    "counter",
    "How often the daemon was started.",
    ({ state }) => state.starts,
  ],
  [
    "daemon_requests_total",
    "counter",
    "Requests on the control socket.",
    ({ requests }) => requests,
  ],
  [
    "segments",
    "gauge",
    "Segments that the partition owns.",
    (source) => owned(source).length,
  ],
  [
    "segment_bytes",
    "gauge",
    "Bytes of the partition's segments.",
    (source) => total(owned(source).map(({ size }) => size)),
  ],
  [
    "segment_page_limit_bytes",
    "gauge",
    "What maxpgs allows, in bytes.",
    ({ state }) => state.limits.maxpgs * PAGE_BYTES,
  ],
  [
    "segment_holds",
    "gauge",
    "Processes that have one of the partition's segments attached.",
    (source) => total(owned(source).map(({ holds }) => holds.length)),
  ],
  [
    "shares",
    "gauge",
    "Streams that the partition shares.",
    ({ state }) => state.shares.length,
  ],
  [
    "mounts",
    "gauge",
    "Streams of other partitions that are mounted.",
    ({ state }) => state.mounts.length,
  ],
  [
    "mounts_waiting",
    "gauge",
    "Mounts that wait for their owner.",
    ({ waiting }) => waiting,
  ],
];

/** Of its processes, those that run and those that do not. */
const PROCESSES: MetricsTable<readonly Duty[]> = [
  [
    "processes",
    "gauge",
    "Processes that go on without the daemon, by whether they run.",
    ({ length }) => length,
  ],
];

/** Of each peer. */
const PEERS: MetricsTable<{ reached: boolean; heardMs: number | undefined }> = [
  [
    "peer_reached",
    "gauge",
    "Whether the daemon of a peer answered when it was asked last.",
    ({ reached }) => reached,
  ],
  [
    "peer_heard_seconds",
    "gauge",
    "How long ago a peer asked for something.",
    ({ heardMs }) => heardMs === undefined ? undefined : heardMs / 1000,
  ],
];

/** Of what carries segments to and from each peer. */
const LINES: MetricsTable<NonNullable<PeerFacts["segments"]>> = [
  [
    "segment_line_up",
    "gauge",
    "Whether the connection for segments of a peer stands.",
    ({ line }) => line,
  ],
  [
    "segment_lines_total",
    "counter",
    "Connections for segments of a peer that were made by its process.",
    ({ lines }) => lines,
  ],
  [
    "segment_copies",
    "gauge",
    "Copies of segments of a peer that are kept here.",
    ({ copies }) => copies,
  ],
  [
    "segment_copies_served",
    "gauge",
    "Copies that a peer has in use of segments of the partition.",
    ({ served }) => served,
  ],
];

/** Of who comes from other hosts. */
const CALLERS: MetricsTable<MetricsSource> = [
  [
    "peers_knocking",
    "gauge",
    "Connections that have not shown yet who they are.",
    ({ knocking }) => knocking,
  ],
  [
    "peers_refused_total",
    "counter",
    "Connections of other hosts that were turned away.",
    ({ refused }) => refused,
  ],
];

const BUILD: MetricsTable<number> = [
  [
    "build_info",
    "gauge",
    "Versions: of the program, of the wire between daemons, of the state.",
    (one) => one,
  ],
];

/** The text. */
export function metricsText(source: MetricsSource): string {
  const { state, partitions, version } = source;
  const { partition, unit, peers, duties } = state;
  const own: Labels = { partition, unit };
  const text = new MetricsText();
  text.table(
    PARTITIONS,
    partitions.map((one) => {
      const { partition, unit, hostname } = one;
      return [{ partition, unit, hostname }, one];
    }),
  );
  text.table(OWN, [[own, source]]);
  text.table(
    PROCESSES,
    [true, false].map((running) => [
      { ...own, running: `${running}` },
      duties.filter((duty) => runs(duty) === running),
    ]),
  );
  pumpMetrics(text, own, source.pumps);
  text.table(
    PEERS,
    peers.map(({ partition: peer, host }) => [
      { ...own, peer, host },
      { reached: source.reached(peer), heardMs: source.heardMs(peer) },
    ]),
  );
  text.table(
    LINES,
    peers.flatMap(({ partition: peer }) => {
      const line = source.segmentsOf(peer);
      return line === null ? [] : [[{ ...own, peer }, line]];
    }),
  );
  text.table(CALLERS, [[own, source]]);
  const wire = VERSIONS.highest;
  text.table(BUILD, [[{ version, wire, state: STATE_VERSION }, 1]]);
  return text.toString();
}
