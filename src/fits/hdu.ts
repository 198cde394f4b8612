/** One HDU: what its header says about the bytes that follow. @module */

import { FitsError, quoted } from "./errors.ts";
import { failAt, type FitsHeader } from "./header.ts";
import { type FitsBitpix, isBitpix } from "./types.ts";

/** What an HDU holds. */
export type FitsHduKind =
  | "image"
  | "groups"
  | "compressed"
  | "bintable"
  | "table"
  | "other";

/** One header and data unit. */
export interface FitsHdu {
  /** Its number, counted from 0. */
  readonly index: number;
  /** What it holds; `compressed` is an image in the tiles of a table. */
  readonly kind: FitsHduKind;
  /** EXTNAME, or "". */
  readonly name: string;
  /** EXTVER, or 1. */
  readonly version: number;
  /** Its header. */
  readonly header: FitsHeader;
  /** Where its header starts. */
  readonly headerOffset: number;
  /** Where its data start. */
  readonly dataOffset: number;
  /** How many bytes of data it declares, without the filling. */
  readonly dataBytes: number;
  /** BITPIX. */
  readonly bitpix: FitsBitpix;
  /** NAXIS1, NAXIS2, …: the fastest axis first. */
  readonly axes: readonly number[];
  /** What was read around: order of cards, odd cards. */
  readonly warnings: readonly string[];
}

/** Reads an integer keyword that must not be negative. */
function count(
  header: FitsHeader,
  keyword: string,
  fallback?: bigint,
): bigint {
  const value = header.integer(keyword, fallback);
  if (value < 0n) failAt(header, keyword, `value is ${value}, below 0`);
  return value;
}

function readBitpix(header: FitsHeader): FitsBitpix {
  const value = Number(header.integer("BITPIX"));
  if (isBitpix(value)) return value;
  return failAt(
    header,
    "BITPIX",
    `value is ${value}, not 8, 16, 32, 64, -32 or -64`,
  );
}

/** Reads NAXIS and NAXISn. */
function readAxes(header: FitsHeader): bigint[] {
  const naxis = count(header, "NAXIS");
  if (naxis > 999n) failAt(header, "NAXIS", `value is ${naxis}, above 999`);
  return Array.from(
    { length: Number(naxis) },
    (_, i) => count(header, `NAXIS${i + 1}`),
  );
}

/** What the first card says this HDU is. */
function readKind(
  header: FitsHeader,
  index: number,
  axes: readonly bigint[],
): FitsHduKind {
  if (index === 0) {
    const groups = header.get("GROUPS") === true && axes[0] === 0n;
    return groups ? "groups" : "image";
  }
  switch (header.text("XTENSION")?.toUpperCase()) {
    case "IMAGE":
    case "IUEIMAGE":
      return "image";
    case "BINTABLE":
    case "A3DTABLE":
      return header.get("ZIMAGE") === true ? "compressed" : "bintable";
    case "TABLE":
      return "table";
    default:
      return "other";
  }
}

/** Checks the first card: SIMPLE = T, or XTENSION. */
function checkFirstCard(header: FitsHeader, index: number): void {
  const first = header.cards[0];
  const wanted = index === 0 ? "SIMPLE" : "XTENSION";
  if (first?.keyword !== wanted) {
    throw new FitsError(
      `not FITS: ${wanted} is expected, found ${
        quoted(first?.keyword ?? "END")
      }`,
      { card: 1 },
    );
  }
  if (index > 0) {
    if (typeof first.value === "string") return;
    failAt(header, wanted, first.problem ?? "a string is needed");
  }
  if (first.value === false) {
    failAt(header, wanted, "file says of itself that it is not standard FITS");
  }
  if (first.value !== true) {
    failAt(header, wanted, first.problem ?? "T is needed");
  }
}

/** Notes where BITPIX, NAXIS and NAXISn do not stand where they must. */
function orderWarnings(header: FitsHeader, naxis: number): string[] {
  const wanted = ["BITPIX", "NAXIS"];
  for (let i = 1; i <= naxis; i++) wanted.push(`NAXIS${i}`);
  return wanted.flatMap((keyword, i) => {
    const number = header.card(keyword)?.number;
    if (number === i + 2) return [];
    return [`Card ${i + 2}: ${keyword} is expected here, it is card ${number}`];
  }).slice(0, 1);
}

/** The bytes of data that a header declares. */
function declaredBytes(
  header: FitsHeader,
  kind: FitsHduKind,
  bitpix: FitsBitpix,
  axes: readonly bigint[],
  index: number,
): number {
  const counted = kind === "groups" ? axes.slice(1) : axes;
  const product = axes.length === 0
    ? 0n
    : counted.reduce((all, axis) => all * axis, 1n);
  const grouped = index > 0 || kind === "groups";
  const pcount = grouped ? count(header, "PCOUNT", 0n) : 0n;
  const gcount = grouped ? count(header, "GCOUNT", 1n) : 1n;
  const bytes = BigInt(Math.abs(bitpix) / 8) * gcount * (pcount + product);
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FitsError(
      `the product of the axes overflows: ${quoted(`${bytes}`)} bytes of data`,
      { keyword: "NAXIS" },
    );
  }
  if (kind === "image" && index > 0 && bytes > 0) {
    if (pcount !== 0n) failAt(header, "PCOUNT", `value is ${pcount}, not 0`);
    if (gcount !== 1n) failAt(header, "GCOUNT", `value is ${gcount}, not 1`);
  }
  return Number(bytes);
}

/**
 * Reads what a header says about its data; nothing is read or allocated.
 *
 * @param header The header.
 * @param index The HDU's number, counted from 0.
 * @param headerOffset Where the header starts.
 * @param dataOffset Where the data start.
 * @returns The HDU.
 * @throws {FitsError} When a keyword that the size depends on is wrong.
 */
export function describeHdu(
  header: FitsHeader,
  index: number,
  headerOffset: number,
  dataOffset: number,
): FitsHdu {
  checkFirstCard(header, index);
  const bitpix = readBitpix(header);
  const exact = readAxes(header);
  const kind = readKind(header, index, exact);
  const dataBytes = declaredBytes(header, kind, bitpix, exact, index);
  const version = header.get("EXTVER");
  return {
    index,
    kind,
    name: header.text("EXTNAME") ?? "",
    version: typeof version === "bigint" ? Number(version) : 1,
    header,
    headerOffset,
    dataOffset,
    dataBytes,
    bitpix,
    axes: exact.map(Number),
    warnings: [
      ...orderWarnings(header, exact.length),
      ...header.problems(),
    ],
  };
}
