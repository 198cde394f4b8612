/**
 * What programs ask of partitions on other hosts. They write it down and ring
 * the bell; the process that carries segments asks the owner and writes the
 * answer down.
 * @module
 */

import { standStill } from "../../ffi/clock.ts";
import { ERRNO } from "../../ffi/errno.ts";
import { SegmentError } from "../sysv/errors.ts";
import type { Segment } from "../sysv/segment.ts";
import { Bell } from "./bell.ts";
import { PartitionError, PartitionLimitError } from "./errors.ts";
import { HELD, Layout } from "./layout.ts";
import type { Peer } from "./peers.ts";
import { processId } from "./process.ts";
import {
  type Call,
  type CallReply,
  changeRegistry,
  newName,
  readCalls,
  type Registry,
} from "./registry.ts";
import { partitionOnKernel, type UnitState } from "./unit.ts";

/** How long a look at the answer waits where no bell is there yet, ms. */
const LOOK_MS = 20;

/** The peer that a partition is: on another host, and known there. */
export function farPeer(
  folder: string,
  own: UnitState,
  partition: number | undefined,
): Peer | undefined {
  if (partition === undefined || partition === own.partition) return undefined;
  if (partitionOnKernel(folder, partition) !== undefined) return undefined;
  return own.peers.find((peer) => peer.partition === partition);
}

/** Wakes what carries segments, where any does. */
export function ringFor({ bell }: Registry): void {
  using there = bell === 0 ? undefined : Bell.at(bell - 1);
  there?.ringChanged();
}

/** What an answer means to who asked. */
function unwrap(reply: CallReply): number {
  if (reply.ok) return reply.shmid;
  const { code, call, message } = reply;
  if (code === "maxpgs" || code === "maxdpgs") {
    throw new PartitionLimitError(code, message);
  }
  if (code in ERRNO) {
    throw new SegmentError(
      ERRNO[code] ?? 0,
      call,
      message.replace(/ \(E[A-Z]+\)$/, ""),
    );
  }
  throw new PartitionError(message);
}

function noAnswer(partition: number, timeoutS: number): PartitionError {
  return new PartitionError(
    `Partition ${partition} does not answer within ${timeoutS} s: its host or ` +
      'daemon is down, or this unit\'s own is; "shmim ctl diag" tells which',
  );
}

/**
 * Asks the owner of a segment, and waits.
 *
 * @returns The id of the segment's copy here.
 * @throws {SegmentError} what the call would throw at the owner's.
 * @throws {PartitionError} where it does not answer within the timeout.
 */
export function askOwner(
  folder: string,
  own: UnitState,
  partition: number,
  call: Call,
): number {
  const id = newName();
  const { timeoutS } = own.limits;
  const end = performance.now() + timeoutS * 1000;
  const number = changeRegistry(folder, (registry) => {
    registry.calls.push({
      id,
      home: own.partition,
      partition,
      ...processId(),
      call,
      reply: null,
    });
    ringFor(registry);
    return registry.bell;
  });
  using bell = number === 0 ? undefined : Bell.at(number - 1);
  for (;;) {
    const seen = bell?.count ?? 0n;
    const reply = readCalls(folder).find((one) => one.id === id)?.reply;
    const late = performance.now() > end;
    if (reply || late) {
      changeRegistry(folder, (registry) => {
        registry.calls = registry.calls.filter((one) => one.id !== id);
      });
    }
    if (reply) return unwrap(reply);
    if (late) throw noAnswer(partition, timeoutS);
    if (bell === undefined) standStill(LOOK_MS);
    else bell.pause(seen, LOOK_MS);
  }
}

/**
 * Waits until the owner of a copy counts this host among the segment's users,
 * and the copy has all that it has.
 *
 * @param segment The copy, attached.
 * @throws {SegmentError} `EIDRM` where the owner has no such segment any
 * more.
 * @throws {PartitionError} where it does not answer within the timeout.
 */
export function awaitHeld(
  segment: Segment,
  size: number,
  { partition, timeoutS }: {
    readonly partition: number;
    readonly timeoutS: number;
  },
): void {
  const at = new Layout(size).head("held");
  const end = performance.now() + timeoutS * 1000;
  for (;;) {
    const held = segment.word(at);
    if (held === HELD.yes) return;
    if (held === HELD.gone) {
      throw new SegmentError(
        ERRNO.EIDRM ?? 0,
        "shmat",
        `Cannot attach segment ${segment.shmid}: partition ${partition} has it ` +
          "no more",
      );
    }
    const left = end - performance.now();
    if (left <= 0) throw noAnswer(partition, timeoutS);
    segment.pause(at, held, Math.min(left, 100));
  }
}
