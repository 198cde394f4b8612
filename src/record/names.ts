/**
 * Names of recorded files: by stream and time, plain or as milk has them.
 * @module
 */

import { join } from "@std/path";
import { formatTime } from "../fits/parts.ts";

/** `plain`: STREAM_DATE in the folder; `milk`: DATE/STREAM/STREAM_TIME. */
export type Naming = "plain" | "milk";

/** Where a cube goes. */
export interface CubePlace {
  /** Its folder. */
  readonly folder: string;
  /** Its name, with `.fits` at its end. */
  readonly file: string;
}

/**
 * The place of a cube.
 *
 * @param dir The folder of recordings.
 * @param stream The stream's name.
 * @param time When its first frame arrived, ns since 1970, UTC.
 * @param naming How it is named.
 */
export function cubePlace(
  dir: string,
  stream: string,
  time: bigint,
  naming: Naming,
): CubePlace {
  const text = formatTime(time) ?? "0001-01-01T00:00:00.000000000";
  if (naming === "plain") {
    return { folder: dir, file: `${stream}_${text}.fits` };
  }
  const [date = "", clock = ""] = text.split("T");
  return {
    folder: join(dir, date.replaceAll("-", ""), stream),
    file: `${stream}_${clock}.fits`,
  };
}

/** What an unfinished cube is called: hidden, beside its later place. */
export function partPath({ folder, file }: CubePlace): string {
  return join(folder, `.${file}.part`);
}

/** Where the rows of an unfinished cube's table are kept. */
export function rowsPath(part: string): string {
  return part.replace(/\.part$/, ".rows");
}

/** The later place of an unfinished cube; `undefined` where it is none. */
export function placeOfPart(folder: string, name: string):
  | CubePlace
  | undefined {
  const match = /^\.(.+\.fits)\.part$/.exec(name);
  return match?.[1] === undefined ? undefined : { folder, file: match[1] };
}
