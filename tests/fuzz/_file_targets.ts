/**
 * What is fuzzed of files on a disk: compressed images on their way into a
 * stream, recordings, what a crash left of them, and lists of snapshots.
 */

import { assert, assertEquals } from "@std/assert";
import { SystemError } from "../../ffi/errno.ts";
import { decodeTiles, encodeRice } from "../../ffi/tiles.ts";
import { FitsError, FitsFile, writeFits } from "../../src/fits/mod.ts";
import { fillStream, rehearse } from "../../src/load/fill.ts";
import { naturalType } from "../../src/load/own_file.ts";
import { CubeFile } from "../../src/record/cube_file.ts";
import { partPath, rowsPath } from "../../src/record/names.ts";
import { Recording } from "../../src/record/recording.ts";
import { recover } from "../../src/record/recover.ts";
import { restore } from "../../src/record/restore.ts";
import { LIST_FILE, snapshot } from "../../src/record/snapshot.ts";
import { Stream } from "../../src/stream/stream.ts";
import { mutate as mutateFits } from "../fits/_mutations.ts";
import type { SparseFile } from "./_fields.ts";
import { mutate, type Random } from "./_random.ts";
import { type Outcome, refusedBy, type Target, whole } from "./_target.ts";

/** A larger image would only take long. */
const MOST_PIXELS = 1 << 20;

const PLACE = { folder: "", file: "cam_2026-01-31T22:15:00.5.fits" };

interface Seeds {
  /** Compressed images. */
  readonly compressed: readonly Uint8Array<ArrayBuffer>[];
  /** Whole recordings, plain and compressed. */
  readonly recordings: readonly Uint8Array<ArrayBuffer>[];
  /** An unfinished recording, and its rows. */
  readonly part: Uint8Array<ArrayBuffer>;
  readonly rows: Uint8Array<ArrayBuffer>;
  /** The list of a snapshot, and its only image. */
  readonly list: string;
  readonly image: Uint8Array<ArrayBuffer>;
}

async function compressedSeeds(
  folder: string,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const u16 = new Uint16Array(9 * 7 * 2).map((_, i) => i * i);
  const f32 = new Float32Array(9 * 7).map((_, i) => Math.sin(i));
  const path = `${folder}/seed.fits`;
  const cube = { type: "u16", size: [9, 7, 2], data: u16 } as const;
  const image = { type: "f32", size: [9, 7], data: f32 } as const;
  const seeds: Uint8Array<ArrayBuffer>[] = [];
  const rice = { codec: "RICE_1", encode: encodeRice } as const;
  await writeFits(path, cube, { compression: rice });
  seeds.push(Deno.readFileSync(path));
  await writeFits(path, cube, { compression: { codec: "GZIP_2" } });
  seeds.push(Deno.readFileSync(path));
  await writeFits(path, image, { compression: { codec: "GZIP_2" } });
  seeds.push(Deno.readFileSync(path));
  return seeds;
}

/** A cube of four frames. */
async function growing(folder: string): Promise<CubeFile> {
  const cube = await CubeFile.create({
    place: { ...PLACE, folder },
    type: "u16",
    size: [5, 3],
    header: { stream: "cam" },
  });
  await cube.append({
    bytes: new Uint8Array(4 * 30).map((_, i) => i),
    sum: 0,
    infos: [7n, 8n, 9n, 12n].map((cnt0) => ({
      cnt0,
      cnt1: 0n,
      acquired: cnt0 * 1_000_000n,
      arrived: cnt0 * 1_000_001n,
    })),
  });
  return cube;
}

async function snapshotSeed(
  folder: string,
): Promise<Pick<Seeds, "list" | "image">> {
  using cam = Stream.create("cam", {
    dir: folder,
    size: [4, 3],
    type: "i16",
    keywords: 3,
  });
  cam.setKeywords([{ name: "GAIN", type: "D", value: 2.5, comment: "e/adu" }]);
  cam.write(new Int16Array(12).map((_, i) => i - 6));
  const kept = `${folder}/kept`;
  await snapshot(kept, { dir: folder, pattern: "cam" });
  const list = JSON.parse(Deno.readTextFileSync(`${kept}/${LIST_FILE}`));
  list.links = [{ name: "alias", link: "cam.im.shm" }];
  return {
    list: JSON.stringify(list),
    image: Deno.readFileSync(`${kept}/cam.fits`),
  };
}

