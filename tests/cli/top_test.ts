/** `shmim top`: once, as JSON, and live in a terminal. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ChannelFiles } from "../../src/channels/state.ts";
import { askSocket } from "../../src/partition/control.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  done,
  Folder,
  json,
  ROOT,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { ChannelHost } from "../_support/channels.ts";
import { program, testWhere } from "../_support/skip.ts";
import { left, openScreen, shellLine, shows } from "../_support/screen.ts";
import type { Terminal } from "../_support/terminal.ts";
import { freePorts } from "../_support/ports.ts";

const tmux = program("tmux", "tmux");
const COLUMNS = 150;
const LINES = 24;

function create(folder: Folder, name: string): Stream {
  return Stream.create(name, {
    dir: folder.path,
    size: [50, 40],
    type: "f32",
  });
}

/** Publishes on a stream until disposed. */
function moving(stream: Stream, everyMs = 10): Disposable {
  const timer = setInterval(() => stream.poke(), everyMs);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

Deno.test("shmim top --json tells rates, writers and readers by name", async () => {
  using folder = new Folder();
  using cam = create(folder, "cam");
  create(folder, "idle").close();
  Deno.writeTextFileSync(folder.stream("bad"), "no stream");
  Deno.symlinkSync("cam.im.shm", folder.stream("alias"));
  await using reader = new Running(
    ["read", "cam", "--wait", "semaphore", "--count", "1000000"],
    { folder },
  );
  await until(
    "its claim",
    () => cam.semaphores().some(({ readerPid }) => readerPid === reader.pid),
  );
  using _ = moving(cam);
  const files = new ChannelFiles(folder.state, "cam");
  using lock = await files.claim();
  assert(lock !== undefined);
  files.write({
    channel: "cam",
    part: "receive",
    address: "127.0.0.1:8803",
    path: folder.stream("cam"),
    pid: Deno.pid,
    started: 0,
    updated: Date.now() + 60_000,
    condition: "up",
    since: 0,
    reason: "",
    rates: [],
    stats: { frames: 5, skipped: 2, torn: 0 },
  });
  const rows = json(
    await done(["top", "--json", "--watch", "1.5"], { folder }),
  );
  const [alias, bad, first, idle] = rows;
  assertEquals(rows.length, 4);
  assertEquals(alias.link, "cam.im.shm");
  assertMatch(bad.error, /bad/);
  assertEquals([idle.rateHz, idle.ageSeconds, idle.jitterMs], [0, null, null]);
  assert(first.rateHz > 1 && first.rateHz < 120, `${first.rateHz} Hz`);
  assert(first.jitterMs !== null && first.jitterMs >= 0);
  assert(first.ageSeconds < 30);
  const bytes = first.rateHz * 50 * 40 * 4;
  assert(Math.abs(first.bytesPerSecond - bytes) < 1e-3);
  assertEquals([first.writer.pid, first.writer.alive], [Deno.pid, true]);
  assertEquals(
    first.writer.name,
    Deno.readTextFileSync(`/proc/${Deno.pid}/comm`).trim(),
  );
  assertEquals(first.readers.map(({ pid }: { pid: number }) => pid), [
    reader.pid,
  ]);
  assertEquals([first.bridges[0].condition, first.bridges[0].lost], ["up", 2]);
});

Deno.test("shmim top shows real bridges at both ends, and what they lost", async () => {
  using folder = new Folder();
  const table = folder.file("bridges.toml");
  Deno.writeTextFileSync(
    table,
    `[hosts.icc]
address = "localhost"
[hosts.rtc]
address = "127.0.0.1"
[channels.tweeter]
streams = "dm01disp03"
from = "icc"
to = "rtc"
size = [50, 50]
type = "f32"
port = ${freePorts(1)}
`,
  );
  await using icc = new ChannelHost("icc", table);
  await using rtc = new ChannelHost("rtc", table);
  for (const host of [rtc, icc]) {
    const { code, err } = await host.bridge(["dm01disp03"]);
    assertEquals(code, 0, err);
  }
  using source = Stream.open("dm01disp03", { dir: icc.streams.path });
  const top = async (host: ChannelHost) => {
    const [row] = json(
      await done(["top", "--json", "--watch", "0"], {
        folder: host.streams,
        env: host.env,
      }),
    );
    return row;
  };
  // Bursts that no line follows: the newest frame wins, the others are lost.
  for (const [host, part] of [[icc, "transmit"], [rtc, "receive"]] as const) {
    const row = await until(`losses of ${part}`, async () => {
      for (let i = 0; i < 500; i++) source.poke();
      const row = await top(host);
      const [bridge] = row.bridges;
      return bridge.condition === "up" && bridge.lost > 0 && bridge.frames > 0
        ? row
        : undefined;
    });
    const [{ channel, part: its, pid, lost }] = row.bridges;
    assertEquals([row.name, channel, its], ["dm01disp03", "dm01disp03", part]);
    const status = await host.status("dm01disp03");
    assertEquals(pid, status.pid);
    assert(lost <= status.skipped + status.torn, `${lost}`);
  }
  const printed = await done(
    ["top", "--once", "--columns", "name,bridge,lost", "--watch", "0"],
    { folder: rtc.streams, env: rtc.env },
  );
  assertMatch(printed, /^dm01disp03 +<- 127\.0\.0\.1:\d+ .*up.* [1-9]\d*$/m);
});

Deno.test("shmim top shows plain transmit and receive, and what they lost", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = create(here, "cam");
  await using receiver = new Running(["receive", "0"], { folder: there });
  const [, port = ""] = await receiver.says(/listening on 127\.0\.0\.1:(\d+)/);
  await using transmitter = new Running(
    ["transmit", "cam", "127.0.0.1", port],
    { folder: here },
  );
  const ends = [
    [here, "transmit", transmitter.pid],
    [there, "receive", receiver.pid],
  ] as const;
  const top = async (folder: Folder) => {
    const [row] = json(
      await done(["top", "--json", "--watch", "0"], { folder }),
    );
    return row?.bridges[0];
  };
  for (const [folder, part, pid] of ends) {
    const bridge = await until(`losses of ${part}`, async () => {
      for (let i = 0; i < 500; i++) source.poke();
      const bridge = await top(folder);
      return bridge?.lost > 0 && bridge.condition === "up" ? bridge : undefined;
    });
    assertEquals(
      [bridge.channel, bridge.part, bridge.address, bridge.pid],
      ["cam", part, `127.0.0.1:${port}`, pid],
    );
    assert(bridge.frames > 0);
  }
  await receiver.end("SIGKILL");
  assertEquals((await top(there)).condition, "crashed");
  await transmitter.end("SIGINT");
  assertEquals(await top(here), undefined);
  assertEquals([...Deno.readDirSync(here.state)], []);
});

