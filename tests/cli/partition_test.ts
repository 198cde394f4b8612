/** Daemons, their control, shares and mounts, as users call them. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  readRegistry,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import { IPC_CREAT, Xp } from "../../src/partition/xp.ts";
import { StreamForReadingError } from "../../src/stream/reading_link.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import {
  done,
  Folder,
  json,
  type Outcome,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { has, program, testWhere } from "../_support/skip.ts";

/** A host with daemons in the background; whatever runs is ended. */
class Host implements AsyncDisposable {
  readonly folder: Folder = new Folder();
  readonly run: string = this.folder.file("run");

  dir(unit: number): string {
    const path = this.folder.file(`streams${unit}`);
    Deno.mkdirSync(path, { recursive: true });
    return path;
  }

  words(unit: number, words: readonly string[]): string[] {
    return [...words, "--unit", `${unit}`, "--run", this.run];
  }

  /** Runs a command for a unit. */
  shmim(unit: number, ...words: string[]): Promise<Outcome> {
    return shmim(this.words(unit, words), { folder: this.folder });
  }

  /** Runs one that must do well. */
  done(unit: number, ...words: string[]): Promise<string> {
    return done(this.words(unit, words), { folder: this.folder });
  }

  /** Runs one that must fail, and gives its one line. */
  async fails(unit: number, ...words: string[]): Promise<string> {
    const { code, out, err } = await this.shmim(unit, ...words);
    assertEquals([code, out], [1, ""], err);
    assertMatch(err, /^shmim: [^\n]+\n$/);
    return err;
  }

  /** Starts unit N as partition N + 1. */
  async up(unit: number, ...words: string[]): Promise<number> {
    const partition = `${unit + 1}`;
    const out = await this.done(
      unit,
      "ctl",
      "startup",
      "--partition",
      partition,
      "--dir",
      this.dir(unit),
      ...words,
    );
    const match = new RegExp(
      `^partition ${partition} is up: unit ${unit}, pid (\\d+)\n$`,
    ).exec(out);
    assert(match !== null, out);
    return Number(match[1]);
  }

