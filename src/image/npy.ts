/**
 * NumPy's `.npy` files. Their shape is our size reversed, because they are
 * in C order and we count the fastest axis first.
 * @module
 */

import { type DataType, TYPES } from "../stream/types.ts";

/** An array of a `.npy` file. */
export interface NpyArray {
  /** Data type. */
  readonly type: DataType;
  /** Axes, fastest first. */
  readonly size: readonly number[];
  /** Pixels, little-endian. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const MAGIC = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59];
const ALIGN = 64;

/** Whether bytes begin like a `.npy` file. */
export function isNpy(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, i) => bytes[i] === byte);
}

/**
 * The header of a `.npy` file.
 *
 * @param type Data type.
 * @param size Axes, fastest first.
 */
export function npyHeader(
  type: DataType,
  size: readonly number[],
): Uint8Array<ArrayBuffer> {
  const order = TYPES[type].bytes === 1 ? "|" : "<";
  const shape = [...size].reverse();
  const text = `{'descr': '${order}${TYPES[type].numpy}', ` +
    `'fortran_order': False, 'shape': (${shape.join(", ")}${
      shape.length === 1 ? "," : ""
    }), }`;
  const length = Math.ceil((text.length + 11) / ALIGN) * ALIGN;
  const bytes = new Uint8Array(length).fill(0x20);
  bytes.set(MAGIC);
  bytes[6] = 1;
  bytes[7] = 0;
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[length - 1] = 0x0A;
  return bytes;
}

function swapInPlace(bytes: Uint8Array, width: number): void {
  for (let at = 0; at + width <= bytes.length; at += width) {
    bytes.subarray(at, at + width).reverse();
  }
}

/**
 * Reads a `.npy` file.
 *
 * @param bytes The whole file.
 * @throws {SyntaxError} saying what is wrong with it.
 */
export function readNpy(bytes: Uint8Array<ArrayBuffer>): NpyArray {
  const refuse = (reason: string): SyntaxError =>
    new SyntaxError(`Not a usable .npy file: ${reason}`);
  if (!isNpy(bytes)) throw refuse("it does not begin like one");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3 || bytes.length < 12) {
    throw refuse(`version ${major} is unknown, or it is cut short`);
  }
  const start = major === 1 ? 10 : 12;
  const length = major === 1
    ? view.getUint16(8, true)
    : view.getUint32(8, true);
  if (start + length > bytes.length) throw refuse("its header is cut short");
  const text = new TextDecoder().decode(bytes.subarray(start, start + length));
  const descr = /'descr':\s*'([<>|=])(\w+)'/.exec(text);
  const shape = /'shape':\s*\(([\d\s,L]*)\)/.exec(text);
  if (descr === null || shape === null) {
    throw refuse("it holds no plain array of numbers");
  }
  const info = Object.values(TYPES).find((type) => type.numpy === descr[2]);
  if (info === undefined) throw refuse(`data type "${descr[2]}" is not known`);
  const axes = (shape[1] ?? "").split(",").map((axis) => axis.trim())
    .filter((axis) => axis !== "").map((axis) => parseInt(axis));
  const fortran = /'fortran_order':\s*True/.test(text);
  const pixels = bytes.slice(start + length);
  const expected = axes.reduce((product, axis) => product * axis, 1) *
    info.bytes;
  if (pixels.length !== expected) {
    throw refuse(`it holds ${pixels.length} bytes of ${expected}`);
  }
  if (descr[1] === ">") swapInPlace(pixels, info.bytes / info.parts);
  return {
    type: info.name,
    size: fortran ? axes : axes.reverse(),
    bytes: pixels,
  };
}
