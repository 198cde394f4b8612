/** `shmim device` and `shmim client`, as processes. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { processStartNs } from "../../ffi/process.ts";
import { DeviceSegment } from "../../src/sysv/device_segment.ts";
import { Segment } from "../../src/sysv/segment.ts";
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
import { run } from "../_support/child.ts";
import { program, testWhere } from "../_support/skip.ts";
import { endsDevice } from "../sysv/_support.ts";
import { Terminal } from "../_support/terminal.ts";

/** Where the device of a folder is found. */
function place(folder: Folder): { path: string; id: number } {
  return { path: folder.path, id: 68 };
}

function segmentOf(folder: Folder): number | undefined {
  try {
    return Segment.open(place(folder)).shmid;
  } catch {
    return undefined;
  }
}

/** Whether a process has a file open. */
function leadsTo(pid: number, path: string): boolean {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/${pid}/fd/${name}`) === path;
    } catch {
      return false; // closed meanwhile
    }
  });
}

Deno.test("shmim device takes its prompt's words from a pipe", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["device", "sin", "2.0"], {
    folder,
    stdin: "status\nstop\nconfig\nTRI\n3\n# a remark\nconfig\n\n4\nstatus\n" +
      "config QUA 5\nhelp\nexit\nstatus\n",
  });
  assertEquals(code, 0, err);
  const lines = out.split("\n");
  const settings = (text: string): RegExp =>
    new RegExp(
      `^running: ${text} s, 10 bits, a sample every 0.1 s; sample \\d+, value ` +
        `\\d+, \\d+ missed; segment \\d+, key 0x44[0-9a-f]{6} of ` +
        `"${folder.path}:68", pid \\d+$`,
    );
  assertMatch(lines[0] ?? "", settings("SIN, period 2"));
  assertEquals(lines.slice(1, 4), [
    "stopped",
    "configured: TRI, period 3 s",
    "configured: TRI, period 4 s",
  ]);
  assertMatch(lines[4] ?? "", settings("TRI, period 4"));
  assertEquals(lines[5], "configured: QUA, period 5 s");
  assertMatch(lines[6] ?? "", /^start +the wave begins again$/);
  assertEquals(lines.slice(-2), ["ended, the segment is removed", ""]);
  assertEquals(segmentOf(folder), undefined);
});

Deno.test("shmim device: a word that is none is told, and fails at the end", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["device", "SIN", "2"], {
    folder,
    stdin: "reboot\nconfig\nCOS\n3\nstop\n",
  });
  assertEquals([code, out], [1, "stopped\n"]);
  assertMatch(err, /^shmim device: Unknown word "reboot": start, [^\n]+$/m);
  assertMatch(err, /^shmim device: A wave is SIN, QUA, TRI, not "COS"; noth/m);
  assertEquals(segmentOf(folder), undefined); // the input's end ends it, too
});

Deno.test.each(
  [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129], ["SIGQUIT", 131]] as [
    Deno.Signal,
    number,
  ][],
)("shmim device: its segment goes with %s", async (signal, code) => {
  using folder = new Folder();
  await using device = new Running(["device", "SIN", "2", "--serve"], {
    folder,
  });
  await until("its segment", () => device.out.includes("\n"));
  assert(segmentOf(folder) !== undefined);
  assertEquals(await device.end(signal), code);
  assertEquals(segmentOf(folder), undefined);
});

Deno.test("shmim device --background detaches, and --attach has the prompt", async () => {
  using folder = new Folder();
  using _ = endsDevice(place(folder));
  // Whoever started it may hold a lock, which it must not keep.
  const { code: launched, stdout: started } = await run("sh", [
    "-c",
    `exec 9>"$1/lock"; "$2" run -qA "$3" device SIN 2 --background \
      --stream sine --dir "$1" --key "$1:68"`,
    "sh",
    folder.path,
    Deno.execPath(),
    CLI,
  ]);
  assertEquals(launched, 0);
  const pid = Number(started.match(/pid (\d+)\n$/)?.[1]);
  assertEquals(
    segmentOf(folder),
    Number(started.match(/^segment (\d+),/)?.[1]),
  );
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`).split(" ");
  assertEquals(stat[5], String(pid), "a session of its own");
  assertEquals(leadsTo(pid, folder.file("lock")), false);
  for (const mode of [["--background"], []]) {
    const { code, err } = await shmim(["device", "TRI", "1", ...mode], {
      folder,
      stdin: "",
    });
    assertEquals(code, 1);
    assertMatch(
      err,
      new RegExp(`^shmim: A device \\(pid ${pid}\\) runs on [^\\n]+\\n$`),
    );
  }
  {
    using stream = Stream.open("sine", { dir: folder.path });
    assertEquals([stream.type, stream.size], ["u16", [128]]);
    using device = DeviceSegment.open(place(folder));
    const before = stream.cnt0;
    await until("two samples more", () => stream.cnt0 > before + 1n);
    const { pixels } = stream.read();
    const history = device.record()?.history ?? [];
    const newest = [...pixels.slice(-5)].map(Number);
    assertStringIncludes(history.join(), newest.join());
    assertMatch(await done(["watch", "sine", "--once"], { folder }), /128 u16/);
  }
  const { code, out } = await shmim(["device", "--attach"], {
    folder,
    stdin: "status\nstop\nnonsense\nexit\n",
  });
  assertEquals(code, 1); // one of its lines could not be done
  assertMatch(out, /^running: SIN, [^\n]+\nstopped\nended, [^\n]+\n$/);
  await until("its end", () => processStartNs(pid) === undefined);
  assertEquals([segmentOf(folder), folder.names()], [undefined, ["lock"]]);
});

