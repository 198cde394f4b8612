/** State files, logs and the folder that they lie in. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { EventLog } from "../../src/channels/log.ts";
import { requireStateFolder } from "../../src/channels/place.ts";
import { LineReport } from "../../src/channels/lines.ts";
import {
  ChannelFiles,
  type ChannelReport,
  conditionOf,
  knownChannels,
  toReport,
} from "../../src/channels/state.ts";
import { stopChannel } from "../../src/channels/control.ts";
import { moduleUrl } from "../_support/child.ts";
import { Child } from "../_support/child.ts";
import { Folder } from "../_support/cli.ts";
import { bridgeLines } from "../../src/top/bridges.ts";
import { duration, sparkline } from "../../src/cli/bridge_view.ts";

function report(changes: Partial<ChannelReport> = {}): ChannelReport {
  return {
    channel: "cam",
    part: "transmit",
    address: "rtc:8886",
    path: "/tmp/cam.im.shm",
    pid: Deno.pid,
    started: 0,
    updated: Date.now(),
    condition: "up",
    since: 0,
    reason: "",
    rates: [],
    stats: {},
    ...changes,
  };
}

Deno.test("ChannelFiles: who has the lock runs the channel, whatever pid stands there", async () => {
  using folder = new Folder();
  const files = new ChannelFiles(folder.path, "cam");
  assertEquals(files.state().condition, "down");
  {
    using lock = await files.claim();
    assert(lock !== undefined);
    assertEquals(await files.claim(), undefined);
    assertEquals(files.state().condition, "starting");
    files.write(report());
    assertEquals(files.state().condition, "up");
    files.write(report({ updated: Date.now() - 60_000 }));
    assertEquals(files.state().condition, "stuck");
  }
  // Its pid lives, since it is ours; but nobody holds the lock.
  assertEquals(files.state().condition, "crashed");
  assertEquals(files.running, false);
  assertEquals(knownChannels(folder.path), ["cam"]);
  const before = await stopChannel(files, 1000);
  assertEquals([before.condition, before.running], ["crashed", false]);
  assertEquals(folder.names(), []);
});

Deno.test("ChannelFiles: a process that is killed gives its channel back", async () => {
  using folder = new Folder();
  const files = new ChannelFiles(folder.path, "cam");
  await using child = Child.start(`
    import { ChannelFiles } from "${moduleUrl("src/channels/state.ts")}";
    const files = new ChannelFiles(${JSON.stringify(folder.path)}, "cam");
    using lock = await files.claim();
    console.log(lock !== undefined);
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  `);
  assertEquals(await child.line(), "true");
  assert(files.running);
  await child.kill();
  assertEquals(files.running, false);
  using again = await files.claim();
  assert(again !== undefined);
});

Deno.test("conditionOf() is how anything does, by its report and its process", () => {
  const up = report({ updated: 1000 });
  assertEquals(conditionOf(up, true, 2000), "up");
  assertEquals(conditionOf(up, true, 60_000), "stuck");
  assertEquals(conditionOf(up, false, 2000), "crashed");
  assertEquals(
    conditionOf(report({ condition: "failed" }), false, 0),
    "failed",
  );
  assertEquals(conditionOf(undefined, true, 0), "starting");
  assertEquals(conditionOf(undefined, false, 0), "down");
});

Deno.test("toReport() takes a report, and nothing else", () => {
  const good = report();
  assertEquals(toReport(good), good);
  const wrong = [1, null, [], {}, "up"];
  const fields: unknown[][] = [
    ["channel", 1],
    ["part", "x"],
    ["address", null],
    ["path", undefined],
    ["reason", {}],
    ["pid", "no"],
    ["pid", 0],
    ["started", 1e300],
    ["updated", "now"],
    ["since", null],
    ["condition", "fine"],
    ["rates", ["1"]],
    ["stats", null],
    ["stats", []],
  ];
  for (const [field, value] of fields) {
    wrong.push({ ...report(), [String(field)]: value });
  }
  for (const bad of wrong) {
    assertEquals(toReport(bad), undefined, JSON.stringify(bad));
  }
});

Deno.test("reports that are none are left out, by --status and by top", async () => {
  using folder = new Folder();
  const files = new ChannelFiles(folder.path, "cam");
  using lock = await files.claim();
  assert(lock !== undefined);
  files.write(report());
  assertEquals(bridgeLines(folder.path).map(({ condition }) => condition), [
    "up",
  ]);
  for (const text of ["null", "{", "[]", '{"pid": 1}', ""]) {
    Deno.writeTextFileSync(folder.file("cam.bridge.json"), text);
    Deno.writeTextFileSync(folder.file("x.lines.json"), text);
    assertEquals(files.state().condition, "starting", text);
    assertEquals(bridgeLines(folder.path), [], text);
  }
});

Deno.test("LineReport: a bridge without a name is told of while it lives", async () => {
  using folder = new Folder();
  const state = folder.file("state");
  const warnings: string[] = [];
  const begin = (path: string) =>
    new LineReport(path, "transmit-cam-[::1]-8886", () => [{
      part: "transmit",
      address: "[::1]:8886",
      path: "/tmp/cam.im.shm",
      condition: "up",
      stats: { frames: 90, skipped: 3, torn: 1 },
    }], (message) => warnings.push(message));
  {
    using _ = begin(state);
    assertEquals(bridgeLines(state), [{
      channel: "cam",
      path: "/tmp/cam.im.shm",
      part: "transmit",
      address: "[::1]:8886",
      pid: Deno.pid,
      condition: "up",
      frames: 90,
      lost: 4,
    }]);
    assertEquals(knownChannels(state), [], "it is no channel");
    // Another process has its pid meanwhile: it began at another time.
    const [file = ""] = [...Deno.readDirSync(state)].map(({ name }) => name);
    const there = JSON.parse(Deno.readTextFileSync(`${state}/${file}`));
    Deno.writeTextFileSync(
      `${state}/${file}`,
      JSON.stringify({ ...there, start: "1" }),
    );
    assertEquals(bridgeLines(state)[0]?.condition, "crashed");
  }
  assertEquals([...Deno.readDirSync(state)], []);
  Deno.chmodSync(state, 0o755);
  {
    using _ = begin(state);
    assertEquals(bridgeLines(state), []);
  }
  assertMatch(warnings.join("\n"), /^top does not see .* open to others/);
  await using child = Child.start(`
    import { LineReport } from "${moduleUrl("src/channels/lines.ts")}";
    new LineReport(${JSON.stringify(folder.file("s"))}, "x", () => [{
      part: "receive",
      address: "127.0.0.1:1",
      path: "/tmp/cam.im.shm",
      condition: "waiting",
      stats: { frames: 0, skipped: 0, torn: 0 },
    }], console.log);
    console.log("tells");
  `);
  assertEquals(await child.line(), "tells");
  const condition = () => bridgeLines(folder.file("s"))[0]?.condition;
  assertEquals(condition(), "waiting");
  await child.kill();
  assertEquals(condition(), "crashed");
});

Deno.test("requireStateFolder() makes a private folder, and refuses others", () => {
  using folder = new Folder();
  const path = folder.file("state");
  requireStateFolder(path);
  requireStateFolder(path);
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o700);
  Deno.chmodSync(path, 0o755);
  assertThrows(() => requireStateFolder(path), Error, "is open to others");
  Deno.chmodSync(path, 0o700);
  Deno.symlinkSync(path, folder.file("link"));
  assertThrows(
    () => requireStateFolder(folder.file("link")),
    Error,
    "no folder",
  );
  if (Deno.uid() !== 0) return;
  Deno.chownSync(path, 12345, 12345);
  assertThrows(() => requireStateFolder(path), Error, "somebody else");
});

Deno.test("EventLog keeps within its bound, and writes what repeats a few times", () => {
  using folder = new Folder();
  const path = folder.file("cam.log");
  const log = new EventLog(path);
  const note = (message: string) => log.take({ level: "note", message });
  assertMatch(
    note("10.0.0.1:40001 closed") ?? "",
    / 10\.0\.0\.1:40001 closed$/,
  );
  const again = Array.from({ length: 9 }, () => note("10.0.0.1:40002 closed"));
  assertEquals(again.filter((line) => line !== undefined).length, 4);
  for (let i = 0; i < 5000; i++) note(`event ${i} ${"x".repeat(80)}`);
  assertEquals(folder.names(), ["cam.log", "cam.log.1"]);
  const sizes = folder.names().map((name) =>
    Deno.statSync(folder.file(name)).size
  );
  for (const size of sizes) assert(size <= 128 * 1024, String(sizes));
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  const last = Deno.readTextFileSync(path).trimEnd().split("\n").at(-1) ?? "";
  assertMatch(last, /^\d{4}-[\dT:.-]+Z event 4999 x+$/);
});

Deno.test("sparkline() and duration() are short to read", () => {
  assertEquals(sparkline([0, 1, 500, 1000]).trimStart(), "·▁▄█");
  assertEquals(sparkline([]).length, 16);
  assertEquals(
    [5_000, 65_000, 3_700_000, 90_000_000].map(duration),
    ["5 s", "1 min 5 s", "1 h 1 min", "1 d 1 h"],
  );
});
