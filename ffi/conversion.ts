/**
 * How the helper is told to convert stored values.
 * @module
 */

/** How stored, big-endian values become pixels. */
export interface Conversion {
  /** Bytes that are reversed together: 1, 2, 4 or 8. */
  readonly width: number;
  /** Exact: invert the sign bit. */
  readonly flipSign: boolean;
  /** What is stored, where values are scaled. */
  readonly stored: "u8" | "integer" | "f32" | "f64";
  /** Values become value x scale + zero, in floats of so many bytes. */
  readonly scaled?: {
    readonly bytes: 4 | 8;
    readonly scale: number;
    readonly zero: number;
    /** This integer becomes NaN. */
    readonly blank?: bigint;
  };
}

const STORED = ["u8", "integer", "f32", "f64"] as const;

/** `struct shmim_convert`. */
export function conversionWords(c: Conversion): BigUint64Array<ArrayBuffer> {
  const words = new BigUint64Array(new ArrayBuffer(9 * 8));
  const { scaled } = c;
  words.set([
    BigInt(c.width),
    BigInt(scaled?.bytes ?? c.width),
    c.flipSign ? 1n : 0n,
    scaled === undefined ? 0n : 1n,
    BigInt(STORED.indexOf(c.stored)),
    scaled?.blank === undefined ? 0n : 1n,
    BigInt.asUintN(64, scaled?.blank ?? 0n),
  ]);
  new Float64Array(words.buffer).set(
    [scaled?.scale ?? 1, scaled?.zero ?? 0],
    7,
  );
  return words;
}
