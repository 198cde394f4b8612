/**
 * A portable program: one file that unpacks Deno, the bundle and the helper
 * into the user's cache and runs them. `native/portable/portable.h` has the
 * layout of the file.
 * @module
 */

import { crc32, deflateRawSync } from "node:zlib";
import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { compile } from "../build.ts";
import type { Target } from "./targets.ts";

const NATIVE = fromFileUrl(new URL("../../native/portable/", import.meta.url));
const FLAGS = [
  "-std=c11",
  "-O2",
  "-static",
  "-s",
  "-Wall",
  "-Wextra",
  "-Wpedantic",
  "-Werror",
];

const TAIL_BYTES = 40;
const HEAD_BYTES = 88;
const ENTRY_BYTES = 96;
const KEY_BYTES = 80;
const NAME_BYTES = 64;
const MAGIC = "shmim one file 1";
/** In an argument it stands for the folder of the files. */
export const FOLDER = "\x01";

/** A file that is packed. */
export interface PackedFile {
  /** Its name; it lies in no folder. */
  readonly name: string;
  /** Its content. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it is run. */
  readonly executable?: boolean;
}

/** What goes into a portable program. */
export interface Content {
  /** Shown in the name of the cache's folder. */
  readonly version: string;
  /** The first is run. */
  readonly files: readonly PackedFile[];
  /** Its arguments, before those of the user. */
  readonly args: readonly string[];
}

/** Sources of the program in front, in the order of their names. */
export function headSources(): string[] {
  return [...Deno.readDirSync(NATIVE)]
    .filter(({ name }) => name.endsWith(".c"))
    .map(({ name }) => NATIVE + name)
    .sort();
}

/**
 * Compiles the program in front, which needs no library.
 *
 * @param path Where to.
 * @param flags More flags of the compiler.
 */
export function compileHead(
  path: string,
  target?: Target,
  flags: readonly string[] = [],
): void {
  compile([...FLAGS, ...flags, "-o", path, ...headSources()], target);
}

const encoder = new TextEncoder();

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(hash).toHex();
}

/** The folder's name: the version, and a hash of names, modes and contents. */
async function keyOf({ version, files }: Content): Promise<string> {
  const lines: string[] = [];
  for (const { name, bytes, executable = false } of files) {
    lines.push(`${await sha256(bytes)} ${executable ? "x" : "-"} ${name}`);
  }
  const hash = await sha256(encoder.encode(lines.join("\n")));
  return `${version}-${hash.slice(0, 40)}`;
}

function put(bytes: Uint8Array, at: number, text: string, room: number): void {
  const encoded = encoder.encode(text);
  if (encoded.length >= room) throw new RangeError(`"${text}" is too long`);
  bytes.set(encoded, at);
}

/**
 * Packs a portable program.
 *
 * @param head The compiled program in front.
 * @returns The whole file.
 */
export async function pack(
  head: Uint8Array,
  content: Content,
): Promise<Uint8Array<ArrayBuffer>> {
  const { files, args } = content;
  const index = new Uint8Array(HEAD_BYTES + files.length * ENTRY_BYTES);
  const view = new DataView(index.buffer);
  put(index, 0, await keyOf(content), KEY_BYTES);
  view.setUint32(KEY_BYTES, files.length, true);
  view.setUint32(KEY_BYTES + 4, args.length, true);

  const parts: Uint8Array[] = [head];
  let offset = head.length;
  files.forEach(({ name, bytes, executable = false }, i) => {
    const stored = deflateRawSync(bytes, { level: 6 });
    const at = HEAD_BYTES + i * ENTRY_BYTES;
    put(index, at, name, NAME_BYTES);
    view.setBigUint64(at + 64, BigInt(offset), true);
    view.setBigUint64(at + 72, BigInt(stored.length), true);
    view.setBigUint64(at + 80, BigInt(bytes.length), true);
    view.setUint32(at + 88, crc32(bytes), true);
    view.setUint32(at + 92, executable ? 0o700 : 0o600, true);
    parts.push(stored);
    offset += stored.length;
  });

  const padding = new Uint8Array((8 - offset % 8) % 8);
  const whole = joined([
    index,
    ...args.map((arg) => encoder.encode(`${arg}\0`)),
  ]);
  const tail = new Uint8Array(TAIL_BYTES);
  const end = new DataView(tail.buffer);
  end.setBigUint64(0, BigInt(offset + padding.length), true);
  end.setBigUint64(8, BigInt(whole.length), true);
  end.setUint32(16, crc32(whole), true);
  tail.set(encoder.encode(MAGIC), 24);
  return joined([...parts, padding, whole, tail]);
}
