/** `shmim bridge`: real processes, real state, both hosts on this machine. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { ChannelFiles } from "../../src/channels/state.ts";
import { ChannelHost } from "../_support/channels.ts";
import { CLI, Folder, json, Running, until } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Terminal } from "../_support/terminal.ts";
import { freePorts } from "../_support/ports.ts";

/** A table whose two hosts are both this machine. */
class Pair implements AsyncDisposable {
  readonly #folder = new Folder();
  readonly port: number;
  readonly icc: ChannelHost;
  readonly rtc: ChannelHost;

  constructor(extra = "") {
    this.port = freePorts(3);
    const table = this.#folder.file("table.toml");
    Deno.writeTextFileSync(
      table,
      `[hosts.icc]
role = "ICC"
address = "localhost"
[hosts.rtc]
role = "RTC"
address = "127.0.0.1"
${extra}
[channels.tweeter]
streams = "dm01disp{00..02}"
from = "icc"
to = "rtc"
size = [5, 4]
type = "f32"
port = ${this.port}
`,
    );
    this.icc = new ChannelHost("ICC", table);
    this.rtc = new ChannelHost("RTC", table);
  }

  get table(): string {
    return this.#folder.file("table.toml");
  }

  file(name: string): string {
    return this.#folder.file(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.icc[Symbol.asyncDispose]();
    await this.rtc[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

function processExists(pid: number): boolean {
  try {
    return !Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
  } catch {
    return false;
  }
}

Deno.test("shmim bridge sets both ends up by name, tells how they do, and stops them", async () => {
  await using pair = new Pair();
  const { icc, rtc } = pair;
  const listening = await rtc.bridge(["dm01disp0[01]"]);
  assertEquals([listening.code, listening.out], [0, ""], listening.err);
  assertEquals(
    listening.err.trim().split("\n"),
    [0, 1].map((i) => `dm01disp0${i} <- 127.0.0.1:${pair.port + i}: listening`),
  );
  assertEquals((await rtc.bridge(["--status"])).code, 5, "no peer");
  const up = await icc.bridge(["dm01disp00", "dm01disp01"]);
  assertEquals(up.code, 0, up.err);
  assertStringIncludes(
    up.err,
    `dm01disp01 -> 127.0.0.1:${pair.port + 1}: up\n`,
  );
  using source = Stream.open("dm01disp00", { dir: icc.streams.path });
  using destination = Stream.open("dm01disp00", { dir: rtc.streams.path });
  assertEquals([source.size, source.type], [[5, 4], "f32"]);
  for (let n = 1; n <= 5; n++) {
    source.write(new Float32Array(20).fill(n));
    await until("the frame", () => destination.read().pixels[19] === n);
  }
  const again = await icc.bridge(["dm01disp0?", "--json"]);
  assertEquals(again.code, 3, "dm01disp02 has no receiver");
  assertEquals(
    json(again.out).map((row: Record<string, unknown>) => [
      row.channel,
      row.condition,
      row.running,
    ]),
    [
      ["dm01disp00", "up", true],
      ["dm01disp01", "up", true],
      ["dm01disp02", "refused", true],
    ],
  );
  await until("the count", async () => {
    const status = await icc.status("dm01disp00");
    return status.frames >= 5 && status.skipped === 0;
  });
  const table = await icc.bridge(["--status"]);
  assertEquals(table.code, 3);
  assertMatch(table.out, /● dm01disp00 +-> 127\.0\.0\.1:\d+ +up /);
  assertMatch(table.out, /● dm01disp02 +-> 127\.0\.0\.1:\d+ +refused /);
  assertMatch(table.out, /\n {4}no receiver at 127\.0\.0\.1:\d+ \(refused\)/);
  const { pid } = await icc.status("dm01disp00");
  const stopped = await icc.bridge(["--stop", "dm01disp00"]);
  assertEquals([stopped.code, stopped.err], [0, "dm01disp00: stopped\n"]);
  assertEquals(processExists(pid), false);
  assert(source.semaphores().every(({ readerPid }) => readerPid <= 0));
  const twice = await icc.bridge(["--stop", "dm01disp00"]);
  assertEquals([twice.code, twice.err], [0, "dm01disp00: did not run\n"]);
  assertEquals((await icc.bridge(["--status", "dm01disp00"])).code, 1);
  assertEquals((await icc.bridge(["--stop", "--all"])).code, 0);
  assertEquals(
    [...Deno.readDirSync(icc.state)].map(({ name }) => name).sort(),
    ["dm01disp00.log", "dm01disp01.log", "dm01disp02.log"],
  );
  assertMatch(
    icc.log("dm01disp00"),
    /Z connected to [^\n]+\n(.*\n)*.*Z stopped\n$/,
  );
});

Deno.test("shmim bridge refuses a size that disagrees, and goes on trying where it is refused", async () => {
  await using pair = new Pair();
  const { icc, rtc } = pair;
  Stream.create("dm01disp00", {
    dir: icc.streams.path,
    size: [5, 5],
    type: "f32",
  }).close();
  const before = Deno.readFileSync(icc.streams.stream("dm01disp00"));
  const wrong = await icc.bridge(["dm01disp00"]);
  assertEquals(wrong.code, 1);
  assertMatch(
    wrong.err,
    /^dm01disp00[^\n]+: failed: Stream [^\n]+5x5[^\n]*\n$/,
  );
  assertEquals(Deno.readFileSync(icc.streams.stream("dm01disp00")), before);
  assertEquals((await icc.status("dm01disp00")).running, false);
  const checked = await icc.bridge(["--check"]);
  assertEquals(checked.code, 1);
  assertStringIncludes(
    checked.out,
    `${pair.table}:8:11: "dm01disp00" is 5x4 f32 here, the stream`,
  );
  const refused = await icc.bridge(["dm01disp01"]);
  assertEquals(refused.code, 3);
  assertMatch(
    refused.err,
    /: refused: no receiver at [^\n]+; it goes on trying/,
  );
  assertEquals((await icc.bridge(["--status", "dm01disp01"])).code, 3);
  // It goes on trying: the other end may come later.
  assertEquals((await rtc.bridge(["dm01disp01"])).code, 0);
  await icc.until("dm01disp01", "up");
  assertEquals(
    (await icc.bridge(["dm01disp01"])).err.trim().endsWith("up already"),
    true,
  );
  const none = await icc.bridge(["cam", "--to", `127.0.0.1:${pair.port}`]);
  assertEquals(none.code, 1);
  assertStringIncludes(none.err, "cam");
});

Deno.test("shmim bridge: a killed process is told, and started again", async () => {
  await using pair = new Pair();
  const { rtc } = pair;
  await rtc.bridge(["dm01disp00"]);
  const { pid } = await rtc.status("dm01disp00");
  Deno.kill(pid, "SIGKILL");
  await rtc.until("dm01disp00", "crashed");
  const { code, out } = await rtc.bridge(["--status"]);
  assertEquals(code, 1);
  assertStringIncludes(out, `its process ${pid} ended without a word`);
  await rtc.bridge(["--stop", "dm01disp00"]);
  assertEquals(
    [...Deno.readDirSync(rtc.state)].filter(({ name }) =>
      !name.endsWith(".log")
    ),
    [],
  );
  assertEquals((await rtc.bridge(["dm01disp00"])).code, 0);
  Deno.kill((await rtc.status("dm01disp00")).pid, "SIGKILL");
  await rtc.until("dm01disp00", "crashed");
  assertEquals((await rtc.bridge(["dm01disp00"])).code, 0, "without --stop");
  const next = await rtc.status("dm01disp00");
  assert(next.pid !== pid && next.running);
  Deno.kill(next.pid, "SIGSTOP");
  await rtc.until("dm01disp00", "stuck");
  const stop = await rtc.bridge(["--stop", "dm01disp00", "--timeout", "0.3"]);
  assertEquals(stop.code, 1);
  assertStringIncludes(
    stop.err,
    `its process ${next.pid} does not end; kill it`,
  );
  Deno.kill(next.pid, "SIGCONT");
  await until(
    "its end",
    () => !new ChannelFiles(rtc.state, "dm01disp00").running,
  );
});

testWhere(
  "shmim bridge outlives the terminal that it was typed in",
  program("tmux", "tmux"),
  async () => {
    await using pair = new Pair();
    const { rtc } = pair;
    {
      await using terminal = await Terminal.open({
        columns: 100,
        rows: 20,
        env: rtc.env,
        cwd: "/tmp",
      });
      await terminal.type(
        `${Deno.execPath()} run -q -A ${CLI} bridge dm01disp02; echo code $?`,
      );
      await until(
        "it listens",
        async () => (await terminal.text()).includes("code 0"),
      );
    } // the terminal and its session are gone
    const status = await rtc.status("dm01disp02");
    assertEquals([status.running, status.condition], [true, "waiting"]);
    const stat = Deno.readTextFileSync(`/proc/${status.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    assertEquals(
      [fields[3], fields[4]],
      [String(status.pid), "0"],
      "session, tty",
    );
    const { code } = await rtc.bridge(["--stop", "--all"]);
    assertEquals([code, processExists(status.pid)], [0, false]);
  },
);

Deno.test("shmim bridge --ssh starts the receiver at the other end", async () => {
  await using pair = new Pair();
  const { icc, rtc } = pair;
  Deno.mkdirSync(pair.file("bin"));
  const env = Object.entries(rtc.env).map(([name, value]) =>
    `${name}='${value}'`
  );
  const shmim = pair.file("bin/shmim");
  Deno.writeTextFileSync(
    shmim,
    `#!/bin/sh\nexec ${Deno.execPath()} run -q -A ${CLI} "$@"\n`,
    { mode: 0o755 },
  );
  // A stand-in: runs the command here, as the other host.
  Deno.writeTextFileSync(
    pair.file("bin/ssh"),
    `#!/bin/sh
echo "$@" >> ${pair.file("ssh.log")}
while [ "$1" != -- ]; do shift; done
[ "$2" = 127.0.0.1 ] || { echo "ssh: no route to $2" >&2; exit 255; }
export ${env.join(" ")}
exec sh -c "$3"
`,
    { mode: 0o755 },
  );
  const path = { PATH: `${pair.file("bin")}:${Deno.env.get("PATH")}` };
  const lost = await icc.bridge(["dm01disp00", "--ssh", "elsewhere"], {
    env: path,
  });
  assertEquals(lost.code, 3);
  assertMatch(
    lost.err,
    /ssh elsewhere could not [^\n]+: ssh: no route to elsewhere/,
  );
  const up = await icc.bridge(["dm01disp00", "--ssh"], { env: path });
  assertEquals(up.code, 0, up.err);
  assertEquals((await rtc.status("dm01disp00")).condition, "up");
  const before = Deno.readTextFileSync(pair.file("ssh.log"));
  assertStringIncludes(
    before,
    "-- 127.0.0.1 shmim bridge dm01disp00 --listen 127.0.0.1:",
  );
  await icc.bridge(["dm01disp00", "--ssh"], { env: path });
  assertEquals(Deno.readTextFileSync(pair.file("ssh.log")), before, "it is up");
  // Without a table, to an IPv6 address.
  const six = `[::1]:${freePorts(1)}`;
  Stream.create("six", { dir: icc.streams.path, size: [3], type: "u8" })
    .close();
  const away = await icc.bridge(
    ["six", "--to", six, "--ssh", "127.0.0.1"],
    { env: path },
  );
  assertEquals([away.code, away.err], [0, `six -> ${six}: up\n`]);
  assertEquals((await rtc.status("six")).address, six);
});

Deno.test("shmim bridge --foreground runs in this process, for a service manager", async () => {
  await using pair = new Pair();
  const { icc, rtc } = pair;
  await using receiver = new Running(["bridge", "dm01disp00", "--foreground"], {
    env: rtc.env,
  });
  await rtc.until("dm01disp00", "waiting");
  assertEquals((await rtc.status("dm01disp00")).pid, receiver.pid);
  await using second = new Running(["bridge", "dm01disp00", "--foreground"], {
    env: rtc.env,
  });
  assertEquals(await second.ended(), 1);
  assertStringIncludes(second.err, "is run by another process already");
  assertEquals((await icc.bridge(["dm01disp00"])).code, 0);
  assertEquals(await receiver.end(), 143);
  assertMatch(receiver.err, /Z \S+ sends "dm01disp00" 5x4 f32 into/);
  await using third = new Running(["bridge", "dm01disp00", "--foreground"], {
    env: rtc.env,
  });
  await rtc.until("dm01disp00", "up");
  await rtc.bridge(["--stop", "dm01disp00"]);
  assertEquals(await third.ended(), 0, third.err);
});

Deno.test("shmim bridge --listen holds peers against --allow; a taken port is told", async () => {
  await using pair = new Pair();
  const { icc, rtc } = pair;
  const address = `127.0.0.1:${pair.port}`;
  Stream.create("cam", { dir: icc.streams.path, size: [3], type: "u8" })
    .close();
  const listen = ["cam", "--listen", address, "--allow", "192.0.2.7"];
  assertEquals((await rtc.bridge(listen)).code, 0);
  const taken = await rtc.bridge(["other", "--listen", address]);
  assertEquals(taken.code, 1);
  assertMatch(
    taken.err,
    /^other [^\n]+: failed: Port \d+ [^\n]+ is taken [^\n]+\n$/,
  );
  const other = await rtc.bridge(["cam", "--listen", String(pair.port + 1)]);
  assertEquals(other.code, 1);
  assertStringIncludes(other.err, `cam: it listens on ${address} already`);
  const refused = await icc.bridge(["cam", "--to", `rtc:${pair.port}`]);
  assertEquals(refused.code, 3, refused.err);
  assertMatch(refused.err, /^cam -> 127\.0\.0\.1:\d+: refused: [^\n]+ closed/);
  assertStringIncludes(rtc.log("cam"), "is not among those of --allow");
});

Deno.test("shmim bridge --list shows the table, this host's part and patterns", async () => {
  await using pair = new Pair();
  const { icc } = pair;
  const { code, out } = await icc.bridge(["--list", "*0[12]"]);
  assertEquals(code, 0);
  assertEquals(out.trim().split("\n").length, 3);
  assertMatch(out, /^channel +way +size +type +receiver /);
  const rows = json((await icc.bridge(["--list", "--json"])).out);
  assertEquals(rows[1], {
    channel: "dm01disp01",
    group: "tweeter",
    from: "icc",
    to: "rtc",
    size: [5, 4],
    type: "f32",
    address: `127.0.0.1:${pair.port + 1}`,
    wire: "milk",
    policy: "latest",
    part: "transmit",
  });
});

const WRONG: readonly (readonly [readonly string[], number, string])[] = [
  [[], 2, "CHANNEL is missing"],
  [["--ssh", "dm01disp00"], 2, "was taken for the host of --ssh"],
  [["--stop"], 2, "--stop takes CHANNEL, or --all"],
  [["--stop", "x", "--all"], 2, "--stop takes CHANNEL, or --all"],
  [["--list", "--check"], 2, "--list and --check exclude each other"],
  [["a", "--to", "rtc"], 2, '--to takes HOST:PORT, not "rtc"'],
  [["a", "--to", "rtc:0"], 2, "--to takes 1 to 65535, not 0"],
  [["a", "--listen"], 2, "--listen needs a value: [ADDRESS:]PORT"],
  [["a", "--wire", "shmim"], 2, "--wire goes with --to or --listen"],
  [["a", "--to", "r:1", "--queue", "4"], 2, "add --wire shmim"],
  [["a", "b", "--to", "rtc:1"], 2, "take one STREAM"],
  [["a/b", "--to", "rtc:1"], 2, "Not a stream name"],
  [["dm01disp07"], 1, 'has no channel "dm01disp07"'],
  [["--status", "nobody"], 1, 'There is no channel "nobody" here'],
  [
    ["dm01disp00", "--role", "AOC"],
    1,
    'has the role "AOC" (there are: ICC, RTC)',
  ],
  [
    ["dm01disp00", "--config", "/nowhere.toml"],
    1,
    'no channel table "/nowhere.toml"',
  ],
];

Deno.test.each(WRONG)(
  "shmim bridge %s ends with %s",
  async (words, expected, said) => {
    await using pair = new Pair();
    const { code, out, err } = await pair.icc.bridge(words);
    assertEquals([code, out], [expected, ""], err);
    assertStringIncludes(err, said);
    assertEquals(err.trim().split("\n").length, 1);
  },
);

Deno.test("shmim bridge tells of a broken table with its place", async () => {
  await using pair = new Pair("role = 1\nadress = 1");
  const { icc } = pair;
  const one = await icc.bridge(["dm01disp00"]);
  assertEquals(one.code, 1);
  assertMatch(
    one.err,
    /table\.toml:7:1: "role" is given twice, first in line 5 \(and 1 more\); shmim bridge --check shows all\n$/,
  );
  const all = await icc.bridge(["--check"]);
  assertEquals(all.code, 1);
  assertEquals(all.out.trim().split("\n").length, 2);
  assertMatch(all.err, /^shmim: 2 problems in /);
});