Deno.test("shmim device --stream leaves a stream that was there, and no other", async () => {
  using folder = new Folder();
  using kept = Stream.create("kept", {
    dir: folder.path,
    size: [128],
    type: "u32",
  });
  const words = ["device", "TRI", "1", "--resolution", "20", "--stream"];
  await done([...words, "kept"], { folder, stdin: "exit\n" });
  assert(kept.cnt0 > 0n);
  assertEquals(folder.names(), ["kept.im.shm"]);
  const other = await shmim(["device", "TRI", "1", "--stream", "kept"], {
    folder,
    stdin: "exit\n",
  });
  assertEquals(other.code, 1); // 10 bits are u16
  assertMatch(other.err, /^shmim: [^\n]+ 128 u32[^\n]*\n$/);
  assertEquals(segmentOf(folder), undefined);
});

Deno.test.each([
  [["device"]],
  [["device", "SIN"]],
  [["device", "COS", "2"]],
  [["device", "SIN", "0"]],
  [["device", "SIN", "two"]],
  [["device", "SIN", "2", "--resolution", "33"]],
  [["device", "SIN", "2", "--interval", "0"]],
  [["device", "SIN", "2", "--key", "/tmp"]],
  [["device", "SIN", "2", "--key", "/tmp:0"]],
  [["device", "SIN", "2", "--key", "/tmp:x"]],
  [["device", "SIN", "2", "--background", "--serve"]],
  [["device", "--attach", "SIN", "2"]],
  [["client", "--key", "/tmp:256"]],
  [["client", "--count", "0"]],
  [["client", "x"]],
])("shmim %s is wrong usage, in one line", async (words) => {
  const { code, out, err } = await shmim(words, { flags: [] });
  assertEquals([code, out], [2, ""]);
  assertMatch(err, /^shmim: [^\n]+\n$/);
});

Deno.test("shmim client and device: no file, no segment, one line and 1", async () => {
  using folder = new Folder();
  for (
    const [words, said] of [
      [["client"], /: there is none \(ENOENT\); "shmim device WAVE PERIOD"/],
      [["device", "--attach"], /: there is none \(ENOENT\)/],
      [
        ["client", "--key", "/tmp/none:1"],
        /key of "\/tmp\/none": no such file/,
      ],
      [
        ["device", "SIN", "2", "--key", "/tmp/none:1"],
        /key of "\/tmp\/none": no such file or folder \(ENOENT\)/,
      ],
    ] as [string[], RegExp][]
  ) {
    const { code, out, err } = await shmim(words, { folder, stdin: "" });
    assertEquals([code, out], [1, ""]);
    assertMatch(err, /^shmim: [^\n]+\n$/);
    assertMatch(err, said);
  }
});

