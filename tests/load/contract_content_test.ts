/** The contract of Fits2shm: what is loaded, kept and made. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  contract,
  damaged,
  FIRST,
  foreign,
  INFO,
  KEPT,
  load,
  loaded,
  once,
  rewritten,
  sorted,
} from "./_contract.ts";

contract([
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
    before: rewritten(2),
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
    before: rewritten(5, { size: [5, 2] }),
    command: load,
    says: /^CREATED wfs \(the stream was 4x3 f32, the file is 5x2 f32\)$/,
    streams: { wfs: [5, 1] },
    after: (place) =>
      assertEquals(place.text("conf/shmim_wfs.imsize.txt"), "5 2 \n"),
  },
  {
    name: "another type makes the stream again",
    before: rewritten(5, { type: "u16" }),
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
    before: foreign,
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
    before: rewritten(2),
    command: [...load, "--keywords", "none"],
    says: /^LOADED wfs/,
    streams: { wfs: [2, 2] },
    after: (place) => assertEquals(place.look("wfs").value, 1),
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
      await foreign(place);
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
    before: damaged,
    command: [...load, "-r"],
    says: /^CREATED/,
    streams: { wfs: [1, 1] },
  },
]);
