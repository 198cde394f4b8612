/** The commands, as processes: crashes, full disks, names, replays. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Recording } from "../../src/record/recording.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  CLI,
  done,
  Folder,
  json,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import {
  all,
  has,
  program,
  reportSkip,
  root,
  testWhere,
} from "../_support/skip.ts";
import { lacksAstropy, readWithAstropy } from "../fits/tools.ts";
import { Terminal } from "../_support/terminal.ts";
import { contentOf } from "./_record.ts";

const u16 = (n: number, count: number): Uint16Array<ArrayBuffer> =>
  new Uint16Array(count).fill(n);

/** The stream `cam`, u16. */
function camera(folder: Folder, size: number[]): Stream {
  return Stream.create("cam", { dir: folder.path, size, type: "u16" });
}

/** Waits until a stream is waited for on a semaphore. */
async function claimed(stream: Stream, child: Running): Promise<void> {
  await until(
    () => `a claim; it says ${child.err}`,
    () => stream.semaphores().some(({ readerPid }) => readerPid === child.pid),
  );
  await new Promise((resolve) => setTimeout(resolve, 500)); // it begins
}

/** Writes until a condition holds; between first and last pixel noise. */
async function writeUntil(
  stream: Stream,
  condition: () => boolean,
  noise = false,
): Promise<void> {
  const pixels = stream.size.reduce((all, axis) => all * axis, 1);
  await until("enough frames", async () => {
    const n = Number(stream.cnt0 % 60_000n) + 1;
    const frame = u16(n, pixels);
    if (noise) crypto.getRandomValues(frame.subarray(1, -1));
    stream.write(frame);
    await new Promise((resolve) => setTimeout(resolve, 2));
    return condition();
  });
}

/** Writes until who records has enough. */
async function writeUntilEnd(
  stream: Stream,
  recorder: Running,
  noise = false,
): Promise<void> {
  await claimed(stream, recorder);
  let ended = false;
  recorder.ended().then(() => ended = true);
  await writeUntil(stream, () => ended, noise);
}