  camera(unit: number, name = "cam"): Stream {
    const dir = this.dir(unit);
    return Stream.create(name, { dir, size: [4, 3], type: "u16" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const unit of [0, 1, 2]) {
      try {
        const text = Deno.readTextFileSync(`${this.run}/unit-${unit}.json`);
        const { pid, up } = json(text);
        if (up) Deno.kill(pid, "SIGKILL");
      } catch {
        // not started, damaged or dead
      }
    }
    try {
      for (const one of readRegistry(this.run).segments) removeFromKernel(one);
    } catch {
      // it was never made
    }
    this.folder[Symbol.dispose]();
    await Promise.resolve();
  }
}

const frame = (value: number): Uint16Array<ArrayBuffer> =>
  new Uint16Array(12).fill(value);

Deno.test("ctl startup is idempotent, getcfg and limits answer, shutdown releases", async () => {
  await using host = new Host();
  assertMatch(await host.fails(0, "ctl", "getcfg"), /ctl startup/);
  const pid = await host.up(0);
  const again = await host.done(0, "ctl", "startup");
  assertEquals(again, `partition 1 is up: unit 0, pid ${pid} (already)\n`);
  assertEquals((Deno.lstatSync(host.run).mode ?? 0) & 0o777, 0o700);
  assertMatch(
    await host.fails(0, "ctl", "startup", "--partition", "9"),
    /up as partition 1, not 9/,
  );
  assertMatch(
    await host.fails(1, "ctl", "startup", "--partition", "1"),
    /Partition 1 is unit 0's/,
  );
  await host.done(0, "ctl", "maxpgs", "7");
  await host.done(0, "ctl", "timeout", "2.5");
  const config = json(await host.done(0, "ctl", "getcfg", "--json"));
  assertEquals(
    [config.partition, config.maxpgs, config.pages, config.timeoutS],
    [1, 7, 0, 2.5],
  );
  const xp = new Xp({ run: host.run });
  const id = xp.shmget(xp.ftok(null, 1), 5 * 4096, IPC_CREAT);
  assertMatch(await host.fails(0, "ctl", "maxpgs", "4"), /have 5 pages/);
  // The daemon's own pages: one holds a handful of shares.
  await host.done(0, "ctl", "maxdpgs", "1");
  host.camera(0).close();
  let refused = "";
  for (let n = 0; n < 40 && refused === ""; n++) {
    const dir = host.dir(0);
    Deno.symlinkSync("cam.im.shm", `${dir}/${"x".repeat(60)}${n}.im.shm`);
    const { err, code } = await host.shmim(0, "share", `${"x".repeat(60)}${n}`);
    if (code !== 0) refused = err;
  }
  assertMatch(refused, /maxdpgs = 1 pages/);
  assertMatch(await host.done(0, "ctl", "shutdown"), /segments removed: 1/);
  assertMatch(await host.fails(0, "ctl", "status"), /No daemon runs/);
  assertEquals(
    Deno.readDirSync(host.run).some(({ isSymlink, name }) =>
      isSymlink || name.endsWith(".sock")
    ),
    false,
  );
  const { code, err } = await host.shmim(0, "ctl", "diag");
  assertEquals(code, 1);
  assertMatch(err, /No partition/);
  assert(id >= 0);
});

Deno.test("a stream of one partition is the same memory in another", async () => {
  await using host = new Host();
  await host.up(0);
  await host.up(1);
  using camera = host.camera(0);
  assertMatch(await host.fails(1, "mount", "1:cam"), /shares no "cam"/);
  assertMatch(await host.fails(0, "share", "none"), /none/);
  await host.done(0, "share", "cam", "--with", "9");
  assertMatch(
    await host.fails(1, "mount", "1:cam"),
    /partitions 9, not with 2/,
  );
  await host.done(0, "share", "cam", "--with", "2");
  const far = ["mount", "1:cam", "--as", "far"];
  assertMatch(
    await host.fails(1, ...far, "--write"),
    /shares "cam" for reading only: there, "shmim share cam --write"/,
  );
  await host.done(1, ...far);
  await host.done(1, ...far); // the same once more
  {
    // Our own tools write nothing there; whoever may write the file, does.
    const path = `${host.dir(1)}/far.im.shm`;
    using reader = Stream.open(path);
    assertThrows(
      () => reader.write(frame(1)),
      StreamForReadingError,
      "is mounted for reading",
    );
    assertThrows(() => reader.publish(frame(1)), StreamForReadingError);
    assertThrows(() => reader.poke(), StreamForReadingError);
    assertThrows(() => reader.setKeywords([]), StreamForReadingError);
    const { code, err } = await shmim(["poke", path]);
    assertEquals([code, /mounted for reading/.test(err)], [1, true]);
    assertEquals(camera.cnt0, 0n);
  }
  await host.done(0, "share", "cam", "--with", "2", "--write");
  assertMatch(
    await host.fails(1, ...far, "--write"),
    /"far" is mounted for reading: "shmim umount far" first/,
  );
  await host.done(1, "umount", "far");
  await host.done(1, ...far, "--write");
  assertMatch(await host.fails(0, "mount", "1:cam"), /is this one/);
  assertMatch(await host.fails(1, "mount", "3:cam"), /No partition 3/);
  {
    using far = Stream.open("far", { dir: host.dir(1) });
    camera.write(frame(7));
    assertEquals(far.cnt0, 1n);
    assertEquals(far.read().pixels[0], 7);
    far.write(frame(8));
    assertEquals(camera.read().pixels[11], 8);
  }
  const listed = json(await host.done(0, "shares", "--json"));
  assertEquals(listed.shares[0].mountedBy, [2]);
  assertMatch(
    await host.fails(0, "ctl", "shutdown"),
    /partition 2 has "cam" mounted as ".*far\.im\.shm"; --force/,
  );
  // What is really there is left alone.
  Stream.create("taken", { dir: host.dir(1), size: [1], type: "u8" }).close();
  assertMatch(await host.fails(1, "mount", "1:cam", "--as", "taken"), /exists/);
  await host.done(0, "unshare", "cam");
  const place = `${host.dir(1)}/far.im.shm`;
  const there = (): boolean => {
    try {
      return Deno.lstatSync(place).isSymlink;
    } catch {
      return false;
    }
  };
  await until("the name goes", () => !there());
  assertMatch(await host.done(1, "shares"), /waiting: Partition 1 shares no/);
  await host.done(0, "share", "cam"); // but for writing it was mounted
  await until(
    "it waits",
    async () =>
      /for reading only/.test(await host.done(1, "shares")) && !there(),
  );
  await host.done(0, "share", "cam", "--write");
  await until("the name comes back", there);
  await host.done(1, "umount", "far");
  assertEquals(there(), false);
  assertMatch(await host.fails(1, "umount", "far"), /Nothing is mounted/);
  assertEquals(camera.read().pixels[0], 8);
  await host.done(0, "ctl", "shutdown");
});

Deno.test("killed daemons leave everything working, and the next ones take over", async () => {
  await using host = new Host();
  const pids = [await host.up(0), await host.up(1)];
  using camera = host.camera(0);
  await host.done(0, "share", "cam");
  await host.done(1, "mount", "1:cam");
  const xp = new Xp({ run: host.run });
  const key = xp.ftok(null, 1);
  const id = xp.shmget(key, 64, IPC_CREAT);
  using memory = xp.shmat(id);
  for (const pid of pids) Deno.kill(pid, "SIGKILL"); // both at once
  const { code, out } = await host.shmim(0, "ctl", "diag");
  assertEquals(code, 1);
  assertMatch(out, /FAULT +daemon died/);
  assertMatch(await host.fails(0, "ctl", "status"), /died.*takes over/);
  {
    using far = Stream.open("cam", { dir: host.dir(1) });
    camera.write(frame(3));
    assertEquals(far.read().pixels[5], 3);
    const other = new Xp({ run: host.run, unit: 1 });
    using theirs = other.shmat(other.shmget(key, 64));
    theirs.update(0, new Uint8Array([42]));
    assertEquals(memory.read(0, 1), new Uint8Array([42]));
  }
  const next = await host.up(0);
  assert(next !== pids[0]);
  await host.up(1);
  const status = json(await host.done(1, "ctl", "status", "--json"));
  assertEquals([status.starts, status.mounts], [2, 1]);
  assertMatch(status.events[0].message, /took over from pid \d+.*1 mounts/);
  assertEquals(status.waiting, {});
  assertEquals(json(await host.done(0, "shares", "--json")).shares.length, 1);
  await host.done(0, "ctl", "diag");
});

Deno.test("shutdown says which process has a segment; --force ends it for new users", async () => {
  await using host = new Host();
  await host.up(0);
  await using child = Child.start(`
    import { Xp, IPC_CREAT } from "${moduleUrl("src/partition/xp.ts")}";
    const xp = new Xp({ run: ${JSON.stringify(host.run)} });
    const memory = xp.shmat(xp.shmget(xp.ftok(null, 1), 64, IPC_CREAT));
    console.log("attached");
    for await (const _ of Deno.stdin.readable) {
      memory.update(0, new Uint8Array([9]));
      console.log(memory.read(0, 1)[0]);
    }
  `);
  await child.line();
  assertMatch(
    await host.fails(0, "ctl", "shutdown"),
    new RegExp(`pid ${child.pid} of partition 1 has segment \\d+`),
  );
  const { code, err } = await host.shmim(0, "ctl", "shutdown", "--force");
  assertEquals(code, 0);
  assertMatch(err, new RegExp(`all the same: pid ${child.pid}`));
  await child.say("go on");
  assertEquals(await child.line(), "9"); // alive for who has it
});

Deno.test("a state file cut short is set aside, one of a newer version left alone", async () => {
  await using host = new Host();
  const pid = await host.up(0);
  Deno.kill(pid, "SIGKILL");
  const path = `${host.run}/unit-0.json`;
  const whole = Deno.readTextFileSync(path);
  await until("its end", () => {
    try {
      Deno.kill(pid, "SIGCONT");
      return false;
    } catch {
      return true;
    }
  });
  Deno.writeTextFileSync(path, whole.replace('"version":1', '"version":2'));
  assertMatch(
    await host.fails(0, "ctl", "startup"),
    /version 2, this shmim knows 1: it is left alone/,
  );
  for (const length of [0, 1, whole.length >> 1, whole.length - 3]) {
    Deno.writeTextFileSync(path, whole.slice(0, length));
    assertMatch(await host.fails(0, "ctl", "getcfg"), /cut short|died|unit 0/);
    const next = await host.up(0);
    assertEquals(Deno.readTextFileSync(`${path}.damaged`).length, length);
    const status = json(await host.done(0, "ctl", "status", "--json"));
    assertMatch(status.events[0].message, /cut short.*set aside/);
    Deno.kill(next, "SIGKILL");
  }
});

Deno.test("mounts in a ring lead to one stream; names cannot close a circle", async () => {
  await using host = new Host();
  await host.up(0);
  await host.up(1);
  await host.up(2);
  using camera = host.camera(0);
  await host.done(0, "share", "cam");
  for (const [unit, from] of [[1, 1], [2, 2]] as const) {
    await host.done(unit, "mount", `${from}:cam`);
    await host.done(unit, "share", "cam");
  }
  assertMatch(await host.fails(0, "mount", "3:cam"), /exists and is another/);
  await host.done(0, "mount", "3:cam", "--as", "back");
  using back = Stream.open("back", { dir: host.dir(0) });
  camera.write(frame(5));
  assertEquals(back.read().pixels[0], 5);
});

Deno.test("an owner that was shut down comes back, and so do its mounts", async () => {
  await using host = new Host();
  const config = host.folder.file("p.toml");
  Deno.writeTextFileSync(
    config,
    'partition = 1\nmaxpgs = 12\n[[share]]\nstream = "cam"\nwith = [2]\n',
  );
  host.camera(0).close();
  const start = ["ctl", "startup", "--config", config, "--dir", host.dir(0)];
  await host.done(0, ...start);
  await host.up(1);
  await host.done(1, "mount", "1:cam");
  const there = (): boolean => {
    try {
      return Deno.statSync(`${host.dir(1)}/cam.im.shm`).isFile;
    } catch {
      return false;
    }
  };
  await host.done(0, "ctl", "shutdown", "--force");
  await until("it waits", () => !there());
  await host.done(0, ...start); // what the file says is shared again
  assertEquals(json(await host.done(0, "ctl", "getcfg", "--json")).maxpgs, 12);
  await until("it is back", there);
  Deno.writeTextFileSync(config, "maxpages = 3\n");
  const { code, err } = await host.shmim(2, "daemon", "--config", config);
  assertEquals(code, 2);
  assertMatch(err, /"maxpages" is unknown; known: .*maxpgs/);
});

Deno.test("metrics are what Prometheus reads, on the socket and on a port", async () => {
  await using host = new Host();
  await using daemon = new Running(
    host.words(0, ["daemon", "--metrics", "0", "--log", "json"]),
    { folder: host.folder },
  );
  const [, url = ""] = await daemon.says(/metrics on (http[^"]+)/);
  await until("it is up", () => daemon.out.includes("is up"));
  assertEquals(json(daemon.err.split("\n")[0] ?? "").level, "note");
  const response = await fetch(url);
  const text = await response.text();
  assertMatch(text, /^shmim_partition_up\{[^\n]*\} 1$/m);
  const own = await host.done(0, "ctl", "metrics");
  assertMatch(own, /^shmim_daemon_requests_total\{.*\} 1$/m);
  if (has(program("promtool", "prometheus"), "promtool on the metrics")) {
    const child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(own));
    await writer.close();
    const { code, stderr } = await child.output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  }
  assertEquals(await daemon.end(), 143);
});

testWhere(
  "systemd is told that the daemon is ready, lives, and stops",
  program("python3", "python3"),
  async () => {
    await using host = new Host();
    const path = host.folder.file("notify");
    await using systemd = Child.spawn("python3", [
      "-uc",
      `import socket\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\n` +
      `s.bind(${JSON.stringify(path)})\nprint("bound")\n` +
      `while True: print(s.recv(99).decode().strip())`,
    ]);
    assertEquals(await systemd.line(), "bound");
    await using daemon = new Running(host.words(0, ["daemon"]), {
      folder: host.folder,
      env: { NOTIFY_SOCKET: path, WATCHDOG_USEC: "30000" },
    });
    assertEquals(await systemd.line(), "READY=1");
    assertEquals(await systemd.line(), "WATCHDOG=1");
    assertEquals(await daemon.end(), 143);
    let last = "";
    while (last !== "STOPPING=1") last = await systemd.line();
  },
);

Deno.test.each(
  ["partition=1", "config=a", "dir=a", "metrics=1", "log=json", "reach=a"],
)(
  "shmim ctl status --%s is wrong usage: it belongs to startup",
  async (option) => {
    const name = option.replace(/=.*/, "");
    const { code, out, err } = await shmim(["ctl", "status", `--${option}`]);
    assertEquals([code, out], [2, ""]);
    assertEquals(
      err,
      `shmim: --${name} belongs to startup (shmim ctl --help)\n`,
    );
  },
);

Deno.test("shmim daemon --log json: every line of both outputs is an event", async () => {
  await using host = new Host();
  const words = ["daemon", "--log", "json", "--dir", host.dir(0)];
  await using daemon = new Running(
    host.words(0, [...words, "--metrics", "0", "--partition", "1"]),
    { folder: host.folder },
  );
  await until("it is up", () => daemon.out.includes("is up"));
  host.camera(0).close();
  await host.done(0, "share", "cam");
  // Another one of this unit fails, and one of this partition.
  const failed = [
    await shmim(host.words(0, words), { folder: host.folder }),
    await shmim(host.words(1, [...words, "--partition", "1"]), {
      folder: host.folder,
    }),
  ];
  await host.done(0, "ctl", "shutdown");
  assertEquals(await daemon.ended(), 0);
  const events = (text: string): { level: string; message: string }[] =>
    text.split("\n").slice(0, -1).map((line) => {
      const { time, level, message } = json(line);
      assert(!Number.isNaN(Date.parse(time)), line);
      return { level, message };
    });
  assertEquals(events(daemon.out).map(({ message }) => message), [
    `partition 1 is up: unit 0, pid ${daemon.pid}`,
  ]);
  const said = events(daemon.err).map(({ message }) => message).join("\n");
  assertMatch(
    said,
    /^metrics on http:[^]*shares "cam"[^]*shut down; removed 0/,
  );
  for (const { code, out, err } of failed) {
    assertEquals([code, out], [1, ""]);
    assertEquals(events(err).map(({ level }) => level), ["error"]);
  }
  // What starts one in the background reads that, too.
  await host.up(0, "--log", "json");
});
