/** `shmim ls` and `shmim info`: what they print is a contract. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { fixture } from "../_support/bridge.ts";
import {
  CLI,
  done,
  Folder,
  json,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/;

/** A stream with something in every field. */
function rich(folder: Folder): Stream {
  const stream = Stream.create("wfs", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
    keywords: 5,
    semaphores: 2,
    circularBuffer: 2,
  });
  stream.setKeywords([
    { name: "BIG", type: "L", value: 2n ** 60n + 1n, comment: "beyond 2^53" },
    { name: "ID", type: "L", value: -7n, comment: "" },
    { name: "FRATE", type: "D", value: 1234.5, comment: "frame rate [Hz]" },
    { name: "WHO", type: "S", value: "André", comment: "" },
  ]);
  stream.write(new Uint16Array(12).fill(3));
  return stream;
}

/** Replaces what differs from run to run. */
function steady(text: string, folder: Folder): string {
  return text.replaceAll(folder.path, "FOLDER")
    .replace(/("(?:creatorPid|writerPid|writer|pid)": |pid )\d+/g, "$1PID")
    .replace(/^(writer +| +\d +1 +- +)\d+/gm, "$1PID")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/("inode": )\d+/g, "$1INODE");
}

Deno.test("shmim info --json keeps its contract", async (t) => {
  using folder = new Folder();
  using _ = rich(folder);
  const out = await done(["info", "wfs", "--json"], { folder });
  await t.assertSnapshot(steady(out, folder));
});

Deno.test("shmim info prints everything there is", async (t) => {
  using folder = new Folder();
  using _ = rich(folder);
  const out = await done(["info", "wfs"], { folder });
  const alike = steady(out, folder).split("\n").map((line) => line.trimEnd())
    .join("\n");
  await t.assertSnapshot(alike);
});

Deno.test("shmim info --json gives times in UTC with nanoseconds", async () => {
  using folder = new Folder();
  const before = Date.now();
  using _ = rich(folder);
  const after = Date.now();
  const info = json(await done(["info", "wfs", "--json"], { folder }));
  for (const key of ["atime", "writetime", "creationtime"]) {
    assertMatch(info[key], TIME);
    const at = Date.parse(info[key]);
    assert(at >= before - 1 && at <= after + 1, `${key} is ${info[key]}`);
  }
});

Deno.test("shmim info --json gives integers beyond 2^53 as decimal strings", async () => {
  using folder = new Folder();
  using stream = rich(folder);
  const huge = new BigUint64Array([2n ** 64n - 2n]);
  const { cnt1 } = stream.layout.table;
  stream.mapping.store(cnt1, new Uint8Array(huge.buffer));
  const info = json(await done(["info", "wfs", "--json"], { folder }));
  assertEquals(info.cnt0, 1);
  assertEquals(info.cnt1, "18446744073709551614");
  assertEquals(info.keywords[0], {
    name: "BIG",
    type: "L",
    value: "1152921504606846977",
    comment: "beyond 2^53",
  });
  assertEquals(info.keywords[1].value, -7);
});

Deno.test("shmim info --json says NaN and infinite keywords as text", async () => {
  using folder = new Folder();
  using stream = rich(folder);
  stream.setKeywords([NaN, Infinity, -Infinity].map((value) => ({
    name: "X",
    type: "D",
    value,
    comment: "",
  })));
  const info = json(await done(["info", "wfs", "--json"], { folder }));
  assertEquals(info.keywords.map(({ value }: { value: unknown }) => value), [
    "NaN",
    "Infinity",
    "-Infinity",
  ]);
});

Deno.test("shmim info says where a link leads", async () => {
  using folder = new Folder();
  using _ = rich(folder);
  Deno.symlinkSync("wfs.im.shm", folder.stream("alias"));
  const info = json(await done(["info", "alias", "--json"], { folder }));
  assertEquals([info.name, info.path, info.link], [
    "alias",
    folder.stream("alias"),
    "wfs.im.shm",
  ]);
});

Deno.test("shmim info reads what milk wrote", async () => {
  using folder = new Folder();
  const name = "rx_tcp_f32_8x6";
  Deno.writeFileSync(folder.stream(name), fixture(`shmimtcp/${name}.im.shm`));
  const info = json(await done(["info", name, "--json"], { folder }));
  assertEquals([info.type, info.size, info.cnt0], ["f32", [8, 6], 3]);
  assertEquals(info.keywords, [
    { name: "FRATE", type: "D", value: 1234.5, comment: "frame rate [Hz]" },
    { name: "ID", type: "L", value: 987654321, comment: "identifier" },
  ]);
});

Deno.test("shmim info changes nothing in the file", async () => {
  using folder = new Folder();
  using _ = rich(folder);
  const before = Deno.readFileSync(folder.stream("wfs"));
  await done(["info", "wfs"], { folder });
  await done(["ls", "--watch", "0"], { folder });
  assertEquals(Deno.readFileSync(folder.stream("wfs")), before);
});

Deno.test("shmim info ends with 1 where there is no stream", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["info", "none"], { folder });
  assertEquals([code, out], [1, ""]);
  assertMatch(err, /^shmim: [^\n]*none\.im\.shm[^\n]*\n$/);
});

