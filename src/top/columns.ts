/** The columns of the table, the views of them, and what they sort by. @module */

import type { ProcessRow, TopRow } from "./row.ts";

/** What a cell depends on beside its row. */
export interface CellContext {
  /** Whether all values of semaphores are shown. */
  readonly allSemaphores: boolean;
  /** The stream of an inode, by its name. */
  readonly named: (inode: bigint) => string | undefined;
}

/** A column. */
export interface Column {
  /** Its name on the command line. */
  readonly id: string;
  /** What stands above it. */
  readonly heading: string;
  /** What it tells, for the chooser. */
  readonly help: string;
  /** Aligned to the right. */
  readonly right?: boolean;
  /** A row's cell. */
  readonly cell: (row: TopRow, context: CellContext) => string;
  /** What it sorts by; the largest number comes first. */
  readonly order: (row: TopRow) => number | string;
}

/** Nothing is known. */
const NONE = "-";

function fixed(value: number | null, digits: number): string {
  return value === null ? NONE : value.toFixed(digits);
}

/** A rate with the digits that mean something. */
function rate(hz: number | null): string {
  if (hz === null || hz === 0) return hz === null ? NONE : "0";
  return fixed(hz, hz < 9.995 ? 2 : 1);
}

function seconds(value: number | null): string {
  if (value === null) return NONE;
  if (value < 100) return value.toFixed(1);
  if (value < 6000) return `${(value / 60).toFixed(0)}m`;
  return `${(value / 3600).toFixed(0)}h`;
}

/** `python3 4711`; `4711 gone` where it does not live. */
export function processText({ pid, name, alive }: ProcessRow): string {
  return alive ? `${name ?? "?"} ${pid}` : `${pid} gone`;
}

function perSemaphore(
  row: TopRow,
  pick: (one: TopRow["semaphores"][number]) => number | null,
): string {
  return row.semaphores.flatMap((one, index) => {
    const pid = pick(one);
    return pid === null ? [] : [`${index}:${pid}`];
  }).join(" ");
}

function readersOf(row: TopRow): number {
  return row.semaphores.filter(({ reader }) => reader !== null).length;
}

function lostOf(row: TopRow): number {
  return row.bridges.reduce((sum, { lost }) => sum + lost, 0);
}

