/** What has to be done with stored pixels: derived from a header. @module */

import { FitsError } from "./errors.ts";
import type { FitsHdu } from "./hdu.ts";
import type {
  FitsBitpix,
  FitsElementType,
  FitsStoredType,
  FitsWidth,
} from "./types.ts";

/** Pixels whose bytes are reversed, and no more: nothing is rounded. */
export interface FitsExactConversion {
  /** Tells the two conversions apart. */
  readonly kind: "exact";
  /** The type that results. */
  readonly type: FitsElementType;
  /** How many bytes are reversed together; half a pixel of complex ones. */
  readonly width: FitsWidth;
  /** How the file stores them. */
  readonly stored: FitsStoredType;
  /** Whether the sign bit is inverted after reversing (BZERO conventions). */
  readonly flipSign: boolean;
}

/** Pixels that become floating-point: stored x scale + zero. */
export interface FitsScaledConversion {
  /** Tells the two conversions apart. */
  readonly kind: "scaled";
  /** The type that results. */
  readonly type: "f32" | "f64";
  /** How many bytes are reversed together. */
  readonly width: FitsWidth;
  /** How the file stores them. */
  readonly stored: FitsStoredType;
  /** BSCALE. */
  readonly scale: number;
  /** BZERO. */
  readonly zero: number;
  /** The stored value that becomes NaN. */
  readonly blank?: bigint;
}

/** What has to be done with stored, big-endian pixels. */
export type FitsConversion = FitsExactConversion | FitsScaledConversion;

/** A conversion and what was read around to get it. */
export interface FoundConversion {
  /** The conversion. */
  readonly conversion: FitsConversion;
  /** What the header says and is not heeded. */
  readonly warnings: readonly string[];
}

interface Storage {
  readonly stored: FitsStoredType;
  readonly width: FitsWidth;
  /** The type that results of a scale or of BLANK. */
  readonly scaled: "f32" | "f64";
  /** The BZERO that stands for the other signedness, and the type it makes. */
  readonly other?: { readonly zero: bigint; readonly type: FitsElementType };
}

const STORAGE: Readonly<Record<FitsBitpix, Storage>> = {
  [8]: {
    stored: "u8",
    width: 1,
    scaled: "f32",
    other: { zero: -128n, type: "i8" },
  },
  [16]: {
    stored: "i16",
    width: 2,
    scaled: "f32",
    other: { zero: 32_768n, type: "u16" },
  },
  [32]: {
    stored: "i32",
    width: 4,
    scaled: "f64",
    other: { zero: 2_147_483_648n, type: "u32" },
  },
  [64]: {
    stored: "i64",
    width: 8,
    scaled: "f64",
    other: { zero: 9_223_372_036_854_775_808n, type: "u64" },
  },
  [-32]: { stored: "f32", width: 4, scaled: "f32" },
  [-64]: { stored: "f64", width: 8, scaled: "f64" },
};

/** Whether a header's number is exactly this integer. */
function equals(value: number | bigint, wanted: bigint): boolean {
  return typeof value === "bigint"
    ? value === wanted
    : value === Number(wanted);
}

/** The least and the largest value of a stored integer. */
function storedRange(bitpix: FitsBitpix): readonly [bigint, bigint] {
  if (bitpix === 8) return [0n, 255n];
  const half = 1n << BigInt(bitpix - 1);
  return [-half, half - 1n];
}

/** Reads BLANK, where it means something. */
function readBlank(
  hdu: FitsHdu,
  warnings: string[],
): bigint | undefined {
  const card = hdu.header.card("BLANK");
  if (card === undefined || card.value === null) return undefined;
  if (hdu.bitpix < 0) {
    warnings.push("BLANK has no meaning for floating-point pixels");
    return undefined;
  }
  const blank = hdu.header.integer("BLANK");
  const [least, largest] = storedRange(hdu.bitpix);
  if (blank < least || blank > largest) {
    warnings.push(`BLANK is ${blank}, which no pixel can be`);
    return undefined;
  }
  return blank;
}

/**
 * Derives from BITPIX, BSCALE, BZERO and BLANK what has to be done with the
 * pixels. Integers stay exact wherever BSCALE is 1 and BZERO 0 or the value
 * that swaps signed and unsigned; BLANK or any other scale makes them f32
 * (8 and 16 bits) or f64 (32 and 64 bits).
 *
 * @param hdu The HDU.
 * @returns The conversion, and what the header says in vain.
 * @throws {FitsError} When BSCALE is 0, or a value is not a number.
 */
export function findConversion(hdu: FitsHdu): FoundConversion {
  const { header, bitpix } = hdu;
  const { stored, width, scaled, other } = STORAGE[bitpix];
  const scale = header.real("BSCALE", 1);
  const zero = header.real("BZERO", 0);
  if (Number(scale) === 0) {
    const keyword = "BSCALE";
    const card = header.card(keyword)?.number ?? 0;
    const problem = "value is 0, which would make all pixels equal";
    throw new FitsError(problem, { card, keyword });
  }
  const warnings: string[] = [];
  const blank = readBlank(hdu, warnings);
  if (equals(scale, 1n) && blank === undefined) {
    if (equals(zero, 0n)) {
      const conversion: FitsConversion = {
        kind: "exact",
        type: stored,
        width,
        stored,
        flipSign: false,
      };
      return { conversion, warnings };
    }
    if (other !== undefined && equals(zero, other.zero)) {
      const conversion: FitsConversion = {
        kind: "exact",
        type: other.type,
        width,
        stored,
        flipSign: true,
      };
      return { conversion, warnings };
    }
  }
  const conversion: FitsConversion = {
    kind: "scaled",
    type: scaled,
    width,
    stored,
    scale: Number(scale),
    zero: Number(zero),
    ...(blank === undefined ? {} : { blank }),
  };
  return { conversion, warnings };
}
