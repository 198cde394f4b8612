/**
 * The times of a cube's frames as text beside it, as milk's telemetry has it.
 * @module
 */

import { basename, dirname, join } from "@std/path";
import { writeWhole } from "../files/whole_file.ts";
import { ARRIVAL_ROW_BYTES, readArrivalRow } from "../fits/parts.ts";
import type { CubeFile } from "./cube_file.ts";

const HEADING = [
  "Telemetry stream timing data",
  "",
  "col1 : datacube frame index",
  "col2 : Main index",
  "col3 : Time since cube origin (logging)",
  "col4 : Absolute time (logging)",
  "col5 : Absolute time (acquisition)",
  "col6 : stream cnt0 index",
  "col7 : stream cnt1 index",
  "",
];

const NS = 1_000_000_000n;

/** Seconds with nine decimals. */
function seconds(ns: bigint): string {
  const sign = ns < 0n ? "-" : "";
  const size = ns < 0n ? -ns : ns;
  const rest = (size % NS).toString().padStart(9, "0");
  return `${sign}${size / NS}.${rest}`;
}

/**
 * The times of a cube's frames as text, in the seven columns of milk's
 * telemetry format: the logging time is when a frame arrived. A time that is
 * not known is that of its arrival.
 *
 * @param rows The rows of the cube's table.
 * @param firstIndex How many frames were recorded before this cube.
 */
export function timesText(
  rows: Uint8Array<ArrayBuffer>,
  firstIndex: number,
): string {
  const view = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const lines = HEADING.map((line) => `# ${line}`.trimEnd());
  let first: bigint | undefined;
  for (let at = 0; at < rows.length; at += ARRIVAL_ROW_BYTES) {
    const index = at / ARRIVAL_ROW_BYTES;
    const { cnt0, cnt1 = 0n, arrived = 0n, acquired = arrived } =
      readArrivalRow(view, at);
    first ??= arrived;
    lines.push(
      [
        String(index).padStart(10),
        String(firstIndex + index).padStart(10),
        seconds(arrived - first).padStart(15),
        seconds(arrived).padStart(20),
        seconds(acquired).padStart(20),
        String(cnt0).padStart(10),
        String(cnt1).padStart(10),
      ].join("  "),
    );
  }
  return lines.join("\n") + "\n";
}

/** Writes the text of times beside a cube, whole or not at all. */
export async function writeTimes(
  file: string,
  cube: CubeFile,
  firstIndex: number,
): Promise<void> {
  const path = file.replace(/\.fits$/, ".txt");
  // `recover` knows by this name what a crash left.
  const temporary = join(dirname(path), `.${basename(path)}.part`);
  await writeWhole(path, timesText(cube.rows(), firstIndex), temporary);
}
