/**
 * The contract of Fits2shm as a table: a starting state, a command, and what
 * is there afterwards.
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Workplace } from "./_workplace.ts";

export interface Row {
  /** What it is about. */
  readonly name: string;
  /** Makes the starting state; `ref.fits` with pixels of 1 is there. */
  readonly before?: (place: Workplace) => void | Promise<void>;
  /** The command. */
  readonly command: string[];
  /** Exit code. Default 0. */
  readonly code?: number;
  /** The line on standard output, or, where it fails, on standard error. */
  readonly says: RegExp;
  /** State files afterwards, by stem; `undefined`: as before. */
  readonly state?: Readonly<Record<string, string>>;
  /** First pixel and counter of streams afterwards. */
  readonly streams?: Readonly<Record<string, readonly [number, number]>>;
  /** What else holds. */
  readonly after?: (place: Workplace) => void;
}

export const INFO = "FITSinfo";
export const FIRST =
  `FITSchanged ${INFO} SMchanged SMinfo changed imsize missing new state.json`;
export const KEPT =
  `${INFO} ${INFO}.old FITSsame SMinfo SMinfo.old SMsame imsize ` +
  "kept state.json";

export function sorted(endings: string): string {
  return endings.split(" ").sort().join(" ");
}

/** State after a load into a stream that was there. */
export function loaded(
  fits: "same" | "changed",
  stream: "same" | "changed",
): string {
  return sorted(
    `FITS${fits} ${INFO} ${INFO}.old SM${stream} SMinfo SMinfo.old changed ` +
      "imsize new state.json",
  );
}

export const load = ["load", "ref.fits", "wfs"];
export const once = async (place: Workplace): Promise<void> => {
  await place.done(...load);
};
/** Loads, and then the FITS file has other pixels. */
export function rewritten(
  value: number,
  how: Parameters<Workplace["fits"]>[2] = {},
): (place: Workplace) => Promise<void> {
  return async (place) => {
    await once(place);
    await place.fits("ref.fits", value, how);
  };
}
/** Somebody else made the stream. */
export const foreign = async (place: Workplace): Promise<void> => {
  await place.done("create", "wfs", "4x3", "f32");
};
/** The stream is a link to another. */
export const linked = async (place: Workplace): Promise<void> => {
  await place.done("create", "cam", "4x3", "f32");
  Deno.symlinkSync("cam.im.shm", place.streams.stream("wfs"));
};
/** What bears the stream's name is none. */
export const damaged = (place: Workplace): void =>
  Deno.writeTextFileSync(place.streams.stream("wfs"), "x".repeat(1000));

/** A test for each row; where nothing fails, one of --dry-run, too. */
export function contract(rows: readonly Row[]): void {
  for (const row of rows) {
    const fails = (row.code ?? 0) !== 0;
    Deno.test(`load contract: ${fails ? "fails on " : ""}${row.name}`, async () => {
      using place = new Workplace();
      await place.fits("ref.fits", 1);
      await row.before?.(place);
      const before = place.snapshot();
      const { code, out, err } = await place.shmim(row.command);
      assertEquals(code, row.code ?? 0, err);
      assertMatch((fails ? err : out).trimEnd(), row.says);
      if (fails) {
        assertEquals(out, "");
        assertEquals(place.snapshot(), before);
      }
      for (const [stem, endings] of Object.entries(row.state ?? {})) {
        assertEquals(place.state(stem), sorted(endings), stem);
      }
      for (const [name, [pixel, cnt0]] of Object.entries(row.streams ?? {})) {
        const found = place.look(name);
        assertEquals([found.pixel, Number(found.cnt0)], [pixel, cnt0], name);
      }
      row.after?.(place);
      const left = [...place.names("loadedSM"), ...place.streams.names()]
        .filter((name) => /\.tmp$|\.lock$|^\./.test(name));
      assertEquals(left, [], "nothing is left behind");
      const state = place.names("loadedSM");
      assert(
        !(state.includes("wfs.kept") && state.includes("wfs.new")),
        "never both",
      );
    });
  }
  for (const row of rows.filter(({ code }) => code === undefined)) {
    Deno.test(`load --dry-run: changes nothing: ${row.name}`, async () => {
      using place = new Workplace();
      await place.fits("ref.fits", 1);
      await row.before?.(place);
      const before = place.snapshot();
      const { code, out, err } = await place.shmim([
        ...row.command,
        "--dry-run",
      ]);
      assertEquals(code, 0, err);
      assertMatch(out.trimEnd().replace(/^would be /, ""), row.says);
      assertEquals(place.snapshot(), before);
    });
  }
}
