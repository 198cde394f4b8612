/** Every command on DAO streams, as users type them. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { DaoFolder } from "../_support/dao.ts";
import { Peer, peer, peerCreates } from "../_support/dao_peer.ts";
import {
  type Around,
  done,
  json,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";

/** A folder as the runner of commands takes it. */
function around(folder: DaoFolder): Around {
  return { folder };
}

/** A DAO stream as a Python user makes it: shape (3, 4), so x is 4. */
async function picture(folder: DaoFolder): Promise<string> {
  await peerCreates(folder.dao("cam"), "u16", [3, 4], { keywords: 2 });
  await peer("write", folder.dao("cam"), 3, 41, 0);
  return folder.base("cam");
}

/** 4 by 3 pixels that all differ: x + 10 y. */
const RAMP = Uint16Array.from(
  { length: 12 },
  (_, i) => i % 4 + 10 * Math.floor(i / 4),
);

Deno.test("ls, info and read show a DAO stream with its axes", async () => {
  using folder = new DaoFolder();
  const here = around(folder);
  const cam = await picture(folder);
  const [listed] = json(await done(["ls", "--json", "--watch", "0"], here));
  assertEquals([listed.format, listed.size, listed.type, listed.cnt0], [
    "dao",
    [4, 3],
    "u16",
    3,
  ]);
  const info = json(await done(["info", cam, "--json"], here));
  assertEquals([info.format, info.size, info.storedSize], [
    "dao",
    [4, 3],
    [3, 4],
  ]);
  assertEquals(info.keywords.length, 2);
  assertEquals(info.other.storedName, folder.dao("cam"));
  const c = json(
    await done(["info", cam, "--json", "--axis-order", "c"], here),
  );
  assertEquals([c.size, c.storedSize], [[3, 4], [3, 4]]);
  const panel = await done(["info", cam], here);
  assertMatch(panel, /^format +dao \(FIFO/m);
  assertMatch(panel, /^stored size +3 x 4$/m);
  assertMatch(await done(["read", cam], here), /^cnt0 3 .*mean 43/);
  const wrong = await shmim(["info", cam, "--axis-order", "x"], here);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "--axis-order takes python, c");
});

Deno.test("create, write, keyword, poke and rm work on DAO streams", async () => {
  using folder = new DaoFolder();
  const here = around(folder);
  const name = folder.base("made");
  await done(
    ["create", name, "4x3", "u16", "--format", "dao", "--depth", "3"],
    here,
  );
  assertEquals(folder.semaphores("made").length, 11);
  await done(["write", name, "-"], {
    ...here,
    stdin: new Uint8Array(RAMP.buffer),
  });
  await done(["keyword", name, "GAIN=0.5"], here);
  await done(["poke", name], here);
  const [line = ""] = await peer("read", folder.dao("made"));
  assertEquals(line.split(" ").slice(0, 3), ["2", "0", "23"]);
  using stream = Stream.open(folder.dao("made"));
  assertEquals(stream.keywords().map(({ name, value }) => [name, value]), [[
    "GAIN",
    0.5,
  ]]);
  stream.close();
  const second = await shmim(
    ["create", `${name}.b`, "4x3", "u8", "--format", "dao"],
    here,
  );
  assertEquals(second.code, 0);
  assertStringIncludes(second.err, "shares them");
  await done(["rm", "--yes", `${name}.b`, name], here);
  assertEquals(folder.semaphores("made"), []);
  assertEquals([...Deno.readDirSync(folder.path)], []);

  const long = "y".repeat(80 - folder.stream("").length);
  const refused = await shmim(
    ["create", long, "4x3", "u8", "--format", "dao"],
    here,
  );
  assertEquals(refused.code, 1);
  assertMatch(refused.err, /^shmim: A DAO stream has a path of at most 79 /);
  assertEquals(refused.err.trimEnd().split("\n").length, 1);
});

Deno.test("convert turns DAO into ImageStreamIO and back, and moves no pixel", async () => {
  using folder = new DaoFolder();
  const here = around(folder);
  const cam = await picture(folder);
  using source = Stream.open(folder.dao("cam"));
  source.write(RAMP);
  await done(["convert", cam, "isio"], here);
  using isio = Stream.open(folder.stream("isio"));
  const frame = isio.read();
  assertEquals(isio.layout.format, "imagestreamio");
  assertEquals([isio.size, isio.layout.storedSize], [[4, 3], [4, 3]]);
  assertEquals(frame.pixels, RAMP);
  assertEquals(frame.cnt0, 4n);
  const utc = (stream: Stream): bigint =>
    stream.fields().atimeNs - BigInt(stream.clockOffset) * 1_000_000_000n;
  assertEquals(utc(isio), utc(source));
  assertEquals(isio.keywords(), source.keywords());

  const back = folder.base("back");
  await done(["convert", "isio", back], here);
  using again = Stream.open(folder.dao("back"));
  assertEquals(again.layout.format, "dao");
  assertEquals([again.size, again.layout.storedSize], [[4, 3], [3, 4]]);
  assertEquals(again.read().pixels, RAMP);
  assertEquals(again.cnt0, 4n);
  assertEquals(utc(again), utc(source));
  assertEquals(again.keywords(), source.keywords());

  const c = folder.base("c");
  await done(["convert", "isio", c, "--axis-order", "c"], here);
  using other = Stream.open(folder.dao("c"), { axisOrder: "c" });
  assertEquals([other.size, other.layout.storedSize], [[4, 3], [4, 3]]);
  assertEquals(other.read().pixels, RAMP);

  await done(["create", "square", "3x3", "u16"], here);
  const refused = await shmim(["convert", cam, "square"], here);
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "--force replaces it");
  await done(["create", "half", "2x2", "f16"], here);
  const half = await shmim(["convert", "half", folder.base("half")], here);
  assertEquals(half.code, 1);
  assertStringIncludes(half.err, "cannot hold f16");
});