/** The files of a folder by their endings. */
function ending(folder: string, suffix: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
      .filter((name) => name.endsWith(suffix)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Each frame of `writeUntil` tells its counter; all must agree. */
async function checkFrames(path: string): Promise<number> {
  const { size, pixels, cnt0 } = await contentOf(path);
  const frame = (size[0] ?? 0) * (size[1] ?? 0);
  cnt0.forEach((counter, k) => {
    assertEquals(Number(pixels[k * frame]), Number(counter));
    assertEquals(Number(pixels[(k + 1) * frame - 1]), Number(counter));
  });
  return cnt0.length;
}

Deno.test("record says what it did, and how much it missed, in files that fitsverify passes", async () => {
  using folder = new Folder();
  using cam = camera(folder, [8, 4]);
  const log = folder.file("log");
  await using recorder = new Running(
    ["record", "cam", log, "--frames", "20", "--cubes", "2", "--json"],
    { folder },
  );
  await writeUntilEnd(cam, recorder);
  const code = await recorder.ended();
  const [recorded] = json(recorder.out);
  assertEquals([recorded.name, recorded.frames], ["cam", 40]);
  assertEquals(code, recorded.missed > 0 ? 1 : 0, recorder.err);
  assertEquals(ending(log, ""), recorded.files);
  for (const file of recorded.files) assertEquals(await checkFrames(file), 20);
  if (!has(program("fitsverify", "fitsverify"), "fitsverify on files")) return;
  const { stdout } = await new Deno.Command("fitsverify", {
    args: ["-q", ...recorded.files],
  }).output();
  const said = new TextDecoder().decode(stdout);
  assertEquals(said.match(/verification OK/g)?.length, 2, said);
});

/** Frames of a file, whole or growing; of a growing one as its header says. */
function countedIn(part: string): number {
  const raw = Deno.readFileSync(part);
  const text = new TextDecoder("latin1").decode(raw.subarray(0, 5760));
  return Number(/NAXIS3 {2}= +(\d+)/.exec(text)?.[1]);
}

Deno.test("record --rice compresses each complete file, and survives SIGKILL between them", async () => {
  using folder = new Folder();
  using cam = camera(folder, [50, 50]);
  const log = folder.file("log");
  await using recorder = new Running(
    ["record", "cam", log, "--rice", "--frames", "40"],
    { folder },
  );
  await claimed(cam, recorder);
  await writeUntil(cam, () => {
    const [part] = ending(log, ".fits.part");
    return ending(log, ".fits.fz").length >= 2 && part !== undefined &&
      countedIn(part) >= 10;
  });
  await recorder.end("SIGKILL");
  // Whoever records next is told, and what to do.
  const [growing = ""] = ending(log, ".fits.part");
  const counted = countedIn(growing);
  await using next = new Running(
    ["record", "cam", log, "--rice", "--cubes", "1", "--frames", "1"],
    { folder },
  );
  await next.says(
    /has 1 unfinished file of a recording that was cut short: "shmim record --recover .*log" completes/,
  );
  await writeUntilEnd(cam, next);
  const [found] = json(
    await done(["record", "--recover", log, "--rice", "--json"]),
  );
  assertEquals(found.error, undefined);
  assertEquals(found.frames, counted);
  assertMatch(found.file, /\.fits\.fz$/);
  const files = ending(log, ".fits.fz");
  assertEquals(ending(log, ""), [...files, ...ending(log, ".fits")].sort());
  assert(files.length >= 4);
  for (const file of files) {
    const frames = await checkFrames(file);
    assert([40, counted, 1].includes(frames), `${frames}`);
  }
  for (const file of ending(log, ".fits")) { // was to be compressed
    assertEquals(await checkFrames(file), 40);
  }
});

Deno.test("what is recorded survives SIGKILL: a FITS file at once, and whole after --recover", async () => {
  using folder = new Folder();
  using cam = camera(folder, [50, 50]);
  const log = folder.file("log");
  await using recorder = new Running(["record", "cam", log], { folder });
  await claimed(cam, recorder);
  await writeUntil(cam, () => {
    const [part] = ending(log, ".part");
    return part !== undefined && Deno.statSync(part).size > 100 * 5000;
  });
  // Somebody is at work: nothing is to be tidied up.
  assertEquals(json(await done(["record", "--recover", log, "--json"])), []);
  await recorder.end("SIGKILL");
  const [part = ""] = ending(log, ".part");
  const counted = countedIn(part);
  assert(counted >= 50, `${counted}`);
  const growing = await framesOf(part);
  assertEquals(growing.frames, counted);
  await done(["load", part, "look"], { folder, cwd: folder.path });
  using look = Stream.open("look", { dir: folder.path, writable: false });
  assertEquals(look.size, [50, 50, counted]);
  assertEquals(look.read().bytes, growing.bytes);
  if (!lacksAstropy()) {
    const image = (await readWithAstropy([part]))[part]?.images[0];
    assertEquals(image?.axes, [50, 50, counted]);
    assertEquals(Uint8Array.fromBase64(image?.pixels ?? ""), growing.bytes);
  }
  const [found] = json(await done(["record", "--recover", log, "--json"]));
  assertEquals([found.frames, found.error], [counted, undefined]);
  assertEquals(ending(log, ""), [found.file]);
  assertEquals(await checkFrames(found.file), counted);
  assertEquals(await framesOf(found.file), growing);
  const again = await shmim(["record", "--recover", log]);
  assertEquals(again.code, 0);
  assertMatch(again.err, /Nothing is unfinished/);
});

/** All frames of a recording, as `replay` reads them. */
async function framesOf(
  path: string,
): Promise<{ frames: number; bytes: Uint8Array<ArrayBuffer> }> {
  using recording = await Recording.open(path);
  const { frames, frameBytes } = recording;
  const bytes = new Uint8Array(frames * frameBytes);
  await recording.read(0, bytes);
  return { frames, bytes };
}

/** Records until a disk of 1 MiB is full; checks that no frame is lost. */
async function fillDisk(name: string, ...words: string[]): Promise<void> {
  using folder = new Folder();
  const disk = folder.file("disk");
  Deno.mkdirSync(disk);
  const mount = new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk],
  }).outputSync();
  if (!mount.success) {
    reportSkip(name, new TextDecoder().decode(mount.stderr));
    return;
  }
  try {
    using cam = camera(folder, [50, 50]);
    await using recorder = new Running(["record", "cam", disk, ...words], {
      folder,
    });
    await writeUntilEnd(cam, recorder, true);
    assertEquals(await recorder.ended(), 1);
    const [, safe] = await recorder.says(
      /No space left in .*: (\d+) frames of "cam" are safe/,
    );
    const files = ending(disk, "");
    assert(files.every((file) => /\.fits(\.fz)?$/.test(file)), `${files}`);
    let frames = 0;
    for (const file of files) frames += await checkFrames(file);
    assertEquals(frames, Number(safe));
    const compressed = files.some((file) => file.endsWith(".fz"));
    assertEquals(compressed, words.includes("--rice"), `${files}`);
    // A file that is being compressed stands there twice for a while: three
    // and one of those copies fill the disk.
    const least = compressed ? 150 : 151;
    assert(frames >= least && frames < 210, `${frames}`);
  } finally {
    new Deno.Command("umount", { args: [disk] }).outputSync();
  }
}

testWhere(
  "a full disk ends a recording with exit 1, and every frame before it is safe",
  all(root, program("mount", "mount")),
  () => fillDisk("a full disk", "--frames", "50"),
);