Deno.test("shmim top shows what a daemon's processes carry", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = create(here, "cam");
  const start = async (kind: string, folder: Folder): Promise<Running> => {
    const control = folder.file("c.sock");
    const words = ["carry", kind, "127.0.0.1", "--control", control];
    const one = new Running(words, { folder });
    await one.says(/stands/);
    return one;
  };
  const add = async (folder: Folder, port: number): Promise<number> => {
    const path = folder.stream("cam");
    const request = { do: "add", id: "cam", path, port, after: "0" };
    const answer = await askSocket(folder.file("c.sock"), "it", request, 5);
    return (answer as { port: number }).port;
  };
  await using receiver = await start("receive", there);
  await using transmitter = await start("transmit", here);
  const port = await add(there, 0);
  await add(here, port);
  const ends = [
    [here, "transmit", transmitter.pid],
    [there, "receive", receiver.pid],
  ] as const;
  for (const [folder, part, pid] of ends) {
    const bridge = await until(`the ${part} end`, async () => {
      source.poke();
      const [row] = json(
        await done(["top", "--json", "--watch", "0"], { folder }),
      );
      const bridge = row?.bridges[0];
      return bridge?.condition === "up" && bridge.frames > 0
        ? bridge
        : undefined;
    });
    assertEquals(
      [bridge.channel, bridge.part, bridge.address, bridge.pid],
      ["cam", part, `127.0.0.1:${port}`, pid],
    );
  }
});

Deno.test("shmim top prints the table once where there is no terminal", async () => {
  using folder = new Folder();
  create(folder, "cam").close();
  create(folder, "dm00").close();
  const words = ["top", "--watch", "0"];
  const all = (await done(words, { folder })).split("\n");
  assertMatch(all[0] ?? "", /^NAME +TYPE +SIZE +CNT0 +RATE\/Hz +JITTER\/ms/);
  assertMatch(all[1] ?? "", /^cam +f32 +50x40 +0 /);
  const some = await done(
    [...words, "dm*", "--once", "--columns", "name,size"],
    { folder },
  );
  assertEquals(some, "NAME  SIZE\ndm00  50x40\n");
  const down = await done([...words, "--sort", "size"], { folder });
  assertEquals(down.split("\n").length, 4);
  using empty = new Folder();
  const nothing = await shmim(words, { folder: empty });
  assertEquals([nothing.code, nothing.out], [0, ""]);
  assertMatch(nothing.err, /^No streams in /);
});

Deno.test("The README's picture of top is there, and small", () => {
  const readme = Deno.readTextFileSync(`${ROOT}README.md`);
  const path = /docs\/images\/top\.svg/.exec(readme)?.[0];
  const picture = Deno.readTextFileSync(`${ROOT}${path}`);
  assertMatch(picture, /^<svg [^>]+>/);
  assertMatch(picture, />[^<]*camwfs/);
  assert(picture.length < 100_000);
});

