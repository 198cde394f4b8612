/**
 * A stream as the helper sees it: a format's table compiled to offsets.
 * @module
 */

/** The members of `struct shmim_stream`, in order. */
export const MEMBERS = [
  "base",
  "length",
  "guard",
  "writable",
  "cnt0",
  "cnt1",
  "cnt2",
  "writeFlag",
  "atime",
  "writetime",
  "data",
  "dataBytes",
  "sliceBytes",
  "slices",
  "keywords",
  "keywordBytes",
  "keywordRecord",
  "sems",
  "semCount",
  "semMax",
  "semStride",
  "semNamed",
  "logSem",
  "readerPids",
  "writerPids",
  "trace",
  "traceCount",
  "sliceAtimes",
  "sliceWritetimes",
  "sliceCounters",
  "ringSlots",
  "ringIndex",
  "ringCycle",
  "ringData",
  "segments",
  "segmentIndex",
  "segmentRecord",
  "timeNs",
  "lateCounter",
  "packets",
  "packetFrames",
  "packetMax",
  "clock",
  "ownCounter",
  "foreign",
  "pid",
  "copied",
  "semBase",
] as const;

type Internal =
  | "base"
  | "length"
  | "guard"
  | "writable"
  | "ownCounter"
  | "foreign"
  | "pid"
  | "copied"
  | "semBase";

/**
 * A format's table compiled to byte offsets and sizes: see `struct
 * shmim_stream` in `native/shmim.h`. An offset of 0 means "has none".
 */
export type StreamTable = Readonly<
  Record<Exclude<typeof MEMBERS[number], Internal>, number>
>;

/** Where each member is. */
export const INDEX = Object.fromEntries(
  MEMBERS.map((member, index) => [member, index]),
) as Record<typeof MEMBERS[number], number>;
