/**
 * The contract of Fits2shm as a table: a starting state, a command, and what
 * is there afterwards.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { Workplace } from "./_workplace.ts";

interface Row {
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

const INFO = "FITSinfo";
const FIRST =
  `FITSchanged ${INFO} SMchanged SMinfo changed imsize missing new state.json`;
const KEPT = `${INFO} ${INFO}.old FITSsame SMinfo SMinfo.old SMsame imsize ` +
  "kept state.json";

function sorted(endings: string): string {
  return endings.split(" ").sort().join(" ");
}

/** State after a load into a stream that was there. */
function loaded(fits: "same" | "changed", stream: "same" | "changed"): string {
  return sorted(
    `FITS${fits} ${INFO} ${INFO}.old SM${stream} SMinfo SMinfo.old changed ` +
      "imsize new state.json",
  );
}

const load = ["load", "ref.fits", "wfs"];
const once = async (place: Workplace): Promise<void> => {
  await place.done(...load);
};
const withPrefix = async (place: Workplace): Promise<void> => {
  await place.done("load", "ref.fits", "wfs", "-p", "aol8_");
};
/** Nothing may have changed, whatever the command was. */
const FAILS = { code: 1 } as const;

const ROWS: readonly Row[] = [
  {
    name: "the first load creates the stream",
    command: load,
    says: /^CREATED wfs \(there was no stream\)$/,
    state: { wfs: FIRST },
    streams: { wfs: [1, 1] },
    after: (place) => {
      assertEquals(place.text("loadedSM/wfs.imsize"), "4 3 \n");
      assertEquals(place.text("conf/shmim_wfs.imsize.txt"), "4 3 \n");
      assertEquals(place.text("conf/shmim_wfs.name.txt"), "ref.fits\n");
      assertEquals(
        Deno.readLinkSync(place.file("conf/shmim_wfs.fits")),
        "../ref.fits",
      );
      assertMatch(
        place.text("loadedSM/wfs.FITSinfo"),
        /^ref\.fits \d+ \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} [+-]\d{4}\n$/,
      );
      assertEquals(place.look("wfs").value, 1);
    },
  },
  {
    name: "a second load keeps everything",
    before: once,
    command: load,
    says: /^KEPT wfs \(neither the file nor the stream changed\)$/,
    state: { wfs: KEPT },
    streams: { wfs: [1, 1] },
  },
  {
    name: "-f loads in any case",
    before: once,
    command: [...load, "-f"],
    says: /^LOADED wfs \(forced \(-f\)\)$/,
    state: { wfs: loaded("same", "same") },
    streams: { wfs: [1, 2] },
  },
  {
    name: "-r makes the stream and its state anew",
    before: async (place) => {
      await once(place);
      await once(place);
    },
    command: [...load, "-r"],
    says: /^CREATED wfs \(removed first \(-r\)\)$/,
    state: { wfs: FIRST },
    streams: { wfs: [1, 1] },
  },
  {
    name: "-r is stronger than -f",
    before: once,
    command: [...load, "-f", "-r"],
    says: /^CREATED wfs \(removed first \(-r\)\)$/,
    state: { wfs: FIRST },
  },
  {
    name: "another content of the FITS file is loaded",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2);
    },
    command: load,
    says: /^LOADED wfs \(the FITS file changed\)$/,
    state: { wfs: loaded("changed", "same") },
    streams: { wfs: [2, 2] },
    after: (place) => assertEquals(place.look("wfs").value, 2),
  },
  {
    name: "a FITS file that was touched only is kept",
    before: async (place) => {
      await once(place);
      Deno.utimeSync(place.file("ref.fits"), 1, 1);
    },
    command: load,
    says: /^KEPT wfs/,
    state: { wfs: KEPT },
    streams: { wfs: [1, 1] },
  },
  {
    name: "another content with the old size and time is loaded",
    before: async (place) => {
      Deno.utimeSync(place.file("ref.fits"), 1000, 1000);
      await once(place);
      await place.fits("2.fits", 2);
      const bytes = Deno.readFileSync(place.file("2.fits"));
      Deno.writeFileSync(place.file("ref.fits"), bytes); // the same inode
      Deno.utimeSync(place.file("ref.fits"), 1000, 1000);
    },
    command: load,
    says: /^LOADED wfs \(the FITS file changed\)$/,
    streams: { wfs: [2, 2] },
  },
  {
    name: "another FITS file is loaded",
    before: async (place) => {
      await once(place);
      await place.fits("other.fits", 3);
    },
    command: ["load", "other.fits", "wfs"],
    says: /^LOADED wfs \(".*\/ref\.fits" was loaded before\)$/,
    state: { wfs: loaded("changed", "same") },
    streams: { wfs: [3, 2] },
    after: (place) =>
      assertEquals(place.text("conf/shmim_wfs.name.txt"), "other.fits\n"),
  },
  {
    name: "a pixel that was stored without counting is noticed",
    before: async (place) => {
      await once(place);
      place.storeQuietly("wfs", 7);
    },
    command: load,
    says: /^LOADED wfs \(the stream's content changed\)$/,
    state: { wfs: loaded("same", "changed") },
    streams: { wfs: [1, 2] },
  },
  {
    name: "a stream that was written with the same content is kept",
    before: async (place) => {
      await once(place);
      using stream = place.open("wfs", true);
      stream.write(new Float32Array(12).fill(1));
      stream.poke();
    },
    command: load,
    says: /^KEPT wfs/,
    state: { wfs: KEPT },
    streams: { wfs: [1, 3] },
  },
  {
    name: "a viewer that touches the stream's file changes nothing",
    before: async (place) => {
      await once(place);
      Deno.utimeSync(place.streams.stream("wfs"), 5, 5);
    },
    command: load,
    says: /^KEPT wfs/,
    state: { wfs: KEPT },
  },
  {
    name: "a stream that is gone is made again",
    before: async (place) => {
      await once(place);
      Deno.removeSync(place.streams.stream("wfs"));
    },
    command: load,
    says: /^CREATED wfs \(there was no stream\)$/,
    state: {
      wfs: sorted(
        `FITSsame ${INFO} ${INFO}.old SMchanged SMinfo SMinfo.old changed ` +
          "imsize missing new state.json",
      ),
    },
    streams: { wfs: [1, 1] },
  },
  {
    name: "another size makes the stream again",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 5, { size: [5, 2] });
    },
    command: load,
    says: /^CREATED wfs \(the stream was 4x3 f32, the file is 5x2 f32\)$/,
    streams: { wfs: [5, 1] },
    after: (place) =>
      assertEquals(place.text("conf/shmim_wfs.imsize.txt"), "5 2 \n"),
  },
  {
    name: "another type makes the stream again",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 5, { type: "u16" });
    },
    command: load,
    says: /^CREATED wfs \(the stream was 4x3 f32, the file is 4x3 u16\)$/,
    streams: { wfs: [5, 1] },
  },
  {
    name: "axes of 1 at the end are no other size",
    before: async (place) => {
      await place.done("create", "wfs", "3x1", "f32");
      await place.fits("ref.fits", 5, { size: [3, 1] });
    },
    command: load,
    says: /^LOADED wfs \(not loaded before\)$/,
    streams: { wfs: [5, 1] },
    after: (place) => {
      using stream = place.open("wfs");
      assertEquals(stream.size, [3, 1]);
    },
  },
  {
    name: "a stream that somebody else made is filled in place",
    before: async (place) => {
      await place.done("create", "wfs", "4x3", "f32");
    },
    command: load,
    says: /^LOADED wfs \(not loaded before\)$/,
    streams: { wfs: [1, 1] },
  },
  {
    name: "--type is another way to load",
    before: once,
    command: [...load, "--type", "i16"],
    says: /^CREATED wfs \(the stream was 4x3 f32, the file is 4x3 i16\)$/,
    streams: { wfs: [1, 1] },
  },
  {
    name: "--keywords none leaves the stream's keywords",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2);
    },
    command: [...load, "--keywords", "none"],
    says: /^LOADED wfs/,
    streams: { wfs: [2, 2] },
    after: (place) => assertEquals(place.look("wfs").value, 1),
  },
  {
    name: "a prefix works without -c",
    command: [...load, "-p", "aol8_"],
    says: /^CREATED aol8_wfs /,
    state: { wfs: FIRST, aol8_wfs: "" },
    streams: { aol8_wfs: [1, 1] },
  },
  {
    name: "-c takes the configured file, with a prefix",
    before: (place) => place.put("conf/shmim_wfs.name.txt", "ref.fits\n"),
    command: ["load", "-c", "-p", "aol8_", "wfs"],
    says: /^CREATED aol8_wfs /,
    state: { wfs: FIRST },
    streams: { aol8_wfs: [1, 1] },
  },
  {
    name: "another prefix gets state of its own",
    before: withPrefix,
    command: [...load, "-p", "aol7_"],
    says: /^CREATED aol7_wfs /,
    state: { wfs: FIRST, aol7_wfs: FIRST },
    streams: { aol8_wfs: [1, 1], aol7_wfs: [1, 1] },
  },
  {
    name: "a load with another prefix is not taken for one's own",
    before: async (place) => {
      await withPrefix(place);
      await place.done("load", "ref.fits", "wfs", "-p", "aol7_");
    },
    command: [...load, "-p", "aol8_"],
    says: /^KEPT aol8_wfs/,
    state: { wfs: KEPT, aol7_wfs: FIRST },
  },
  {
    name: "the same name without a prefix gets state of its own",
    before: async (place) => {
      await withPrefix(place);
      await once(place);
      await place.done("load", "ref.fits", "aol8_wfs", "-f");
    },
    command: load,
    says: /^KEPT wfs/,
  },
  {
    name: "the name with an underscore and a dot is read first",
    before: async (place) => {
      await place.fits("2.fits", 2);
      await place.fits("3.fits", 3);
      place.put("conf/shmim_wfs_name.txt", "3.fits\n");
      place.put("conf/shmim.wfs.name.txt", "2.fits\n");
      place.put("conf/shmim_wfs.name.txt", "ref.fits\n");
    },
    command: ["load", "-c", "wfs"],
    says: /^CREATED/,
    streams: { wfs: [1, 1] },
  },
  {
    name: "milk's dot form is read second",
    before: async (place) => {
      await place.fits("2.fits", 2);
      place.put("conf/shmim_wfs_name.txt", "ref.fits\n");
      place.put("conf/shmim.wfs.name.txt", "2.fits\n");
    },
    command: ["load", "-c", "wfs"],
    says: /^CREATED/,
    streams: { wfs: [2, 1] },
  },
  {
    name: "the documentation's form is read last",
    before: (place) => place.put("conf/shmim_wfs_name.txt", "ref.fits"),
    command: ["load", "-c", "wfs"],
    says: /^CREATED/,
    streams: { wfs: [1, 1] },
  },
  {
    name: "an absolute path works, and so does its link",
    before: async (place) => {
      const path = place.file("ref.fits");
      await place.done("load", path, "wfs");
      assertEquals(Deno.readLinkSync(place.file("conf/shmim_wfs.fits")), path);
    },
    command: ["load", "-c", "wfs"],
    says: /^KEPT/,
  },
  {
    name: "names with blanks work",
    before: async (place) => {
      await place.fits("my ref 1.fits", 4);
      await place.done("load", "my ref 1.fits", "wfs");
      Deno.readFileSync(place.file("conf/shmim_wfs.fits"));
    },
    command: ["load", "-c", "wfs"],
    says: /^KEPT/,
    streams: { wfs: [4, 1] },
  },
  {
    name: "a FITS file that is a link stays one",
    before: async (place) => {
      await place.fits("night_7.fits", 7);
      Deno.symlinkSync("night_7.fits", place.file("link.fits"));
    },
    command: ["load", "link.fits", "wfs"],
    says: /^CREATED/,
    streams: { wfs: [7, 1] },
    after: (place) =>
      assertEquals(Deno.readLinkSync(place.file("link.fits")), "night_7.fits"),
  },
  {
    name: "the link in conf may be what is loaded",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 8);
    },
    command: ["load", "conf/shmim_wfs.fits", "wfs"],
    says: /^LOADED/,
    streams: { wfs: [8, 2] },
    after: (place) =>
      assertEquals(
        Deno.readLinkSync(place.file("conf/shmim_wfs.fits")),
        "../ref.fits",
      ),
  },
  {
    name: "a link that points elsewhere now is another content",
    before: async (place) => {
      await place.fits("other.fits", 9);
      Deno.symlinkSync("ref.fits", place.file("link.fits"));
      await place.done("load", "link.fits", "wfs");
      Deno.removeSync(place.file("link.fits"));
      Deno.symlinkSync("other.fits", place.file("link.fits"));
    },
    command: ["load", "link.fits", "wfs"],
    says: /^LOADED wfs \(the FITS file changed\)$/,
    streams: { wfs: [9, 2] },
  },
  {
    name: "a damaged state.json counts as none",
    before: async (place) => {
      await once(place);
      place.put("loadedSM/wfs.state.json", '{"version": 1, "desti');
    },
    command: load,
    says: /^LOADED wfs \(not loaded before\)$/,
    state: { wfs: loaded("changed", "changed") },
  },
  {
    name: "state files of the old script alone tell nothing of the content",
    before: async (place) => {
      await place.done("create", "wfs", "4x3", "f32");
      for (const ending of ["FITSsame", "SMsame", "kept"]) {
        place.put(`loadedSM/wfs.${ending}`, "");
      }
      place.put("loadedSM/wfs.FITSinfo", "ref.fits 5760 2020-01-01 0:00\n");
    },
    command: load,
    says: /^LOADED wfs \(not loaded before\)$/,
    state: {
      wfs: sorted(
        `FITSchanged ${INFO} ${INFO}.old SMchanged SMinfo changed imsize ` +
          "new state.json",
      ),
    },
    after: (place) =>
      assertEquals(
        place.text("loadedSM/wfs.FITSinfo.old"),
        "ref.fits 5760 2020-01-01 0:00\n",
      ),
  },
  {
    name: "-r replaces a damaged stream",
    before: (place) =>
      Deno.writeTextFileSync(place.streams.stream("wfs"), "x".repeat(1000)),
    command: [...load, "-r"],
    says: /^CREATED/,
    streams: { wfs: [1, 1] },
  },
  {
    name: "-r replaces a link, not its source",
    before: async (place) => {
      await place.done("create", "cam", "4x3", "f32");
      Deno.symlinkSync("cam.im.shm", place.streams.stream("wfs"));
    },
    command: [...load, "-r"],
    says: /^CREATED/,
    streams: { wfs: [1, 1], cam: [0, 0] },
  },
  {
    name: "a stream may be a path",
    before: async (place) => {
      await place.fits("6.fits", 6);
      await place.done("load", "6.fits", place.streams.stream("wfs"));
    },
    command: ["load", "6.fits", "wfs"],
    says: /^KEPT wfs/,
    state: { wfs: KEPT },
    streams: { wfs: [6, 1] },
  },

  // What fails changes nothing.
  {
    ...FAILS,
    name: "a missing FITS file",
    before: once,
    command: ["load", "nope.fits", "wfs"],
    says: /^shmim: No FITS file "nope\.fits"$/,
  },
  {
    ...FAILS,
    name: "a missing FITS file, and nothing else is there",
    command: ["load", "nope.fits", "wfs"],
    says: /^shmim: No FITS file "nope\.fits"$/,
  },
  {
    ...FAILS,
    name: "no configuration",
    command: ["load", "-c", "wfs"],
    says: /^shmim: No FITS file is configured for "wfs": conf\/shmim_wfs\.name/,
  },
  {
    ...FAILS,
    name: "a file that is cut, over a good stream",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2);
      Deno.truncateSync(place.file("ref.fits"), 2900);
    },
    command: load,
    says: /^shmim: .*cut short/,
  },
  {
    ...FAILS,
    name: "a gzip file that is cut, over a good stream",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2);
      const packed = gzipSync(Deno.readFileSync(place.file("ref.fits")));
      Deno.writeFileSync(place.file("ref.fits"), packed.subarray(0, -12));
    },
    command: load,
    says: /^shmim: .*gzip/,
  },
  {
    ...FAILS,
    name: "a value that the type cannot hold, over a good stream",
    before: async (place) => {
      await place.done("load", "ref.fits", "wfs", "--type", "u8");
      await place.fits("ref.fits", 256);
    },
    command: [...load, "--type", "u8"],
    says: /^shmim: Pixel 0 is 256, which u8 cannot hold$/,
  },
  {
    ...FAILS,
    name: "complex pixels as real ones",
    before: async (place) => {
      await place.done("create", "z", "4x3", "c64");
      await place.done("save", "z", "z.fits");
    },
    command: ["load", "z.fits", "wfs", "--type", "f32"],
    says: /^shmim: c64 pixels cannot become f32$/,
  },
  {
    ...FAILS,
    name: "a keyword that is cut, with --strict, over a good stream",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2, { filter: "more than sixteen bytes" });
    },
    command: [...load, "--strict"],
    says: /^shmim: .*FILTER.*string is cut/,
  },
  {
    ...FAILS,
    name: "a wrong CHECKSUM, with --verify, over a good stream",
    before: async (place) => {
      await once(place);
      const bytes = Deno.readFileSync(place.file("ref.fits"));
      bytes[2880] = 1;
      Deno.writeFileSync(place.file("ref.fits"), bytes);
    },
    command: [...load, "--verify"],
    says: /^shmim: .*DATASUM.*sum does not agree/,
  },
  {
    ...FAILS,
    name: "a stream's name that is a link",
    before: async (place) => {
      await place.done("create", "cam", "4x3", "f32");
      Deno.symlinkSync("cam.im.shm", place.streams.stream("wfs"));
    },
    command: [...load, "-f"],
    says: /^shmim: .*would overwrite its source; -r replaces the link$/,
  },
  {
    ...FAILS,
    name: "a file that is no stream under the stream's name",
    before: (place) =>
      Deno.writeTextFileSync(place.streams.stream("wfs"), "x".repeat(1000)),
    command: load,
    says: /^shmim: .*-r replaces it$/,
  },
  {
    ...FAILS,
    name: "a folder of state that is a file",
    before: async (place) => {
      await place.done("create", "wfs", "4x3", "f32");
      Deno.writeTextFileSync(place.file("loadedSM"), "");
    },
    command: load,
    says: /^shmim: Cannot write in the folder "loadedSM"/,
  },
  {
    ...FAILS,
    name: "a folder of configuration that is a file",
    before: async (place) => {
      await place.done("create", "wfs", "4x3", "f32");
      Deno.writeTextFileSync(place.file("conf"), "");
    },
    command: load,
    says: /^shmim: Cannot write in the folder "conf"/,
  },
  {
    ...FAILS,
    name: "a state file that is a folder",
    before: async (place) => {
      await once(place);
      await place.fits("ref.fits", 2);
      Deno.removeSync(place.file("loadedSM/wfs.imsize"));
      Deno.mkdirSync(place.file("loadedSM/wfs.imsize"));
    },
    command: load,
    says: /^shmim: "loadedSM\/wfs\.imsize" is a folder$/,
  },
  {
    ...FAILS,
    name: "-r with a damaged file",
    before: async (place) => {
      await once(place);
      Deno.truncateSync(place.file("ref.fits"), 2900);
    },
    command: [...load, "-r"],
    says: /^shmim: .*cut short/,
  },
];

for (const row of ROWS) {
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

for (const row of ROWS.filter(({ code }) => code === undefined)) {
  Deno.test(`load --dry-run: changes nothing: ${row.name}`, async () => {
    using place = new Workplace();
    await place.fits("ref.fits", 1);
    await row.before?.(place);
    const before = place.snapshot();
    const { code, out, err } = await place.shmim([...row.command, "--dry-run"]);
    assertEquals(code, 0, err);
    assertMatch(out.trimEnd().replace(/^would be /, ""), row.says);
    assertEquals(place.snapshot(), before);
  });
}
