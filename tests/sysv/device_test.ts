/** The virtual device in this process, and its clients. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { Device, type DeviceClock } from "../../src/sysv/device.ts";
import { DeviceError, DeviceSegment } from "../../src/sysv/device_segment.ts";
import { AT, LENGTH, MAGIC, type SampleRecord } from "../../src/sysv/layout.ts";
import { RemotePrompt } from "../../src/sysv/mailbox.ts";
import { DeviceReader, eventsBetween } from "../../src/sysv/reading.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { type Settings, waveSample } from "../../src/sysv/wave.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { until } from "../_support/cli.ts";
import { Keys } from "./_support.ts";

const SIN: Settings = { wave: "SIN", period: 2, resolution: 10, interval: 0.1 };

/** A clock that is moved by hand; sleepers wake late, by a fixed sequence. */
class FakeClock implements DeviceClock {
  #now = 1_000_000_000_000n;
  #seed = 1;
  /** How long it goes on, ns. */
  left: bigint;
  /** Latest that a sleeper wakes, ns. */
  readonly #latest: number;

  constructor(seconds: number, latest: number) {
    this.left = BigInt(seconds) * 1_000_000_000n;
    this.#latest = latest;
  }

  nowNs(): bigint {
    return this.#now;
  }

  realNs(): bigint {
    return this.#now;
  }

  #late(): bigint {
    this.#seed = this.#seed * 48271 % 0x7fff_ffff;
    return BigInt(Math.floor(this.#seed / 0x7fff_ffff * this.#latest));
  }

  sleepUntil(ns: bigint, signal: AbortSignal): Promise<void> {
    const wake = (ns > this.#now ? ns : this.#now) + this.#late();
    this.left -= wake - this.#now;
    if (this.left >= 0n) {
      this.#now = wake;
      return Promise.resolve();
    }
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve())
    );
  }
}

/** Runs a device on a fake clock, and returns its samples. */
async function simulate(
  seconds: number,
  latestNs: number,
): Promise<SampleRecord[]> {
  using keys = new Keys();
  const clock = new FakeClock(seconds, latestNs);
  const samples: SampleRecord[] = [];
  const device = Device.launch({
    key: keys.key(),
    settings: SIN,
    clock,
    onSample: (record) => samples.push(record),
  });
  while (clock.left >= 0n) await Promise.resolve();
  device.end();
  await device.ended;
  return samples;
}

Deno.test("Device drifts by less than a sample in ten minutes", async () => {
  const samples = await simulate(600, 30e6); // wakes up to 30 ms late
  const first = samples[0];
  const last = samples.at(-1);
  assert(first !== undefined && last !== undefined);
  assertEquals([first.sample, last.sample], [1n, 6000n]);
  assertEquals([samples.length, last.missed], [6000, 0n]);
  for (const { sample, monotonicNs, value, phase } of samples) {
    const due = Number(sample - 1n) * 0.1;
    const seconds = Number(monotonicNs - first.monotonicNs) / 1e9;
    assert(seconds >= due - 1e-9 && seconds < due + 0.1, `${sample}`);
    assertEquals(value, waveSample("SIN", phase, 10));
    const apart = Math.abs(phase - due / 2 % 1);
    assert(Math.min(apart, 1 - apart) < 1e-9, `${sample}: ${phase}`);
  }
});

Deno.test("Device counts what it misses, and keeps to its times", async () => {
  const samples = await simulate(600, 900e6); // wakes up to 0.9 s late
  const first = samples[0];
  const last = samples.at(-1);
  assert(first !== undefined && last !== undefined);
  assert(last.missed > 1000n);
  assertEquals(BigInt(samples.length) + last.missed, last.sample);
  const seconds = Number(last.monotonicNs - first.monotonicNs) / 1e9;
  assert(Math.abs(Number(last.sample - 1n) * 0.1 - seconds) < 0.1);
});

/** A device that ends with the test. */
class Running implements AsyncDisposable {
  readonly device: Device;

