/** The contract of Fits2shm: what fails changes nothing. */

import { gzipSync } from "node:zlib";
import {
  contract,
  damaged,
  foreign,
  linked,
  load,
  once,
  rewritten,
  type Row,
} from "./_contract.ts";

contract([
  {
    code: 1,
    name: "a missing FITS file",
    before: once,
    command: ["load", "nope.fits", "wfs"],
    says: /^shmim: No FITS file "nope\.fits"$/,
  },
  {
    code: 1,
    name: "a missing FITS file, and nothing else is there",
    command: ["load", "nope.fits", "wfs"],
    says: /^shmim: No FITS file "nope\.fits"$/,
  },
  {
    code: 1,
    name: "no configuration",
    command: ["load", "-c", "wfs"],
    says: /^shmim: No FITS file is configured for "wfs": conf\/shmim_wfs\.name/,
  },
  {
    code: 1,
    name: "a file that is cut, over a good stream",
    before: async (place) => {
      await rewritten(2)(place);
      Deno.truncateSync(place.file("ref.fits"), 2900);
    },
    command: load,
    says: /^shmim: .*cut short/,
  },
  {
    code: 1,
    name: "a gzip file that is cut, over a good stream",
    before: async (place) => {
      await rewritten(2)(place);
      const packed = gzipSync(Deno.readFileSync(place.file("ref.fits")));
      Deno.writeFileSync(place.file("ref.fits"), packed.subarray(0, -12));
    },
    command: load,
    says: /^shmim: .*gzip/,
  },
  {
    code: 1,
    name: "a value that the type cannot hold, over a good stream",
    before: async (place) => {
      await place.done("load", "ref.fits", "wfs", "--type", "u8");
      await place.fits("ref.fits", 256);
    },
    command: [...load, "--type", "u8"],
    says: /^shmim: Pixel 0 is 256, which u8 cannot hold$/,
  },
  {
    code: 1,
    name: "complex pixels as real ones",
    before: async (place) => {
      await place.done("create", "z", "4x3", "c64");
      await place.done("save", "z", "z.fits");
    },
    command: ["load", "z.fits", "wfs", "--type", "f32"],
    says: /^shmim: c64 pixels cannot become f32$/,
  },
  {
    code: 1,
    name: "a keyword that is cut, with --strict, over a good stream",
    before: rewritten(2, { filter: "more than sixteen bytes" }),
    command: [...load, "--strict"],
    says: /^shmim: .*FILTER.*string is cut/,
  },
  {
    code: 1,
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
    code: 1,
    name: "a stream's name that is a link",
    before: linked,
    command: [...load, "-f"],
    says: /^shmim: .*would overwrite its source; -r replaces the link$/,
  },
  {
    code: 1,
    name: "a file that is no stream under the stream's name",
    before: damaged,
    command: load,
    says: /^shmim: .*-r replaces it$/,
  },
  ...[["state", "loadedSM"], ["configuration", "conf"]].map(
    ([what, folder]): Row => ({
      code: 1,
      name: `a folder of ${what} that is a file`,
      before: async (place) => {
        await foreign(place);
        Deno.writeTextFileSync(place.file(`${folder}`), "");
      },
      command: load,
      says: new RegExp(`^shmim: Cannot write in the folder "${folder}"`),
    }),
  ),
  {
    code: 1,
    name: "a state file that is a folder",
    before: async (place) => {
      await rewritten(2)(place);
      Deno.removeSync(place.file("loadedSM/wfs.imsize"));
      Deno.mkdirSync(place.file("loadedSM/wfs.imsize"));
    },
    command: load,
    says: /^shmim: "loadedSM\/wfs\.imsize" is a folder$/,
  },
  {
    code: 1,
    name: "-r with a damaged file",
    before: async (place) => {
      await once(place);
      Deno.truncateSync(place.file("ref.fits"), 2900);
    },
    command: [...load, "-r"],
    says: /^shmim: .*cut short/,
  },
]);