/** All columns. */
export const COLUMNS: readonly Column[] = [
  {
    id: "name",
    heading: "NAME",
    help: "name",
    cell: (row) => row.name,
    order: (row) => row.name,
  },
  {
    id: "type",
    heading: "TYPE",
    help: "data type",
    cell: (row) => row.type ?? NONE,
    order: (row) => row.type ?? "",
  },
  {
    id: "size",
    heading: "SIZE",
    help: "axes, fastest first",
    cell: (row) => row.size.join("x"),
    order: (row) => row.size.reduce((product, axis) => product * axis, 1),
  },
  {
    id: "cnt0",
    heading: "CNT0",
    help: "frames so far",
    right: true,
    cell: (row) => String(row.cnt0),
    order: (row) => Number(row.cnt0),
  },
  {
    id: "rate",
    heading: "RATE/Hz",
    help: "frames a second",
    right: true,
    cell: (row) => rate(row.rateHz),
    order: (row) => row.rateHz ?? -1,
  },
  {
    id: "jitter",
    heading: "JITTER/ms",
    help: "standard deviation of the times between frames",
    right: true,
    cell: (row) => fixed(row.jitterMs, 3),
    order: (row) => row.jitterMs ?? -1,
  },
  {
    id: "age",
    heading: "AGE/s",
    help: "age of the last frame, as watched",
    right: true,
    cell: (row) => seconds(row.ageSeconds),
    order: (row) => -(row.ageSeconds ?? Infinity), // the newest first
  },
  {
    id: "mb",
    heading: "MB/s",
    help: "pixels a second",
    right: true,
    cell: (row) =>
      row.bytesPerSecond === null ? NONE : rate(row.bytesPerSecond / 1e6),
    order: (row) => row.bytesPerSecond ?? -1,
  },
  {
    id: "sems",
    heading: "SEMS",
    help: "semaphores in use, or their values",
    cell: (row, { allSemaphores }) =>
      row.error !== null
        ? NONE
        : allSemaphores
        ? row.semaphores.map(({ value }) => value).join(" ")
        : `${readersOf(row)}/${row.semaphores.length}`,
    order: readersOf,
  },
  {
    id: "writer",
    heading: "WRITER",
    help: "who wrote last",
    cell: (row) => row.writer === null ? NONE : processText(row.writer),
    order: (row) => row.writer?.pid ?? 0,
  },
  {
    id: "readers",
    heading: "READERS",
    help: "who waits on a semaphore",
    cell: (row) => row.readers.map(processText).join(", ") || NONE,
    order: readersOf,
  },
  {
    id: "bridge",
    heading: "BRIDGE",
    help: "bridges that carry it, and frames they lost",
    cell: (row) =>
      row.bridges.map(({ part, address, condition, lost }) =>
        `${part === "transmit" ? "->" : "<-"} ${address} ${condition}` +
        (lost > 0 ? ` ${lost} lost` : "")
      ).join(", ") || NONE,
    order: (row) => row.bridges.length * 1e15 + lostOf(row),
  },
  {
    id: "lost",
    heading: "LOST",
    help: "frames that its bridges lost",
    right: true,
    cell: (row) => row.bridges.length === 0 ? NONE : String(lostOf(row)),
    order: (row) => row.bridges.length === 0 ? -1 : lostOf(row),
  },
  {
    id: "owner",
    heading: "OWNER",
    help: "the process it belongs to",
    cell: (row) => row.owner === null ? NONE : processText(row.owner),
    order: (row) => row.owner?.pid ?? 0,
  },
  {
    id: "write-pids",
    heading: "WRITE PIDS",
    help: "who posted each semaphore last",
    cell: (row) => perSemaphore(row, ({ writer }) => writer) || NONE,
    order: (row) => row.writer?.pid ?? 0,
  },
  {
    id: "read-pids",
    heading: "READ PIDS",
    help: "who has claimed each semaphore",
    cell: (row) => perSemaphore(row, ({ reader }) => reader) || NONE,
    order: readersOf,
  },
  {
    id: "trace",
    heading: "TRACE",
    help: "who wrote, and which stream made it",
    cell: (row, { named }) =>
      row.trace.map(({ process, triggerInode, semaphore }) => {
        const from = triggerInode === 0n
          ? ""
          : ` <- ${named(triggerInode) ?? `inode ${triggerInode}`}` +
            (semaphore >= 0 ? `[${semaphore}]` : "");
        return processText(process) + from;
      }).join(", ") || NONE,
    order: (row) => row.trace.length,
  },
  {
    id: "link",
    heading: "LINK",
    help: "where a link leads",
    cell: (row) => row.link === null ? "" : `-> ${row.link}`,
    order: (row) => row.link ?? "",
  },
];

/** Names of the columns. */
export const COLUMN_IDS: readonly string[] = COLUMNS.map(({ id }) => id);

/** A column by its name. */
export function columnOf(id: string): Column {
  const found = COLUMNS.find((column) => column.id === id);
  if (found === undefined) throw new RangeError(`No column "${id}"`);
  return found;
}

/** A way to look at the streams. */
export interface TopView {
  /** The key that shows it. */
  readonly key: string;
  /** What it is called. */
  readonly title: string;
  /** What it shows. */
  readonly columns: readonly string[];
}

/** The views, by the keys that milk-streamCTRL has for them. */
export const VIEWS: readonly TopView[] = [
  {
    key: "f2",
    title: "summary",
    columns: [
      "name",
      "type",
      "size",
      "cnt0",
      "rate",
      "jitter",
      "age",
      "mb",
      "sems",
      "writer",
      "readers",
      "bridge",
      "link",
    ],
  },
  {
    key: "f3",
    title: "write PIDs",
    columns: ["name", "cnt0", "rate", "age", "owner", "writer", "write-pids"],
  },
  {
    key: "f4",
    title: "read PIDs",
    columns: ["name", "cnt0", "rate", "sems", "readers", "read-pids"],
  },
  {
    key: "f5",
    title: "process traces",
    columns: ["name", "cnt0", "rate", "trace"],
  },
  {
    key: "f6",
    title: "bridges",
    columns: ["name", "cnt0", "rate", "mb", "lost", "bridge"],
  },
];

/** The columns that the number keys sort by; the first three are milk's. */
export const SORT_KEYS: readonly string[] = [
  "name",
  "age",
  "sems",
  "rate",
  "mb",
  "jitter",
  "lost",
  "size",
  "writer",
];