Deno.test("shmim client reads the device, and tells what becomes of it", async () => {
  using folder = new Folder();
  await using device = new Running(
    ["device", "SIN", "2", "--serve", "--interval", "0.02"],
    { folder },
  );
  await until("its segment", () => device.out.includes("\n"));
  const words = ["client", "--interval", "0.05"];
  const out = await done([...words, "--count", "2", "--json"], { folder });
  const readings = out.trim().split("\n").map(json);
  assertEquals(readings.length, 2);
  const { sample, value, phase, ageSeconds, time, ...rest } = readings[1];
  assertEquals(rest, {
    wave: "SIN",
    periodSeconds: 2,
    intervalSeconds: 0.02,
    resolutionBits: 10,
    missed: rest.missed,
    configuration: 1,
    state: "running",
    pid: device.pid,
    events: [],
  });
  assert(sample > readings[0].sample && ageSeconds >= 0 && ageSeconds < 60);
  assert(Math.abs(value - (511.5 + 511.5 * Math.sin(2 * Math.PI * phase))) < 1);
  assert(Math.abs(Date.parse(time) - Date.now()) < 60_000);

  await using client = new Running(words, { folder });
  const row = /^sample \d+ {2}value +\d+ {2}SIN 2 s {2}age \d+\.\d{3} s\n/;
  await until("a reading", () => row.test(client.out));
  await done(["device", "--attach"], {
    folder,
    stdin: "stop\n",
  });
  await client.says(/client: the device is stopped: the last sample stands\n/);
  await done(["device", "--attach"], {
    folder,
    stdin: "start\nconfig TRI 3\n",
  });
  await client.says(/client: the device was configured anew: TRI, period 3 s/);
  await device.end("SIGKILL");
  await client.says(/client: the device \(pid \d+\) died: the last sample/);
  assertMatch(client.out, /age \d+\.\d{3} s {2}stopped\n/);
  const dead = await shmim(["client", "--count", "1"], { folder });
  assertEquals(dead.code, 1);
  assertMatch(dead.out, /TRI 3 s {2}age \d+\.\d{3} s {2}died\n$/);

  await using next = new Running(["device", "QUA", "1", "--serve"], { folder });
  await next.says(/the device before \(pid \d+\) had died/);
  await client.says(/another device \(pid \d+\) has the key: QUA, period 1 s/);
  assertEquals(await next.end(), 143);
  assertEquals(await client.ended(), 1);
  assertMatch(client.err, /shmim: The device ended: its segment is gone\n$/);
});

testWhere(
  "shmim device and client on a terminal: a prompt, and a line of samples",
  program("tmux", "tmux"),
  async () => {
    using folder = new Folder();
    await using terminal = await Terminal.open({
      columns: 100,
      rows: 20,
      env: { MILK_SHM_DIR: folder.path, NO_COLOR: "1" },
      cwd: folder.path,
    });
    const screen = (pattern: RegExp): Promise<boolean> => {
      let text = "";
      return until(() => `${pattern} in ${text}`, async () => {
        text = await terminal.text();
        return pattern.test(text);
      });
    };
    const command = `${Deno.execPath()} run -qA ${CLI}`;
    await terminal.type(`${command} device SIN 2 --interval 0.01`);
    await screen(/^device>$/m);
    await terminal.type("config");
    await screen(/^wave \(SIN, QUA, TRI; empty keeps it\):$/m);
    await terminal.type("TRI");
    await screen(/^period in s \(empty keeps it\):$/m);
    await terminal.type("0.5");
    await screen(/^configured: TRI, period 0\.5 s\ndevice>$/m);
    await terminal.type("nonsense");
    await screen(/^shmim device: Unknown word "nonsense": .*\ndevice>$/m);
    await using other = await Terminal.open({
      columns: 100,
      rows: 20,
      env: { MILK_SHM_DIR: folder.path, NO_COLOR: "1" },
      cwd: folder.path,
    });
    await other.type(`${command} client --interval 0.3 --count 9`);
    let seen = "";
    await until(() => seen, async () => {
      seen = await other.text();
      const line = /TRI 0\.5 s {2}age \d\.\d{3} s {2}([▁▂▃▄▅▆▇█]{20,})$/mg;
      return [...seen.matchAll(line)].some(([, drawn = ""]) =>
        drawn.includes("▁") && drawn.includes("█")
      );
    });
    await terminal.type("exit now");
    await screen(/exit takes no more words: "now"/);
    await terminal.press("C-d");
    await screen(/^\$$/m); // the shell's prompt
    await terminal.type("echo code $?");
    await screen(/^code 0$/m);
    assertEquals(segmentOf(folder), undefined);
  },
);
