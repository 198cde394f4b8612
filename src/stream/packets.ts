/**
 * Frames that come in packets: DAO's way for a camera whose pixels arrive in
 * parts.
 * @module
 */

import type { Mapping } from "../../ffi/mapping.ts";
import type { Layout } from "./format.ts";
import { bytesOf, type Pixels, requireType } from "./pixel_check.ts";
import type { PacketOptions } from "./stream_options.ts";
import { TYPES } from "./types.ts";

/** {@linkcode Stream.writePacket}. */
export function storePacket(
  stream: {
    readonly name: string;
    readonly layout: Layout;
    readonly mapping: Mapping;
  },
  pixels: Pixels,
  { position, packet, packets, frame }: PacketOptions,
): void {
  const { name, layout, mapping } = stream;
  const { bytes } = TYPES[layout.type];
  const { packetMax, dataBytes } = layout.table;
  requireType(stream, pixels);
  const end = position * bytes + pixels.byteLength;
  if (!(position >= 0 && end <= dataBytes && packet >= 0)) {
    throw new RangeError(
      `A packet of "${name}" ends at byte ${end}, a frame has ${dataBytes}`,
    );
  }
  if (packet >= packetMax) {
    throw new RangeError(
      `Stream "${name}" takes frames in ${packetMax} packets, there is no ` +
        `packet ${packet}`,
    );
  }
  mapping.writePacket(
    bytesOf(pixels),
    position * bytes,
    [packet, packets, frame, position, pixels.byteLength / bytes],
  );
}