Deno.test("shmim ls --json keeps its contract", async (t) => {
  using folder = new Folder();
  using _ = rich(folder);
  Deno.writeTextFileSync(folder.stream("junk"), "no stream at all");
  Deno.writeFileSync(folder.stream("empty"), new Uint8Array(0));
  Deno.symlinkSync("nowhere.im.shm", folder.stream("dangling"));
  const out = await done(["ls", "--json", "--watch", "0"], { folder });
  await t.assertSnapshot(steady(out, folder));
});

Deno.test("shmim ls prints a row for each stream, and the reasons of damaged ones", async () => {
  using folder = new Folder();
  using stream = rich(folder);
  Deno.symlinkSync("wfs.im.shm", folder.stream("alias"));
  Deno.writeTextFileSync(folder.stream("junk"), "no stream at all");
  Deno.writeTextFileSync(folder.file("unrelated.txt"), "x");
  const claimed = stream.mapping.semaphores.claim(-1);
  try {
    const out = await done(["ls", "--watch", "0.05"], { folder });
    const lines = out.trimEnd().split("\n");
    assertEquals(lines.length, 4);
    assertMatch(
      lines[0] ?? "",
      /^NAME +TYPE +SIZE +CNT0 +RATE\/Hz +AGE\/s +SEMS +WRITER +LINK$/,
    );
    assertMatch(
      lines[1] ?? "",
      new RegExp(`^alias +u16 +4x3 +1 +- +>0.05 +1/2 +${Deno.pid} +-> wfs`),
    );
    assertMatch(lines[2] ?? "", /^wfs +u16 +4x3 +1 /);
    assertMatch(lines[3] ?? "", /^junk +.*junk\.im\.shm/);
  } finally {
    if (claimed !== undefined) stream.mapping.semaphores.release(claimed);
  }
});

Deno.test("shmim ls shows no rates where nobody watched", async () => {
  using folder = new Folder();
  using _ = rich(folder);
  const [heading] = (await done(["ls"], { folder })).split("\n");
  assertMatch(heading ?? "", /^NAME +TYPE +SIZE +CNT0 +SEMS +WRITER +LINK$/);
});

Deno.test("shmim ls names what it may not read", async () => {
  using folder = new Folder();
  using stream = rich(folder);
  const { code, out } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "-A",
      `--deny-read=${stream.path}`,
      CLI,
      "ls",
      "--no-narrow",
      "--dir",
      folder.path,
    ],
  }).output().then(({ code, stdout }) => ({
    code,
    out: new TextDecoder().decode(stdout),
  }));
  assertEquals(code, 0);
  assertMatch(out, /^wfs +Requires read access to /m);
});

Deno.test("shmim ls says that a writer is gone", async () => {
  using folder = new Folder();
  using _ = Stream.create("a", { dir: folder.path, size: [2], type: "u8" });
  await done(["write", "a", "--pattern", "zero"], { folder });
  assertMatch(
    await done(["ls", "--watch", "0"], { folder }),
    /\d+ \(gone\)/,
  );
  const [entry] = json(
    await done(["ls", "--json", "--watch", "0"], { folder }),
  );
  assertEquals(entry.writerAlive, false);
});

Deno.test("shmim ls shows only what matches its pattern", async () => {
  using folder = new Folder();
  for (const name of ["dm01disp", "dm01disp03", "wfs"]) {
    Stream.create(name, { dir: folder.path, size: [2], type: "u8" }).close();
  }
  const names = async (pattern: string) =>
    json(await done(["ls", pattern, "--json", "--watch", "0"], { folder }))
      .map(({ name }: { name: string }) => name);
  assertEquals(await names("dm01*"), ["dm01disp", "dm01disp03"]);
  assertEquals(await names("dm01disp??"), ["dm01disp03"]);
  assertEquals(await names("nothing"), []);
});

Deno.test("shmim ls measures the rate of a moving stream", async () => {
  using folder = new Folder();
  using _ = Stream.create("a", { dir: folder.path, size: [2], type: "u8" });
  using _still = Stream.create("b", {
    dir: folder.path,
    size: [2],
    type: "u8",
  });
  await using writer = new Running(
    ["write", "a", "--pattern", "counter", "--rate", "200"],
    { folder },
  );
  using stream = Stream.open("a", { dir: folder.path });
  await stream.wait({ mode: "poll", since: 0n });
  // On a very slow machine nothing may move while it is watched.
  const [moving, still] = await until("a rate", async () => {
    const words = ["ls", "--json", "--watch", "0.5"];
    const rows = json(await done(words, { folder }));
    return rows[0].rateHz === null ? undefined : rows;
  });
  assert(moving.rateHz > 1 && moving.rateHz < 2000, `${moving.rateHz} Hz`);
  assert(moving.ageSeconds >= 0);
  assertEquals(moving.writerAlive, true);
  assertEquals(moving.writerPid, writer.pid);
  assertEquals([still.rateHz, still.ageSeconds], [null, null]);
});

Deno.test("shmim ls of an empty folder says so and prints nothing", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["ls"], { folder });
  assertEquals([code, out], [0, ""]);
  assertStringIncludes(err, `No streams in ${folder.path}`);
  assertEquals(await done(["ls", "--json"], { folder }), "[]\n");
});