  constructor(keys: Keys, settings: Partial<Settings> = {}) {
    this.device = Device.launch({
      key: keys.key(),
      settings: { ...SIN, interval: 0.01, ...settings },
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.device.end();
    await this.device.ended;
  }
}

Deno.test("Device: its samples are read, and its segment goes with it", async () => {
  using keys = new Keys();
  {
    await using _ = new Running(keys);
    using reader = DeviceReader.open(keys.key());
    const first = await reader.read();
    assert(first !== undefined);
    assertEquals([first.pid, first.alive], [Deno.pid, true]);
    const next = await until("a sample", async () => {
      const reading = await reader.read();
      return reading && reading.record.sample > 5n ? reading : undefined;
    });
    const { phase, value, history } = next.record;
    assertEquals(value, waveSample("SIN", phase, 10));
    assertEquals(history.at(-1), value);
    assert(history.length >= 2 && history.length <= 128);
    const info = Segment.open(keys.key()).stat();
    assertEquals([info.permissions, info.size], ["644", LENGTH]);
  }
  assertEquals(keys.find(), undefined);
});

Deno.test("Device: stop, start, config and status at its prompt", async () => {
  using keys = new Keys();
  await using running = new Running(keys);
  const { device } = running;
  using reader = DeviceReader.open(keys.key());
  let before = await reader.read();
  const events = async (): Promise<string[]> => {
    const now = await reader.read();
    assert(now !== undefined);
    const found = eventsBetween(before, now);
    before = now;
    return found;
  };
  assertEquals(device.execute("stop").text, "stopped");
  assertEquals(await events(), ["stopped"]);
  assertMatch(device.execute("stop").text, /already/);
  assertMatch(device.execute("status").text, /^stopped: SIN, period 2 s, 10/);
  assertEquals(device.execute("start").text, "started");
  assertEquals(await events(), ["started"]);
  assertEquals(before?.record.phase, 0);
  assertMatch(device.execute("start").text, /already/);
  assert(device.execute("config tri 3").ok);
  assertEquals(await events(), ["configured"]);
  assertEquals([before?.record.wave, before?.record.period], ["TRI", 3]);
  assertEquals(before?.record.phase, 0);
  assert(device.execute("config - 4").ok);
  assert(device.execute("config QUA -").ok);
  assertEquals(device.settings, {
    ...SIN,
    interval: 0.01,
    wave: "QUA",
    period: 4,
  });
  assertEquals(await events(), ["configured"]);
  for (
    const line of [
      "config",
      "config TRI",
      "config COS 3",
      "config TRI 0",
      "config TRI x",
      "config TRI 3 4",
      "stop now",
      "start 5",
      "reboot",
    ]
  ) {
    const { ok, ended, text } = device.execute(line);
    assertEquals([ok, ended, text.includes("\n")], [false, false, false], line);
  }
  assertEquals(await events(), []);
  assertEquals(device.settings.wave, "QUA");
});

Deno.test("Device: a second one on its key is refused", async () => {
  using keys = new Keys();
  await using running = new Running(keys);
  const error = assertThrows(() => new Running(keys), DeviceError);
  assertMatch(
    error.message,
    new RegExp(`^A device \\(pid ${Deno.pid}\\) runs`),
  );
  assert(running.device.execute("status").ok);
  assertEquals(keys.find(), running.device.shmid);
});

Deno.test("Device: no other program's segment is taken for one", () => {
  using keys = new Keys();
  using other = keys.create(1, { size: LENGTH, mode: 0o600 });
  const refused = (): string => {
    for (
      const call of [
        () => new Running(keys),
        () => DeviceReader.open(keys.key()),
        () => RemotePrompt.attach(keys.key()),
      ]
    ) {
      const { message } = assertThrows(call, DeviceError);
      assert(!message.includes("\n"));
      assertMatch(message, /two files can have one key: choose another id$/);
    }
    return assertThrows(() => new Running(keys), DeviceError).message;
  };
  assertMatch(refused(), new RegExp(`^Segment ${other.shmid} .*no device's`));
  other.remove();
  keys.create(1, { size: 100 });
  assertMatch(refused(), /100 bytes, made by pid \d+, is no device's/);
});

Deno.test("Device: one of another file with the same key is told", async () => {
  using keys = new Keys();
  await using running = new Running(keys);
  using segment = Segment.byId(running.device.shmid).attach({ writable: true });
  segment.write(AT.inode, new Uint8Array(8)); // as if of another file
  const { message } = assertThrows(
    () => DeviceReader.open(keys.key()),
    DeviceError,
  );
  assertMatch(message, /is that of the device on ".*:1"; two files can have/);
});

Deno.test("Device: its end is told where its segment is taken away", async () => {
  using keys = new Keys();
  const device = Device.launch({ key: keys.key(), settings: SIN });
  using reader = DeviceReader.open(keys.key());
  Segment.byId(device.shmid).remove();
  await assertRejects(() => device.ended, Error, "was removed");
  assertEquals(await reader.read(), undefined);
  assertEquals(device.start(), false);
});

/** A device in a process of its own, on a key. */
async function elsewhere(keys: Keys): Promise<Child> {
  const child = Child.start(`
    const { Device } = await import(${
    JSON.stringify(moduleUrl("src/sysv/device.ts"))
  });
    Device.launch({
      key: ${JSON.stringify(keys.key())},
      settings: { wave: "SIN", period: 2, resolution: 10, interval: 0.01 },
    });
    console.log("ready");
  `);
  assertEquals(await child.line(), "ready");
  return child;
}

Deno.test("Device: one that died is told, and makes room for the next", async () => {
  using keys = new Keys();
  const child = await elsewhere(keys);
  using reader = DeviceReader.open(keys.key());
  const before = await reader.read();
  assertEquals([before?.alive, before?.pid], [true, child.pid]);
  await child[Symbol.asyncDispose]();
  const after = await reader.read();
  assert(after !== undefined);
  assertEquals(eventsBetween(before, after), ["died"]);
  assertThrows(() => RemotePrompt.attach(keys.key()), DeviceError, "died");
  const dead: number[] = [];
  const device = Device.launch({
    key: keys.key(),
    settings: SIN,
    onDead: (pid) => dead.push(pid),
  });
  assertEquals(dead, [child.pid]);
  const next = await reader.read();
  assert(next !== undefined);
  assertEquals(eventsBetween(after, next), ["replaced"]);
  device.end();
  await device.ended;
  assertEquals(await reader.read(), undefined);
});

Deno.test("Device: one that died in the middle of a sample is told", async () => {
  using keys = new Keys();
  const child = await elsewhere(keys);
  using reader = DeviceReader.open(keys.key());
  const before = await reader.read();
  await child[Symbol.asyncDispose]();
  using segment = keys.add(Segment.open(keys.key())).attach({ writable: true });
  segment.swap(AT.sequence, segment.word(AT.sequence), 4711n);
  const after = await reader.read();
  assertEquals([after?.alive, after?.record], [false, before?.record]);
  using late = DeviceReader.open(keys.key());
  await assertRejects(() => late.read(), Error, "died in the middle");
});

Deno.test("DeviceReader refuses a record that no device writes", async () => {
  using keys = new Keys();
  await using running = new Running(keys, { interval: 100 });
  using segment = Segment.byId(running.device.shmid).attach({ writable: true });
  using reader = DeviceReader.open(keys.key());
  const good = segment.bytes(AT.record, 624);
  // period, wave, resolution, state, length of the history; value last
  for (const at of [40, 68, 72, 76, 80, 64]) {
    const bad = good.slice();
    bad.fill(0xFF, at, at + 4);
    if (at === 40) bad.fill(0, at, at + 8);
    segment.publish(AT.sequence, AT.record, bad);
    await assertRejects(() => reader.read(), RangeError, "damaged");
  }
  segment.publish(AT.sequence, AT.record, good);
  assert(await reader.read() !== undefined);
});

Deno.test("RemotePrompt talks to a device, one prompt at a time", async () => {
  using keys = new Keys();
  const child = await elsewhere(keys);
  await using _ = child;
  {
    using prompt = RemotePrompt.attach(keys.key());
    assertMatch((await prompt.send("status")).text, /^running: SIN/);
    assertEquals(await prompt.send("config TRI 5"), {
      ok: true,
      ended: false,
      text: "configured: TRI, period 5 s",
    });
    assertEquals((await prompt.send("x".repeat(300))).ok, false);
    assertEquals((await prompt.send("x".repeat(200))).ok, false);
    assertThrows(
      () => RemotePrompt.attach(keys.key()),
      DeviceError,
      "attached already",
    );
  }
  using prompt = RemotePrompt.attach(keys.key());
  // The claim of a prompt that died is no claim.
  prompt.device.segment.swap(AT.claim, BigInt(Deno.pid), 0x7fff_fff0n);
  using other = RemotePrompt.attach(keys.key());
  const { ok, ended } = await other.send("exit");
  assertEquals([ok, ended], [true, true]);
  await until("its end", () => keys.find() === undefined);
});

Deno.test("DeviceSegment: nobody finds one before it is whole", () => {
  using keys = new Keys();
  using segment = keys.create(1, { size: LENGTH }).attach({ writable: true });
  assertThrows(() => DeviceSegment.open(keys.key()), DeviceError, "being made");
  segment.swap(AT.magic, 0n, MAGIC);
  assertThrows(() => DeviceSegment.open(keys.key()), DeviceError, "that of");
});

Deno.test("Segment.snapshot() never gives half a record", async () => {
  using keys = new Keys();
  using segment = keys.create(1, { size: 2048 }).attach();
  await using child = Child.start(`
    const { Segment } = await import(${
    JSON.stringify(moduleUrl("src/sysv/segment.ts"))
  });
    const segment = Segment.open(${JSON.stringify(keys.key())})
      .attach({ writable: true });
    const bytes = new Uint8Array(1024);
    segment.publish(0, 8, bytes);
    console.log("ready");
    for (let n = 0;; n++) segment.publish(0, 8, bytes.fill(n));
  `);
  assertEquals(await child.line(), "ready");
  const record = new Uint8Array(1024);
  const seen = new Set<number>();
  for (let n = 0; n < 20_000 || seen.size < 20; n++) {
    if (!segment.snapshot(0, 8, record)) continue;
    const first = record[0] ?? 0;
    seen.add(first);
    assert(record.every((byte) => byte === first), `half of ${first}`);
  }
});