/** Made once, by what writes such files. */
async function makeSeeds(): Promise<Seeds> {
  const folder = Deno.makeTempDirSync({ prefix: "shmim-fuzz-" });
  try {
    using cube = await growing(folder);
    const part = partPath(cube.place);
    const left = {
      part: Deno.readFileSync(part),
      rows: Deno.readFileSync(rowsPath(part)),
    };
    const file = await cube.finish();
    assert(file !== undefined);
    const compressed = await compressedSeeds(folder);
    return {
      compressed,
      recordings: [Deno.readFileSync(file), ...compressed],
      ...left,
      ...await snapshotSeed(folder),
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const SEEDS = await makeSeeds();

function changed(
  seed: Uint8Array<ArrayBuffer>,
  random: Random,
): Uint8Array<ArrayBuffer> {
  return mutateFits(seed, () => random.below(2 ** 30) / 2 ** 30);
}

/** What goes through its rehearsal fills the stream, and as it is read. */
async function fill(file: FitsFile, folder: string): Promise<Outcome> {
  const { image } = file;
  const type = naturalType(image);
  let made: Stream;
  try {
    await rehearse(image, type);
    made = Stream.create("into", {
      dir: folder,
      size: image.size,
      type,
      existing: "replace",
    });
  } catch (error) {
    return refusedBy(error, FitsError, RangeError);
  }
  using stream = made;
  await fillStream(stream, file);
  assertEquals(stream.cnt0, 1n);
  if (type === image.type) {
    const { buffer, byteOffset, byteLength } = await image.read();
    const wanted = new Uint8Array(buffer, byteOffset, byteLength);
    assertEquals(stream.read().bytes, wanted);
  }
  return "taken";
}

const compressed: Target = {
  name: "compressed",
  share: 20,
  make: (random) => whole(changed(random.pick(SEEDS.compressed), random)),
  async run({ bytes }, folder): Promise<Outcome> {
    const path = `${folder}/image.fits.fz`;
    Deno.writeFileSync(path, bytes);
    let opened: FitsFile;
    try {
      opened = await FitsFile.open(path, { tiles: decodeTiles });
    } catch (error) {
      return refusedBy(error, FitsError);
    }
    using file = opened;
    if (file.image.pixels > MOST_PIXELS) return "taken";
    return await fill(file, folder);
  },
};

/** Reads every frame of a recording. */
async function readFrames(recording: Recording): Promise<Outcome> {
  const { frames, frameBytes, table } = recording;
  assert(frames >= 1 && Number.isInteger(frames), `${frames} frames`);
  assert(Number.isInteger(frameBytes), `${frameBytes} bytes`);
  if (table !== undefined) assertEquals(table.frames, frames);
  for (const clock of ["acquired", "written", "arrived"] as const) {
    const times = recording.times(clock);
    assert(times === undefined || times.length === frames);
  }
  recording.keywords();
  if (frames * frameBytes > 16 * MOST_PIXELS) return "taken";
  const bytes = new Uint8Array(frameBytes);
  for (let k = 0; k < frames; k++) await recording.read(k, bytes);
  return "taken";
}

const recordings: Target = {
  name: "recording",
  share: 20,
  make: (random) => whole(changed(random.pick(SEEDS.recordings), random)),
  async run({ bytes }, folder): Promise<Outcome> {
    const path = `${folder}/night.fits`;
    Deno.writeFileSync(path, bytes);
    try {
      using recording = await Recording.open(path);
      return await readFrames(recording);
    } catch (error) {
      return refusedBy(error, FitsError, RangeError);
    }
  },
};

/** Bytes of the length in front of a part. */
const HEAD_BYTES = 4;

/** A part and its rows as one input: the part's length, the part, the rows. */
function leftOf(
  part: Uint8Array,
  rows: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEAD_BYTES + part.length + rows.length);
  new DataView(bytes.buffer).setUint32(0, part.length);
  bytes.set(part, HEAD_BYTES);
  bytes.set(rows, HEAD_BYTES + part.length);
  return bytes;
}

const unfinished: Target = {
  name: "unfinished",
  share: 15,
  make(random): SparseFile {
    const part = random.once(5) ? SEEDS.part : changed(SEEDS.part, random);
    const rows = random.once(2)
      ? SEEDS.rows
      : mutate(SEEDS.rows, random, [], SEEDS.part);
    return whole(leftOf(part, rows));
  },
  async run({ bytes }, folder): Promise<Outcome> {
    const at = HEAD_BYTES +
      new DataView(bytes.buffer).getUint32(0);
    const part = partPath({ ...PLACE, folder });
    Deno.writeFileSync(part, bytes.subarray(HEAD_BYTES, at));
    Deno.writeFileSync(rowsPath(part), bytes.subarray(at));
    try {
      const [found, ...others] = await recover(folder);
      assertEquals(others, []);
      if (found === undefined) return "refused"; // nothing is in it
      if (found.error !== undefined) {
        const outcome = refusedBy(new RangeError(found.error), RangeError);
        // What cannot be completed is left as it was.
        assertEquals(Deno.readFileSync(part), bytes.slice(HEAD_BYTES, at));
        return outcome;
      }
      using recording = await Recording.open(found.file);
      assertEquals(recording.frames, found.frames);
      return await readFrames(recording);
    } finally {
      for (const { name } of Deno.readDirSync(folder)) {
        Deno.removeSync(`${folder}/${name}`);
      }
    }
  },
};

/** What stands in a list instead of what belongs there. */
const ODD: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1.5,
  1e9,
  2 ** 53,
  "",
  "x",
  "-1",
  "99999999999999999999999999",
  "../cam",
  "a\nb",
  "u16",
  [],
  [2, 3],
  [1e6, 1e6],
  [null],
  ["4", "3"],
  {},
];

type Tree = Record<string, unknown> | unknown[];

/** All places in a tree: what holds a value, and under which key. */
function places(tree: Tree): [Tree, string][] {
  return Object.entries(tree).flatMap(([key, value]): [Tree, string][] => [
    [tree, key],
    ...value !== null && typeof value === "object" ? places(value as Tree) : [],
  ]);
}

/** Words of an error that nobody has written. */
const ACCIDENTS =
  /undefined|is not a function|is not iterable|Cannot (convert|mix|read prop|destructure)|not an? (object|iterator)|Invalid (mix|time|array)/;

const snapshots: Target = {
  name: "snapshot",
  share: 15,
  make(random): SparseFile {
    const encoder = new TextEncoder();
    if (random.once(4)) {
      const text = encoder.encode(SEEDS.list);
      return whole(mutate(text, random, [], text));
    }
    const list = JSON.parse(SEEDS.list);
    for (let i = random.below(2); i >= 0; i--) {
      const [tree, key] = random.pick(places(list));
      if (random.once(4)) delete (tree as Record<string, unknown>)[key];
      // A copy: what is put in may be changed the next time round.
      else {
        const odd = structuredClone(random.pick(ODD));
        (tree as Record<string, unknown>)[key] = odd;
      }
    }
    return whole(encoder.encode(JSON.stringify(list)));
  },
  async run({ bytes }, folder): Promise<Outcome> {
    const kept = `${folder}/kept`;
    const streams = `${folder}/streams`;
    for (const path of [kept, streams]) Deno.mkdirSync(path);
    Deno.writeFileSync(`${kept}/${LIST_FILE}`, bytes);
    Deno.writeFileSync(`${kept}/cam.fits`, SEEDS.image);
    try {
      const found = await restore(kept, { dir: streams });
      for (const { error } of found) {
        if (error === undefined) continue;
        refusedBy(new RangeError(error), RangeError);
        assert(!ACCIDENTS.test(error), error);
      }
      const names = [...Deno.readDirSync(streams)].map(({ name }) => name);
      for (const name of names) assert(name.endsWith(".im.shm"), name);
      assertEquals([...Deno.readDirSync(folder)].length, 2);
      return found.some(({ result }) => result !== "failed")
        ? "taken"
        : "refused";
    } catch (error) {
      return refusedBy(error, SyntaxError, SystemError);
    } finally {
      for (const path of [kept, streams]) {
        Deno.removeSync(path, { recursive: true });
      }
    }
  },
};

/** All of them. */
export const FILE_TARGETS: readonly Target[] = [
  compressed,
  recordings,
  unfinished,
  snapshots,
];
