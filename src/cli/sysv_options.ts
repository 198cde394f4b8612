/**
 * What the commands around System V segments have in common.
 * @module
 */

import { resolve } from "@std/path";
import type { FileKey } from "../sysv/device_segment.ts";
import { streamFolder } from "../stream/names.ts";
import { type Arguments, integerFrom, type OptionSpec } from "./args.ts";
import { UsageError } from "./errors.ts";

/** Id of the key where none is said: "D". */
const DEVICE_ID = 68;

/** `--key`. */
export const KEY: OptionSpec = {
  name: "key",
  value: "PATH:ID",
  help: `an existing file, and 1 to 255 (default: stream folder:${DEVICE_ID})`,
};

/** The key as it was typed, `undefined` where the default counts. */
export function keyOf(args: Arguments): FileKey | undefined {
  const text = args.text("key");
  if (text === undefined) return undefined;
  const colon = text.lastIndexOf(":");
  if (colon < 1) {
    throw new UsageError(
      `--key takes PATH:ID, as in /tmp:${DEVICE_ID}, not "${text}"`,
    );
  }
  return {
    path: resolve(text.slice(0, colon)),
    id: integerFrom("The ID of --key", text.slice(colon + 1), 1, 255),
  };
}

/** The key that counts. */
export function keyInUse(key: FileKey | undefined, dir?: string): FileKey {
  return key ?? { path: streamFolder(dir), id: DEVICE_ID };
}
