/**
 * The list of a snapshot, as far as a program relies on it: read from a file
 * that anybody may have changed.
 * @module
 */

import { basename } from "@std/path";
import { FORMAT_NAMES } from "../stream/formats.ts";
import { isType } from "../stream/types.ts";
import type {
  ListedKeyword,
  SnapshotLink,
  SnapshotList,
  SnapshotStream,
} from "./snapshot.ts";

type Check = (value: unknown) => boolean;
type Checks<T> = Readonly<Partial<Record<keyof T & string, Check>>>;

const MOST_COUNT = 2 ** 32 - 1;
const U64 = (1n << 64n) - 1n;

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** Text that can stand in a line. */
function isLine(value: unknown): value is string {
  // deno-lint-ignore no-control-regex
  return isText(value) && !/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(value);
}

/** An integer as text, within limits. */
function isWhole(value: unknown, least: bigint, most: bigint): boolean {
  if (!isText(value) || !/^-?\d{1,20}$/.test(value)) return false;
  return BigInt(value) >= least && BigInt(value) <= most;
}

function isInt64(value: unknown): boolean {
  return isWhole(value, -(1n << 63n), (1n << 63n) - 1n);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 &&
    Number(value) <= MOST_COUNT;
}

function isAxis(value: unknown): boolean {
  return isCount(value) && value > 0;
}

function all(value: unknown, check: Check): value is unknown[] {
  return Array.isArray(value) && value.every(check);
}

/** The first field that is wrong; `undefined`: none is. */
function wrongField<T>(value: unknown, checks: Checks<T>): string | undefined {
  if (!isObject(value)) return "is no object";
  for (const [name, check] of Object.entries<Check | undefined>(checks)) {
    if (check?.(value[name]) === false) return `"${name}" is wrong`;
  }
  return undefined;
}

const KEYWORD: Checks<ListedKeyword> = {
  name: isText,
  type: (type) => type === "L" || type === "D" || type === "S",
  value: isText,
  comment: isText,
};

function isKeyword(value: unknown): boolean {
  return wrongField(value, KEYWORD) === undefined && isObject(value) &&
    (value.type !== "L" || isInt64(value.value));
}

const STREAM: Checks<SnapshotStream> = {
  name: isText,
  file: (file) =>
    isLine(file) && !["", ".", ".."].includes(file) && basename(file) === file,
  format: (format) => (FORMAT_NAMES as readonly unknown[]).includes(format),
  type: (type) => isText(type) && isType(type),
  size: (size) => all(size, isAxis) && size.length > 0,
  counters: (counters) =>
    all(counters, (one) => isWhole(one, 0n, U64)) && counters.length === 3,
  acquired: isInt64,
  keywordCapacity: isCount,
  semaphores: isCount,
  depth: isCount,
  circularBuffer: isCount,
  rolling: (rolling) => typeof rolling === "boolean",
  keywords: (keywords) => all(keywords, isKeyword),
};

const LINK: Checks<SnapshotLink> = { name: isText, link: isLine };

/** What is wrong with a list; `undefined`: nothing. */
function wrongOf(list: unknown): string | undefined {
  if (!isObject(list)) return "no object";
  if (list.version !== 1) return '"version" is not 1';
  const parts = [["streams", STREAM], ["links", LINK]] as const;
  for (const [name, checks] of parts) {
    const entries = list[name];
    if (!Array.isArray(entries)) return `"${name}" is no array`;
    for (const [i, entry] of entries.entries()) {
      const wrong = wrongField(entry, checks as Checks<unknown>);
      if (wrong !== undefined) return `"${name}"[${i}]: ${wrong}`;
    }
  }
  return undefined;
}

/**
 * Reads a list.
 *
 * @param path Its file, for errors.
 * @param json What is in it.
 * @throws {SyntaxError} where it is none, naming what is wrong.
 */
export function parseList(path: string, json: string): SnapshotList {
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    throw new SyntaxError(`"${path}" is not the list of a snapshot: no JSON`);
  }
  const wrong = wrongOf(list);
  if (wrong === undefined) return list as SnapshotList;
  throw new SyntaxError(`"${path}" is not the list of a snapshot: ${wrong}`);
}
