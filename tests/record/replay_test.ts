/** Replays: which frames, when, and with which counters. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { GZIP, packFile } from "../../src/record/pack.ts";
import { TILES } from "../../src/record/pack_tiles.ts";
import { Recording } from "../../src/record/recording.ts";
import type { Recorded } from "../../src/record/recorder.ts";
import { replay, type ReplayOptions } from "../../src/record/replay.ts";
import { parseMoment } from "../../src/record/score.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder, until } from "../_support/cli.ts";
import { DaoFolder } from "../_support/dao.ts";
import { frameOf, recorded, Session } from "./_record.ts";

Deno.test("replay plays packed and compressed recordings, whole, in part, and round after round", async () => {
  using folder = new Folder();
  const frames = 12;
  const plain = await recorded(folder, "u16", [6, 4], frames);
  const copy = `${plain}.copy.fits`;
  Deno.copyFileSync(plain, copy);
  const files = [
    (await packFile(plain, TILES)).file,
    (await packFile(copy, GZIP)).file,
  ];
  for (const file of files) {
    using recording = await Recording.open(file);
    using out = Stream.create("out", {
      dir: folder.path,
      size: [6, 4],
      type: "u16",
      existing: "replace",
    });
    const all = await replay(out, [recording], { rateHz: 1000 });
    assertEquals([all.frames, out.cnt0], [frames, BigInt(frames)]);
    assertEquals(out.read().bytes, frameOf("u16", 48, frames - 1));
    // By the table: the third to the sixth, which are renumbered.
    const arrived = recording.table?.arrived;
    const at = (n: number): bigint => arrived?.[n] ?? 0n;
    const part = await replay(out, [recording], {
      clock: "arrived",
      from: { at: at(2) },
      to: { after: at(5) - at(0) },
      speed: 100,
    });
    assertEquals([part.frames, out.cnt0], [4, BigInt(frames + 4)]);
    assertEquals(out.read().bytes, frameOf("u16", 48, 5));
    // With memory for less than all of it, and more than one round.
    const end = new AbortController();
    const looped = replay(out, [recording], {
      rateHz: 2000,
      loop: true,
      memoryBytes: 5 * 48,
      signal: end.signal,
    });
    while (out.cnt0 < BigInt(frames + 4 + 3 * frames)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    end.abort();
    const { frames: played } = await looped;
    assert(played >= 3 * frames, `${played}`);
    assertEquals(
      out.read().bytes,
      frameOf("u16", 48, (played - 1) % frames),
      file,
    );
  }
});

/** Replays a recording into a new stream, and records that. */
async function recordReplay(
  folder: Folder,
  recording: Recording,
  options: ReplayOptions,
): Promise<{ again: Recorded; file: string }> {
  using out = Stream.create("out", {
    dir: folder.path,
    size: recording.size,
    type: recording.type,
    existing: "replace",
  });
  const end = new AbortController();
  const session = new Session([out.reopen()], [out], {
    dir: folder.file("again"),
    signal: end.signal,
  });
  const [recorder] = await session.ready();
  await replay(out, [recording], { rateHz: 500, ...options });
  await until("the last frame", () => {
    const ring = recorder?.channel.ring;
    return ring !== undefined && ring.head > 0 &&
      ring.caught(ring.head - 1).cnt0 === out.cnt0;
  });
  end.abort();
  const [again] = await session.done;
  if (again === undefined) throw new Error("nothing was recorded");
  return { again, file: again.files[0] ?? "" };
}

Deno.test("a record of a replay has every counter and acquisition time that was kept, frame by frame", async () => {
  const frames = 50;
  const before = 300;
  using folder = new Folder();
  using recording = await Recording.open(
    await recorded(folder, "u16", [6, 4], frames, before),
  );
  const { table } = recording;
  for (const keep of [true, false]) {
    const begun = BigInt(Date.now()) * 1_000_000n;
    const { again, file } = await recordReplay(folder, recording, {
      keepCounters: keep,
      keepTimes: keep,
    });
    using copy = await Recording.open(file);
    const first = keep ? before + 1 : 1;
    // A frame that this machine was too slow to catch is missed, not wrong.
    assertEquals(again.frames + again.missed, frames + first - 1);
    assertEquals(copy.frames, again.frames);
    const bytes = new Uint8Array(48);
    for (let k = 0; k < copy.frames; k++) {
      const n = Number(copy.table?.cnt0?.[k]) - first;
      await copy.read(k, bytes);
      assertEquals(bytes, frameOf("u16", 48, n), `frame ${n}`);
      assertEquals(copy.table?.cnt1?.[k], table?.cnt1?.[n]);
      const acquired = copy.table?.acquired?.[k] ?? 0n;
      if (keep) assertEquals(acquired, table?.acquired?.[n], `frame ${n}`);
      else assert(acquired >= begun, `frame ${n}`);
      // That of the replay, always: this is when it was written.
      assert((copy.table?.written?.[k] ?? 0n) >= begun, `frame ${n}`);
    }
  }
});

Deno.test("parseMoment() reads seconds and UTC, to the nanosecond", () => {
  assertEquals(parseMoment("0"), { after: 0n });
  assertEquals(parseMoment("+12.5"), { after: 12_500_000_000n });
  assertEquals(parseMoment("1.000000001s"), { after: 1_000_000_001n });
  const at = BigInt(Date.UTC(2026, 0, 31, 22, 15)) * 1_000_000n;
  for (const text of ["2026-01-31T22:15", "2026-01-31T22:15:00Z"]) {
    assertEquals(parseMoment(text), { at });
  }
  assertEquals(parseMoment("2026-01-31T22:15:00.123456789"), {
    at: at + 123_456_789n,
  });
  for (const text of ["", "-1", "noon", "2026-01-31", "2026-13-31T22:15:00"]) {
    assertThrows(() => parseMoment(text), SyntaxError, "Not a time");
  }
});

Deno.test("a FIFO whose counters go back with each round has the newest frame last", async () => {
  using folder = new Folder();
  using dao = new DaoFolder();
  using recording = await Recording.open(
    await recorded(folder, "u16", [6, 4], 5),
  );
  using out = Stream.create(dao.base("out"), {
    dir: dao.path,
    format: "dao",
    depth: 3,
    size: [6, 4],
    type: "u16",
  });
  for (let round = 0; round < 3; round++) {
    const { frames } = await replay(out, [recording], {
      rateHz: 1000,
      keepCounters: true,
    });
    const { cnt0, bytes } = out.read();
    assertEquals([frames, cnt0, bytes], [5, 5n, frameOf("u16", 48, 4)]);
    assertEquals(
      out.history(3).map((frame) => [frame.cnt0, frame.bytes]),
      [2, 3, 4].map((n) => [BigInt(n + 1), frameOf("u16", 48, n)]),
    );
  }
});
