/**
 * Data types of pixels: their names, sizes and arrays.
 * @module
 */

/** Name of a pixel's data type. c64 and c128 are pairs (re, im). */
export type DataType =
  | "u8"
  | "i8"
  | "u16"
  | "i16"
  | "u32"
  | "i32"
  | "u64"
  | "i64"
  | "f16"
  | "f32"
  | "f64"
  | "c64"
  | "c128";

/** An array of pixels in memory order; complex types hold re, im, re, im. */
export type PixelArray =
  | Uint8Array<ArrayBuffer>
  | Int8Array<ArrayBuffer>
  | Uint16Array<ArrayBuffer>
  | Int16Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | BigUint64Array<ArrayBuffer>
  | BigInt64Array<ArrayBuffer>
  | Float16Array<ArrayBuffer>
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>;

/** Makes an array over memory. */
export type ArrayOf = (
  buffer: ArrayBuffer,
  offset: number,
  length: number,
) => PixelArray;

/** What there is to know of a data type. */
export interface TypeInfo {
  /** Its name. */
  readonly name: DataType;
  /** Bytes of one pixel. */
  readonly bytes: number;
  /** Array elements of one pixel: 2 for complex types. */
  readonly parts: number;
  /** Whether pixels are bigints in JavaScript. */
  readonly big: boolean;
  /** NumPy's code, without byte order. */
  readonly numpy: string;
  /** Other names people know. */
  readonly spellings: readonly string[];
  /** Makes an array over memory; `length` counts array elements. */
  readonly array: ArrayOf;
}

function info(
  name: DataType,
  bytes: number,
  numpy: string,
  spellings: string,
  array: ArrayOf,
): TypeInfo {
  return {
    name,
    bytes,
    parts: name.startsWith("c") ? 2 : 1,
    big: name === "u64" || name === "i64",
    numpy,
    spellings: spellings.split(" "),
    array,
  };
}

/** Every data type, in the order of ImageStreamIO's list. */
export const TYPES: Readonly<Record<DataType, TypeInfo>> = {
  u8: info(
    "u8",
    1,
    "u1",
    "uint8 ui8 tui8",
    (b, o, n) => new Uint8Array(b, o, n),
  ),
  i8: info(
    "i8",
    1,
    "i1",
    "int8 si8 tsi8",
    (b, o, n) => new Int8Array(b, o, n),
  ),
  u16: info(
    "u16",
    2,
    "u2",
    "uint16 ui16 tui16",
    (b, o, n) => new Uint16Array(b, o, n),
  ),
  i16: info(
    "i16",
    2,
    "i2",
    "int16 si16 tsi16",
    (b, o, n) => new Int16Array(b, o, n),
  ),
  u32: info(
    "u32",
    4,
    "u4",
    "uint32 ui32 tui32",
    (b, o, n) => new Uint32Array(b, o, n),
  ),
  i32: info(
    "i32",
    4,
    "i4",
    "int32 si32 tsi32",
    (b, o, n) => new Int32Array(b, o, n),
  ),
  u64: info(
    "u64",
    8,
    "u8",
    "uint64 ui64 tui64",
    (b, o, n) => new BigUint64Array(b, o, n),
  ),
  i64: info(
    "i64",
    8,
    "i8",
    "int64 si64 tsi64",
    (b, o, n) => new BigInt64Array(b, o, n),
  ),
  f16: info(
    "f16",
    2,
    "f2",
    "float16 flt16 half",
    (b, o, n) => new Float16Array(b, o, n),
  ),
  f32: info(
    "f32",
    4,
    "f4",
    "float32 flt flt32 float tf32",
    (b, o, n) => new Float32Array(b, o, n),
  ),
  f64: info(
    "f64",
    8,
    "f8",
    "float64 dbl flt64 double tf64",
    (b, o, n) => new Float64Array(b, o, n),
  ),
  c64: info(
    "c64",
    8,
    "c8",
    "complex64 cplx32 cflt cfloat",
    (b, o, n) => new Float32Array(b, o, n),
  ),
  c128: info(
    "c128",
    16,
    "c16",
    "complex128 cplx64 cdbl cdouble",
    (b, o, n) => new Float64Array(b, o, n),
  ),
};

/** Data types by the numbers that stream files have for them. */
export const TYPE_CODES: readonly (DataType | undefined)[] = [
  undefined,
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "u64",
  "i64",
  "f32",
  "f64",
  "c64",
  "c128",
  "f16",
];

/** More pixels than any frame has: beyond, a size is damaged. */
export const MAX_PIXELS = 10_000_000_000n;

const SPELLINGS = new Map<string, DataType>(
  Object.values(TYPES).flatMap((type) =>
    [type.name, ...type.spellings].map((text) => [text, type.name] as const)
  ),
);

/**
 * Reads a data type as people write it: `f32`, `FLT`, `uint16`, `UI16`,
 * `tf32`, `complex64`, `CPLX32`.
 *
 * @param text The spelling; case does not matter.
 * @returns The type.
 * @throws {SyntaxError} where nobody writes it so.
 */
export function parseType(text: string): DataType {
  const type = SPELLINGS.get(text.trim().toLowerCase());
  if (type === undefined) {
    throw new SyntaxError(
      `Unknown data type "${text}": use one of ${Object.keys(TYPES).join(" ")}`,
    );
  }
  return type;
}

/** Whether a text is a data type. */
export function isType(text: string): boolean {
  return SPELLINGS.has(text.trim().toLowerCase());
}

/**
 * Pixels as an array over bytes; copies only where the bytes are not aligned.
 *
 * @param type The data type.
 * @param bytes Whole pixels.
 */
export function pixelsOf(
  type: DataType,
  bytes: Uint8Array<ArrayBuffer>,
): PixelArray {
  const { array, parts, bytes: size } = TYPES[type];
  const element = size / parts;
  const aligned = bytes.byteOffset % element === 0 ? bytes : bytes.slice();
  return array(
    aligned.buffer,
    aligned.byteOffset,
    aligned.byteLength / element,
  );
}

/** Whether two streams have the same axes; those of 1 at the end count not. */
export function sameAxes(a: readonly number[], b: readonly number[]): boolean {
  const axes = Math.max(a.length, b.length);
  return Array.from({ length: axes }, (_, i) => i)
    .every((i) => (a[i] ?? 1) === (b[i] ?? 1));
}

/** Size and type, as messages have them: `4x3 u16`. */
export function kindOf(
  { size, type }: { readonly size: readonly number[]; readonly type: DataType },
): string {
  return `${size.join("x")} ${type}`;
}

/** Slices that a size has: the third axis, 1 where there is none. */
export function slicesOf(size: readonly number[]): number {
  return size[2] ?? 1;
}

/**
 * How many pixels a size has.
 *
 * @param size The axes, fastest first.
 * @returns Their product, exact.
 */
export function pixelCount(size: readonly number[]): bigint {
  return size.reduce((product, axis) => product * BigInt(axis), 1n);
}

/**
 * {@linkcode pixelCount} as a number, which is cheaper: exact up to
 * {@linkcode MAX_PIXELS}, so of every size that has been checked.
 */
export function pixelNumber(size: readonly number[]): number {
  return size.reduce((product, axis) => product * axis, 1);
}
