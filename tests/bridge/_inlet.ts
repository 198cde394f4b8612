/**
 * What most tests of the receiver begin with: a peer that sends.
 * @module
 */

import { assert } from "@std/assert";
import {
  flat,
  handshake,
  join,
  type Receiving,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";

/** Connects, and sends these parts. */
export async function sent(
  receiving: Receiving,
  ...parts: Uint8Array[]
): Promise<Sender> {
  const sender = await Sender.connect(receiving.port);
  await sender.send(join(...parts));
  return sender;
}

/** Sends an announcement and one frame, and waits until it is published. */
export async function sendOne(
  receiving: Receiving,
  value: number,
  frames = 1,
): Promise<Sender> {
  const sender = await sent(
    receiving,
    handshake(),
    wireFrame(flat(value), 1n),
  );
  await receiving.frames(frames);
  return sender;
}

/** Sends these parts; the receiver closes, and says why. */
export async function refused(
  receiving: Receiving,
  why: RegExp,
  ...parts: Uint8Array[]
): Promise<void> {
  using sender = await sent(receiving, ...parts);
  assert(await sender.closedByPeer());
  await receiving.events.said(why);
}