Deno.test("shmim top says in one line what it does not take", async () => {
  using folder = new Folder();
  const cases: [string[], number, RegExp][] = [
    [["--sort", "rates"], 2, /--sort takes .*did you mean "rate"\?/],
    [["--columns", "name,x"], 2, /--columns takes/],
    [["a", "b"], 2, /"b" is one argument too many/],
    [["--fps", "0"], 2, /--fps takes/],
    [["--dir", folder.file("none")], 1, /not a folder/],
  ];
  for (const [words, code, message] of cases) {
    const result = await shmim(["top", ...words], { folder });
    assertEquals(result.code, code, result.err);
    assertMatch(result.err, message);
    assertEquals(result.err.trimEnd().split("\n").length, 1);
  }
});

/** Opens a terminal; bridges of other tests are not to be seen. */
function openTerminal(folder: Folder): Promise<Terminal> {
  const env = { SHMIM_STATE_DIR: folder.file("state") };
  return openScreen(folder, [COLUMNS, LINES], env);
}

const LINE = shellLine("top");

testWhere(
  "top shows, sorts, filters and pauses by its keys",
  tmux,
  async () => {
    using folder = new Folder();
    using cam = create(folder, "cam");
    using dm = create(folder, "dm00disp");
    dm.poke();
    using _ = moving(cam);
    await using terminal = await openTerminal(folder);
    await terminal.type(LINE);
    await shows(terminal, /2 streams, 1 moving/);
    await shows(terminal, /^cam +f32 +50x40 +\d+ +\d+\.\d+ +\d+\.\d{3} /m);
    await shows(
      terminal,
      new RegExp(`^dm00disp .* 0 .* \\S+ ${Deno.pid}`, "m"),
    );
    const order = (first: string, second: string) => (text: string): boolean =>
      text.indexOf(`\n${first} `) < text.indexOf(`\n${second} `);
    await terminal.press("1"); // it is sorted by name: the other way round
    await shows(terminal, order("dm00disp", "cam"));
    await terminal.press("4");
    await shows(terminal, order("cam", "dm00disp"));
    await shows(terminal, /RATE\/Hz▼/);
    await terminal.press("F");
    await terminal.press("d", "m", "Enter");
    await shows(terminal, (text) => !text.includes("\ncam "));
    await shows(terminal, /only "dm": 1/);
    await terminal.press("f");
    await shows(terminal, /^cam /m);
    await terminal.press("F3");
    await shows(terminal, /WRITE PIDS/);
    await shows(terminal, new RegExp(`0:${Deno.pid} 1:${Deno.pid}`));
    await terminal.press("F5");
    await shows(terminal, /TRACE/);
    await terminal.press("F2");
    await shows(terminal, /JITTER/);
    await terminal.press("c");
    await shows(terminal, /\[x\] TYPE +data type/);
    await terminal.press("Down", "Space", "Escape");
    await shows(terminal, /^NAME +SIZE/m);
    await terminal.press("h");
    await shows(terminal, /enter +watch the image/);
    await terminal.press("h");
    await terminal.press("Space");
    const frozen = /^cam +\S+ +(\d+)/m.exec(await shows(terminal, /paused/));
    cam.poke();
    await terminal.press("+");
    const later = await shows(terminal, /4 a second/);
    assertEquals(/^cam +\S+ +(\d+)/m.exec(later)?.[1], frozen?.[1]);
    create(folder, "made").close();
    await terminal.press("Space");
    await shows(terminal, /^made /m);
    await terminal.resize(60, 12);
    await shows(terminal, /^cam /m);
    await terminal.press("x");
    await left(terminal, 0);
  },
);

testWhere(
  "top opens watch and comes back; it removes after questions only",
  tmux,
  async () => {
    using folder = new Folder();
    using cam = create(folder, "cam");
    cam.poke();
    create(folder, "old").close();
    await using terminal = await openTerminal(folder);
    await terminal.type(LINE);
    await shows(terminal, /2 streams/);
    await terminal.press("Enter");
    await shows(terminal, /cam +50x40 f32 +cnt0 1/);
    await shows(terminal, /q quit/);
    await terminal.press("q");
    await shows(terminal, /2 streams/);
    // We wrote last and live: it asks twice, and takes a no.
    await terminal.press("C-e");
    await shows(terminal, /Remove cam\? \[y\/N\]/);
    await terminal.press("y");
    await shows(terminal, new RegExp(`Pid ${Deno.pid} uses cam: remove`));
    await terminal.press("n");
    await shows(terminal, /nothing removed/);
    assert(folder.names().includes("cam.im.shm"));
    await terminal.press("Down", "C-e");
    await shows(terminal, /Remove old\?/);
    await terminal.press("y");
    await shows(terminal, /1 stream,/);
    assertEquals(folder.names(), ["cam.im.shm"]);
    await terminal.press("Enter");
    await shows(terminal, /q quit/);
    await terminal.press("C-c");
    await left(terminal, 130);
  },
);

testWhere("top gives the terminal back when it is ended", tmux, async () => {
  using folder = new Folder();
  create(folder, "cam").close();
  for (const [end, code] of [["C-c", 130], ["q", 0]] as const) {
    await using terminal = await openTerminal(folder);
    await terminal.type(LINE);
    await shows(terminal, /1 stream, 0 moving/);
    await terminal.press(end);
    await left(terminal, code);
  }
});
