/**
 * Shared-memory image streams: the `.im.shm` files through which
 * adaptive-optics cameras, computers and mirrors exchange frames.
 *
 * Permissions: ffi for the helper (`native/build/libshmim.so`) and libc, read
 * of a stream's file, write where it is opened for writing or waited on by
 * semaphore. Only {@linkcode Stream.view} needs the full `--allow-ffi`.
 *
 * @example A writer and a reader
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Stream } from "@shmim/shmim";
 *
 * const dir = await Deno.makeTempDir();
 * {
 *   using camera = Stream.create("camera", { dir, size: [4, 3], type: "u16" });
 *   using reader = Stream.open("camera", { dir });
 *   const frames = reader.frames();
 *   const next = frames.next();
 *   camera.write(new Uint16Array(12).fill(42));
 *   const { value: frame } = await next;
 *   assertEquals(frame?.cnt0, 1n);
 *   assertEquals(frame?.pixels[0], 42);
 *   await frames.return();
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 *
 * @module
 */

export { SystemError } from "./ffi/errno.ts";
export type { FrameFacts } from "./ffi/frame_facts.ts";
export {
  decodeTiles,
  type EncodedTiles,
  encodeRice,
  type Tile,
  type TileBatch,
  type TileCodec,
  type TileFailure,
  type TileImage,
} from "./ffi/tiles.ts";
export { Latencies, type PumpCounters, type Schedule } from "./ffi/pump.ts";
export type { ClockEstimate, WireCounters } from "./ffi/wire_pump.ts";
export type { DestinationOptions } from "./src/bridge/destination.ts";
export type { WireChoice } from "./src/bridge/greet.ts";
export { HandshakeError } from "./src/bridge/handshake.ts";
export { KeyFileError } from "./src/bridge/key.ts";
export { WireError } from "./src/bridge/milk_wire.ts";
export { type ReceiveOptions, Receiver } from "./src/bridge/receive.ts";
export type {
  BridgeEvent,
  BridgeStatus,
  EventSink,
  WireStatus,
} from "./src/bridge/session.ts";
export {
  type KeywordMode,
  type Reach,
  type SliceMode,
  type TransmitOptions,
  Transmitter,
} from "./src/bridge/transmit.ts";
export type { Policy } from "./src/bridge/wire.ts";
export { isNpy, type NpyArray, npyHeader, readNpy } from "./src/image/npy.ts";
export { type PixelStatistics, pixelStatistics } from "./src/image/stats.ts";
export {
  describeStream,
  type SemaphoreDescription,
  type StreamDescription,
  type TraceDescription,
} from "./src/stream/describe.ts";
export {
  type AxisOrder,
  type FormatMismatch,
  type HeaderFields,
  type Layout,
  StreamChangedError,
  StreamExistsError,
  StreamFormatError,
  StreamNotFoundError,
} from "./src/stream/format.ts";
export { FORMAT_NAMES, type FormatName } from "./src/stream/formats.ts";
export type {
  BlockingWaiter,
  FollowedFrame,
  Frame,
  FramesOptions,
} from "./src/stream/frames.ts";
export type { Keyword } from "./src/stream/keywords.ts";
export {
  type DamagedStream,
  type ListedStream,
  type ListOptions,
  listStreams,
} from "./src/stream/list.ts";
export { streamFolder } from "./src/stream/names.ts";
export {
  type RemoveOptions,
  removeStream,
  StreamInUseError,
} from "./src/stream/remove.ts";
export {
  type GetDataOptions,
  Shm,
  shm,
  type ShmOptions,
} from "./src/stream/shm.ts";
export { Stream } from "./src/stream/stream.ts";
export type {
  CreateOptions,
  OpenOptions,
  PacketOptions,
  Presence,
  ReadOptions,
  SemaphoreInfo,
  WriteOptions,
} from "./src/stream/stream_options.ts";
export { isoTime } from "./src/stream/times.ts";
export type { TraceEntry } from "./src/stream/trace.ts";
export {
  type ArrayOf,
  type DataType,
  parseType,
  type PixelArray,
  type TypeInfo,
  TYPES,
} from "./src/stream/types.ts";
export type { WaitMode, WaitOptions } from "./src/stream/wait.ts";
export * from "./src/fits/mod.ts";
export {
  type LinkOptions,
  linkStream,
  listLinks,
  removeLink,
  type StreamLink,
  StreamLinkError,
} from "./src/link/link.ts";
export {
  loadFits,
  type LoadOptions,
  type LoadResult,
} from "./src/load/load.ts";
export { saveFrames, type SaveOptions } from "./src/load/save.ts";
export type { Naming } from "./src/record/names.ts";
export type { RecordProgress, RecordSettings } from "./src/record/record.ts";
export { type Recorded, RecordingError } from "./src/record/recorder.ts";
export { type FrameClock, Recording } from "./src/record/recording.ts";
export type { Recovered } from "./src/record/recover.ts";
export {
  replay,
  type Replayed,
  type ReplayOptions,
} from "./src/record/replay.ts";
export {
  restore,
  type Restored,
  type RestoreOptions,
} from "./src/record/restore.ts";
export {
  type Moment,
  parseMoment,
  type ScoreOptions,
} from "./src/record/score.ts";
export {
  type Packing,
  record,
  type RecordOptions,
  type RecordReport,
  recoverRecordings,
} from "./src/record/session.ts";
export {
  type ListedKeyword,
  snapshot,
  type SnapshotLink,
  type SnapshotList,
  type SnapshotOptions,
  type SnapshotReport,
  type SnapshotStream,
} from "./src/record/snapshot.ts";
export { openReplayTarget, type ReplayTarget } from "./src/record/target.ts";
export { parseTrigger, type TriggerChoice } from "./src/record/trigger.ts";
export { SegmentError } from "./src/sysv/errors.ts";
export {
  Segment,
  type SegmentKey,
  type SegmentOptions,
} from "./src/sysv/segment.ts";
export {
  type ListedSegment,
  listSegments,
  type SegmentInfo,
} from "./src/sysv/info.ts";
export {
  type SegmentFacts,
  type SegmentLimits,
  segmentLimits,
} from "./ffi/segment.ts";
export {
  PartitionError,
  PartitionLimitError,
  StateFileError,
} from "./src/partition/errors.ts";
export {
  type ConfiguredMount,
  type ConfiguredShare,
  type DaemonConfig,
  readConfig,
} from "./src/partition/config.ts";
export { Daemon, type DaemonOptions } from "./src/partition/daemon.ts";
export type { Peer } from "./src/partition/peers.ts";
export type { Duty, StartDuty } from "./src/partition/duties.ts";
export type { Key, Keyed, Keyring } from "./src/partition/keyring.ts";
export type { Pump, PumpTask } from "./src/partition/pumps.ts";
export { StreamForReadingError } from "./src/stream/reading_link.ts";
export type { Limits, Mount, Share, UnitState } from "./src/partition/unit.ts";
export { XpMemory } from "./src/partition/memory.ts";
export { Part, part, type PlacementType } from "./src/partition/part.ts";
export {
  IPC_AUTORMID,
  IPC_CREAT,
  IPC_EXCL,
  IPC_PRIVATE,
  IPC_RMID,
  type PartitionPlace,
  SHM_RDONLY,
  Xp,
  xp,
} from "./src/partition/xp.ts";
