/** The contract of Fits2shm: prefixes, configured names, paths and links. */

import { assertEquals } from "@std/assert";
import {
  contract,
  FIRST,
  KEPT,
  linked,
  load,
  once,
  rewritten,
  type Row,
} from "./_contract.ts";
import type { Workplace } from "./_workplace.ts";

const withPrefix = async (place: Workplace): Promise<void> => {
  await place.done("load", "ref.fits", "wfs", "-p", "aol8_");
};
/** Where the name of the FITS file may stand: the first that is there holds. */
const FORMS = [
  [
    "the name with an underscore and a dot is read first",
    "conf/shmim_wfs.name.txt",
    "\n",
  ],
  ["milk's dot form is read second", "conf/shmim.wfs.name.txt", "\n"],
  ["the documentation's form is read last", "conf/shmim_wfs_name.txt", ""],
] as const;

contract([
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
  ...FORMS.map(([name], first): Row => ({
    name: `${name}`,
    before: async (place) => {
      for (const [at, [, path, text]] of FORMS.entries()) {
        await place.fits(`${at}.fits`, at + 1);
        if (at >= first) place.put(path, `${at}.fits${text}`);
      }
    },
    command: ["load", "-c", "wfs"],
    says: /^CREATED/,
    streams: { wfs: [first + 1, 1] },
  })),
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
    before: rewritten(8),
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
    name: "-r replaces a link, not its source",
    before: linked,
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
]);
