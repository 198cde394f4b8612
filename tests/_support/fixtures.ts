/**
 * The golden files, what their manifest says of them, and the table of
 * offsets, all of it independent of the code under test.
 * @module
 */

import type { Folder } from "./folder.ts";
import type { DataType, PixelArray } from "../../src/stream/types.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** A timespec of the manifest. */
export interface ManifestTime {
  readonly sec: number;
  readonly nsec: number;
}

/** A keyword record of the manifest. */
export interface ManifestKeyword {
  readonly name: string;
  readonly type: string;
  readonly value: number | string | null;
  readonly cnt: number;
  readonly comment: string;
}

/** Metadata fields by the names of the format document. */
export type ManifestMetadata =
  & Readonly<
    Record<
      | "naxis"
      | "nelement"
      | "datatype"
      | "imagetype"
      | "creatorPID"
      | "ownerPID"
      | "shared"
      | "inode"
      | "location"
      | "status"
      | "flag"
      | "logflag"
      | "sem"
      | "NBproctrace"
      | "cnt0"
      | "cnt1"
      | "cnt2"
      | "write"
      | "NBkw"
      | "CBsize"
      | "CBindex"
      | "CBcycle"
      | "imdatamemsize",
      number
    >
  >
  & Readonly<
    Record<
      "creationtime" | "lastaccesstime" | "atime" | "writetime",
      ManifestTime
    >
  >
  & {
    readonly version: string;
    readonly name: string;
    readonly size: readonly number[];
  };

/** One file of the manifest. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly format: string;
  readonly params?: {
    readonly name: string;
    readonly datatypeCode: number;
    readonly size: readonly number[];
    readonly imagetype: number;
    readonly NBsem: number;
    readonly NBkw: number;
    readonly CBsize: number;
    readonly updates: number;
  };
  readonly expected: {
    readonly metadata: ManifestMetadata;
    readonly blocks: Readonly<
      Record<string, { readonly offset: number; readonly size: number }>
    >;
    readonly data: {
      readonly sha256: string;
      readonly first: readonly number[];
      readonly values?: readonly number[];
    };
    readonly keywords: readonly ManifestKeyword[];
    readonly semaphores: {
      readonly values: readonly number[];
      readonly semlog: number;
      readonly semReadPID: readonly number[];
      readonly semWritePID: readonly number[];
    };
    readonly circularBuffer?: readonly {
      readonly slot: number;
      readonly offset: number;
      readonly values: readonly number[];
    }[];
    readonly atimearray?: readonly ManifestTime[];
    readonly writetimearray?: readonly ManifestTime[];
    readonly cntarray?: readonly number[];
    readonly streamproctraceEntriesWithPid: readonly (number | unknown)[];
  };
}

/** The manifest. */
export const MANIFEST: { readonly files: readonly ManifestFile[] } = JSON.parse(
  Deno.readTextFileSync(new URL("manifest.json", FIXTURES)),
);

interface LayoutTable {
  readonly datatypes: readonly {
    readonly code: number;
    readonly type: string;
    readonly bytes: number;
  }[];
  readonly structs: Readonly<
    Record<
      string,
      {
        readonly size: number;
        readonly members: readonly {
          readonly name: string;
          readonly offset: number;
          readonly size: number;
        }[];
      }
    >
  >;
}

/** The format document's table of offsets. */
export const LAYOUT: LayoutTable = JSON.parse(
  Deno.readTextFileSync(new URL("imagestreamio-2.00.layout.json", FIXTURES)),
);

/** Offset and size of a member of a structure. */
export function member(
  name: string,
  struct = "metadata",
): { offset: number; size: number } {
  const found = LAYOUT.structs[struct]?.members.find((m) => m.name === name);
  if (found === undefined) throw new Error(`no member ${struct}.${name}`);
  return found;
}

/** What the manifest says of one file. */
export function expectedOf(path: string): ManifestFile {
  const found = MANIFEST.files.find((file) => file.path === path);
  if (found === undefined) throw new Error(`no fixture "${path}"`);
  return found;
}

/** The golden files of ImageStreamIO 2.00 in its current layout. */
export function currentFixtures(): ManifestFile[] {
  return MANIFEST.files.filter((file) => /^isio\/[^/]+$/.test(file.path));
}

/** The bytes of a golden file. */
export function fixtureBytes(path: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(path, FIXTURES));
}

/** Puts a golden file into a folder and gives its new path. */
export function placeFixture(
  folder: Folder,
  path: string,
  change?: (view: DataView<ArrayBuffer>, bytes: Uint8Array) => void,
): string {
  const bytes = fixtureBytes(path);
  change?.(new DataView(bytes.buffer), bytes);
  const target = `${folder.path}/${path.slice(path.lastIndexOf("/") + 1)}`;
  Deno.writeFileSync(target, bytes);
  return target;
}

/** shmim's name of a data type code, by the format document's names. */
export function typeOfCode(code: number): DataType {
  const type = LAYOUT.datatypes.find((entry) => entry.code === code)?.type;
  if (type === undefined) throw new Error(`no data type ${code}`);
  return type.replace("uint", "u").replace("int", "i").replace("float", "f")
    .replace("complex", "c") as DataType;
}

/** Bytes of one pixel by the format document. */
export function pixelBytes(type: DataType): number {
  return LAYOUT.datatypes.find((entry) => typeOfCode(entry.code) === type)
    ?.bytes ?? 0;
}

/** The manifest's pattern: v(i) = (i*7+3) mod 251. */
export function pattern(index: number): number {
  return (index * 7 + 3) % 251;
}

/** Numbers as pixels of a type; complex types take re, im, re, im. */
export function pixelsFrom(
  type: DataType,
  count: number,
  value: (index: number) => number,
): PixelArray {
  const numbers = Array.from({ length: count }, (_, index) => value(index));
  switch (type) {
    case "u8":
      return Uint8Array.from(numbers);
    case "i8":
      return Int8Array.from(numbers);
    case "u16":
      return Uint16Array.from(numbers);
    case "i16":
      return Int16Array.from(numbers);
    case "u32":
      return Uint32Array.from(numbers);
    case "i32":
      return Int32Array.from(numbers);
    case "u64":
      return BigUint64Array.from(numbers.map(BigInt));
    case "i64":
      return BigInt64Array.from(numbers.map(BigInt));
    case "f16":
      return Float16Array.from(numbers);
    case "f32":
    case "c64":
      return Float32Array.from(numbers);
    default:
      return Float64Array.from(numbers);
  }
}

/** Elements of a size in an array of a type: two for a complex pixel. */
export function elementsOf(type: DataType, size: readonly number[]): number {
  return size.reduce((a, b) => a * b, 1) * (type.startsWith("c") ? 2 : 1);
}

/** Hexadecimal SHA-256. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return hash.toHex();
}