testWhere(
  "a full disk loses nothing of what is being compressed",
  all(root, program("mount", "mount")),
  () => fillDisk("a full disk, compressed", "--frames", "50", "--rice"),
);

Deno.test("record --milk names files as milk-logshim and writes its seven columns; --gzip packs", async () => {
  using folder = new Folder();
  using cam = camera(folder, [4, 4]);
  const log = folder.file("log");
  const words = ["record", "cam", log, "--milk", "--gzip", "--frames", "10"];
  await using recorder = new Running([...words, "--cubes", "1", "--json"], {
    folder,
  });
  await writeUntilEnd(cam, recorder);
  const [{ files: [file = ""] }] = json(recorder.out);
  assertMatch(file, /\/log\/\d{8}\/cam\/cam_\d\d:\d\d:\d\d\.\d{9}\.fits\.gz$/);
  assertEquals(await checkFrames(file), 10);
  const text = Deno.readTextFileSync(file.replace(/\.fits\.gz$/, ".txt"));
  const rows = text.trimEnd().split("\n").filter((line) => !/^#/.test(line))
    .map((line) => line.trim().split(/\s+/));
  const { cnt0, arrived } = await contentOf(file);
  assertEquals(rows.map((row) => row.length), Array(10).fill(7));
  rows.forEach((row, k) => {
    assertEquals([row[0], row[1], row[6]], [`${k}`, `${k}`, "0"]);
    assertEquals(BigInt(row[5] ?? ""), cnt0[k]);
    const [seconds, fraction] = row[3]?.split(".") ?? [];
    assertEquals(BigInt(`${seconds}${fraction}`), arrived[k]);
  });
  assertEquals(rows[0]?.[2], "0.000000000");
});

testWhere(
  "record shows how far it is, and ends with exit 1 where it missed frames",
  program("tmux", "tmux"),
  async () => {
    using folder = new Folder();
    using cam = camera(folder, [4, 4]);
    await using terminal = await Terminal.open({
      columns: 110,
      rows: 24,
      cwd: folder.path,
      env: {
        MILK_SHM_DIR: folder.path,
        DENO_DIR: Deno.env.get("DENO_DIR") ??
          `${Deno.env.get("HOME")}/.cache/deno`,
      },
    });
    const shows = (what: RegExp): Promise<unknown> =>
      until(`${what}`, async () => what.test(await terminal.text()));
    await terminal.type(
      `'${Deno.execPath()}' run -q -A '${CLI}' record cam log --cubes 1 ` +
        `--frames 5; echo "[$?]"`,
    );
    await until(
      "a claim",
      () => cam.semaphores().some(({ readerPid }) => readerPid > 0),
    );
    await shows(/ s {2}cam: 0 frames, 0\.0 MB, buffer 0 %, 0 missed/);
    // Each is caught before the next, however slow the recorder is.
    for (let n = 1; n <= 3; n++) {
      cam.write(u16(1, 16));
      await shows(
        new RegExp(`cam: ${n} frames, 0\\.0 MB, buffer 0 %, 0 missed`),
      );
    }
    cam.mapping.beginFrame(); // seven frames in one blow
    const counter = new Uint8Array(new BigUint64Array([10n]).buffer);
    cam.mapping.store(cam.layout.table.cnt0, counter);
    cam.mapping.endFrame();
    await shows(/cam: 4 frames, 0\.0 MB, buffer 0 %, 7 missed/);
    cam.write(u16(1, 16));
    await shows(/cam: 5 frames, 0\.0 MB in 1 file, 7 missed\n\[1\]/);
  },
);

Deno.test("replay makes the stream, plays what was asked for, and keeps or renumbers", async () => {
  using folder = new Folder();
  using cam = camera(folder, [4, 4]);
  const log = folder.file("log");
  await using recorder = new Running(
    ["record", "cam", log, "--frames", "10", "--cubes", "2", "--json"],
    { folder },
  );
  await writeUntilEnd(cam, recorder);
  const [{ files }] = json(recorder.out);
  const { cnt0, arrived } = await contentOf(files[0]);
  const last = (await contentOf(files[1])).cnt0.at(-1);
  const play = async (...words: string[]): Promise<Record<string, number>> =>
    json(
      await done(["replay", ...files, "out", "--json", ...words], { folder }),
    );
  assertEquals((await play("--speed", "10")).frames, 20);
  using out = Stream.open("out", { dir: folder.path, writable: false });
  assertEquals([out.cnt0, out.read().pixels[0]], [20n, Number(last)]);
  await play("--keep", "counters,times", "--speed", "5");
  assertEquals(out.cnt0, last);
  using recording = await Recording.open(files[1]);
  const acquired = recording.table?.acquired?.at(-1) ?? 0n;
  const offset = BigInt(out.clockOffset) * 1_000_000_000n;
  assertEquals(out.read().atimeNs, acquired + offset);
  // From the fourth frame to the sixth, by time and by seconds.
  const iso = (ns: bigint): string =>
    `${new Date(Number(ns / 1_000_000n)).toISOString().slice(0, 19)}.${
      (ns % 1_000_000_000n).toString().padStart(9, "0")
    }Z`;
  const part = await play(
    "--clock",
    "arrival",
    "--from",
    iso(arrived[3] ?? 0n),
    "--to",
    iso(arrived[5] ?? 0n),
  );
  assertEquals(part.frames, 3);
  assertEquals(out.read().pixels[0], Number(cnt0[5]));
  assertEquals(
    (await play("--rate", "20", "--clock", "arrival", "--to", "0.0")).frames,
    1,
  );
  // As they were published. However late one is: from the next one it keeps
  // half of the spacing; a single one may have been held up in between.
  const watched = writetimes(out, 20);
  await play("--rate", "40");
  const times = await watched;
  assertEquals(times.at(-1)?.cnt0, out.cnt0);
  const apart = times.slice(1).map(({ cnt0, ns }, i) => {
    const last = times[i] ?? { cnt0: 0n, ns: 0n };
    return Number(ns - last.ns) / 1e6 / Number(cnt0 - last.cnt0);
  }).sort((a, b) => a - b);
  const middle = apart[apart.length >> 1] ?? 0;
  assert(middle >= 12, `${middle} ms`);
});

/** Counter and write time of each frame that is seen, until so many came. */
async function writetimes(
  stream: Stream,
  count: number,
): Promise<{ cnt0: bigint; ns: bigint }[]> {
  const seen: { cnt0: bigint; ns: bigint }[] = [];
  const end = stream.cnt0 + BigInt(count);
  for await (const { cnt0, writetimeNs: ns } of stream.frames()) {
    seen.push({ cnt0, ns });
    if (cnt0 >= end) break;
  }
  return seen;
}

Deno.test("replay --loop goes on until it is stopped", async () => {
  using folder = new Folder();
  using cam = camera(folder, [2]);
  cam.write(u16(5, 2));
  const file = folder.file("one.fits");
  await done(["save", "cam", file], { folder });
  await using player = new Running(
    ["replay", file, "cam", "--loop", "--rate", "500"],
    { folder },
  );
  await until("many frames", () => cam.cnt0 > 50n);
  assertEquals(await player.end("SIGINT"), 130);
});

Deno.test("record and replay say in one line what is wrong", async () => {
  using folder = new Folder();
  using cam = camera(folder, [3, 2]);
  cam.write(u16(1, 6));
  const file = folder.file("one.fits");
  await done(["save", "cam", file], { folder });
  await done(["create", "other", "3x3", "u16"], { folder });
  await done(["create", "wide", "3x3", "u64"], { folder });
  const square = folder.file("square.fits");
  await done(["save", "other", square], { folder });
  const cases: [string[], number, RegExp][] = [
    [["record", "cam"], 2, /DIR is missing/],
    [["record", "cam", "cam", "log"], 2, /named twice/],
    [["record", "cam", "log", "--gzip", "--rice"], 2, /either --gzip or/],
    [["record", "wide", "log", "--rice"], 1, /Cannot compress u64/],
    [["record", "nothing", "log"], 1, /nothing/],
    [["record", "cam", "log", "--trigger", "a/b"], 2, /Not a stream name/],
    [["record", "--recover", folder.file("no")], 1, /No such file/],
    [["replay", "cam"], 2, /STREAM is missing/],
    [["replay", file, "cam"], 1, /--rate says how fast/],
    [["replay", file, "new"], 1, /--rate says how fast/],
    [["replay", file, square, "new", "--rate", "1"], 1, /3x3 u16.*3x2 u16/],
    [["replay", file, "other", "--rate", "1"], 1, /3x3 u16.*--force/],
    [["replay", file, "cam", "--from", "noon"], 2, /Not a time: "noon"/],
    [["replay", file, "cam", "--keep", "all"], 2, /counters or times/],
    [["restore", folder.path], 1, /snapshot\.json/],
    [["snapshot"], 2, /DIR is missing/],
  ];
  for (const [words, code, message] of cases) {
    const outcome = await shmim(words, { folder, cwd: folder.path });
    assertEquals(outcome.code, code, `${words}: ${outcome.err}`);
    assertMatch(outcome.err, message);
    assertEquals(outcome.err.trimEnd().split("\n").length, 1, outcome.err);
  }
  const made = [...Deno.readDirSync(folder.path)].map(({ name }) => name);
  assertEquals(made.includes("new.im.shm"), false, "nothing was played");
});