Deno.test("convert --follow takes counters, times and keywords along", async () => {
  using folder = new DaoFolder();
  const here = around(folder);
  const cam = await picture(folder);
  await using running = new Running(["convert", cam, "copy", "--follow"], here);
  await until("the copy", () => {
    try {
      using copy = Stream.open(folder.stream("copy"), { writable: false });
      return copy.cnt0 === 3n;
    } catch {
      return false;
    }
  });
  using copy = Stream.open(folder.stream("copy"), { writable: false });
  for (let n = 0; n < 5; n++) {
    const before = copy.cnt0;
    await peer("write", folder.dao("cam"), 1, 60 + n, 0);
    await until("the frame", () => copy.cnt0 > before);
    assertEquals(copy.cnt0, 4n + BigInt(n));
    assertEquals(copy.read().pixels[11], 60 + n);
  }
  using source = Stream.open(folder.dao("cam"), { writable: false });
  assertEquals(
    copy.fields().atimeNs - BigInt(copy.clockOffset) * 1_000_000_000n,
    source.fields().atimeNs,
  );
  assertEquals(copy.keywords(), source.keywords());
  await running.end();
});

Deno.test("a DAO stream crosses a bridge into a DAO stream", async () => {
  using here = new DaoFolder();
  using there = new DaoFolder();
  const cam = await picture(here);
  const name = there.base("rx");
  await using receiver = new Running(
    ["receive", "0", "--format", "dao", "--as", name],
    around(there),
  );
  const [, port = ""] = await receiver.says(/listening on \S+:(\d+)/);
  await using transmitter = new Running(
    ["transmit", cam, "localhost", port],
    around(here),
  );
  await receiver.says(/sends "\S+" 4x3 u16 into/);
  using made = Stream.open(there.dao("rx"), { writable: false });
  await until("the first frame", () => made.cnt0 > 0n);
  await using writer = new Peer("write", here.dao("cam"), 20, 100, 5000);
  await until("the last frame", () => made.read().pixels[11] === 119);
  await writer.ended();
  assertEquals(made.layout.format, "dao");
  assertEquals([made.size, made.layout.storedSize], [[4, 3], [3, 4]]);
  assertEquals(made.keywords().map(({ name }) => name), ["KEY0", "KEY1"]);
  assertEquals((await peer("read", there.dao("rx")))[0]?.split(" ")[1], "119");
  assertEquals(await transmitter.end(), 143, transmitter.err);
  assertEquals(await receiver.end(), 143, receiver.err);
});

Deno.test("save, load, link, copy, stat, compare and watch work on DAO streams", async () => {
  using folder = new DaoFolder();
  const here = { ...around(folder), cwd: folder.path };
  const cam = await picture(folder);
  using source = Stream.open(folder.dao("cam"));
  source.write(RAMP);
  await done(["save", cam, `${folder.path}/cam.fits`], here);
  source.write(new Uint16Array(12));
  await done(["load", `${folder.path}/cam.fits`, cam], here);
  assertEquals(source.read().pixels, RAMP, "loaded in place");
  assertEquals(source.layout.format, "dao");

  const alias = folder.base("alias");
  await done(["link", cam, alias], here);
  assertEquals(json(await done(["info", alias, "--json"], here)).format, "dao");
  await done(["copy", cam, "kept"], here);
  await done(["compare", cam, "kept"], here);
  const stat = json(
    await done(["stat", cam, "--duration", "0.2", "--json"], here),
  );
  assertEquals(stat.frames, 0);
  const shown = await done(["watch", alias, "--once"], here);
  assert(shown.length > 0);
  await done(["rm", "--yes", alias], here);
  assertEquals(folder.semaphores("cam").length, 11, "of a link, only the link");
});

Deno.test("the commands run on DAO streams with their own permissions only", async () => {
  using folder = new DaoFolder();
  const here = around(folder);
  const name = folder.base("own");
  const own = async (...words: string[]): Promise<string> =>
    await done(words, { ...here, flags: [`-P=${words[0]}`] });
  await own("create", name, "4x3", "u16", "--format", "dao");
  await own("write", name, "--pattern", "gradient", "--count", "1");
  const { semaphores } = json(await own("info", name, "--json"));
  assertEquals(semaphores[9].value, 1, "posted");
  await own("convert", name, "isio");
  await own("rm", "--yes", name);
  assertEquals(folder.semaphores("own"), []);
});
