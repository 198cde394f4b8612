/**
 * The long checks: a million mutated inputs, the C helper's fuzz targets for
 * a minute each, two recordings at full rate that must miss nothing, and a
 * bridge flat out for five minutes whose counts must be exact and whose memory
 * must stay flat.
 *
 * ```sh
 * deno run -q -P=test scripts/soak.ts            # about half an hour
 * deno run -q -P=test scripts/soak.ts --short    # about 90 s
 * ```
 *
 * Ends with `N passed, N failed`.
 * @module
 */

import { parseArgs } from "@std/cli";
import "../tests/_support/load.ts";
import { Stream } from "../src/stream/stream.ts";
import { Child } from "../tests/_support/child.ts";
import { buildFuzzers, NATIVE_TARGETS, runFuzzer } from "./fuzz_native.ts";
import { recordSoak } from "./soak_record.ts";
import type { EndStatus } from "./soak_end.ts";

const USAGE = "soak [--short] [--seed N]";

const SCRIPTS = new URL("./", import.meta.url).pathname;
const SIZE = [500, 500];
const PIXELS = 250_000;
const PATIENCE_MS = 60_000;
const GROWTH_BYTES = 48 * 2 ** 20;

function print(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}

/** An end of the bridge. */
class End implements AsyncDisposable {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(
    role: "receive" | "transmit",
    dir: string,
    port = 0,
  ): Promise<{ end: End; port: number }> {
    const child = Child.spawn(Deno.execPath(), [
      "run",
      "-q",
      "-A",
      "--config",
      `${SCRIPTS}../deno.json`,
      `${SCRIPTS}soak_end.ts`,
      role,
      dir,
      String(port),
    ]);
    const end = new End(child);
    return { end, port: JSON.parse(await child.line()).port };
  }

  async status(word = "status"): Promise<EndStatus> {
    await this.#child.say(word);
    return JSON.parse(await this.#child.line());
  }

  async stop(): Promise<EndStatus> {
    const status = await this.status("end");
    const code = await this.#child.ended();
    if (code !== 0) throw new Error(`an end of the bridge ended with ${code}`);
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!await condition()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await pause(10);
  }
}

interface Bridge extends AsyncDisposable {
  readonly source: Stream;
  readonly destination: Stream;
  readonly from: End;
  readonly to: End;
}

/** A bridge between two folders, its first frame across. */
async function bridge(): Promise<Bridge> {
  await using stack = new AsyncDisposableStack();
  const folder = (): string => {
    const path = Deno.makeTempDirSync({ prefix: "shmim-soak-" });
    stack.defer(() => Deno.removeSync(path, { recursive: true }));
    return path;
  };
  const here = folder();
  const there = folder();
  const source = stack.use(
    Stream.create("soak", {
      dir: here,
      size: SIZE,
      type: "u32",
      circularBuffer: 4,
    }),
  );
  const receiver = await End.start("receive", there);
  const to = stack.use(receiver.end);
  const from = stack.use(
    (await End.start("transmit", here, receiver.port)).end,
  );
  await until("a connection", async () => {
    source.write(new Uint32Array(PIXELS).fill(1));
    await pause(50);
    return (await to.status()).frames > 0;
  });
  await quiet(source, from);
  const destination = stack.use(
    Stream.open("soak", { dir: there, writable: true }),
  );
  const owned = stack.move();
  return {
    source,
    destination,
    from,
    to,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Waits until the newest frame has been sent. */
async function quiet(source: Stream, from: End): Promise<EndStatus> {
  let status = await from.status();
  await until("the last frame to be sent", async () => {
    status = await from.status();
    return status.lastCnt0 === String(source.cnt0);
  });
  return status;
}

function requireEqual(what: string, found: number, expected: number): void {
  if (found !== expected) {
    throw new Error(`${what}: ${found}, expected ${expected}`);
  }
}

/** Memory may grow while buffers find their size, not later. */
class Flat {
  #first: number | undefined;
  #last = 0;
  readonly #settled: number;

  constructor(seconds: number) {
    this.#settled = performance.now() + seconds * 1000 / 4;
  }

  async look(ends: readonly End[]): Promise<void> {
    const all = await Promise.all(ends.map((end) => end.status()));
    this.#last = all.reduce((sum, { rss }) => sum + rss, 0);
    if (performance.now() > this.#settled) this.#first ??= this.#last;
  }

  require(): void {
    const growth = this.#last - (this.#first ?? this.#last);
    print(`  memory of both ends grew by ${Math.round(growth / 1024)} KiB`);
    if (growth > GROWTH_BYTES) throw new Error("memory is not flat");
  }
}

/** Frame by frame: the next one when the last has arrived as it was sent. */
async function closedLoop(seconds: number): Promise<void> {
  await using b = await bridge();
  const pixels = new Uint32Array(PIXELS);
  const flat = new Flat(seconds);
  const end = performance.now() + seconds * 1000;
  const before = await b.from.status();
  let sent = 0;
  while (performance.now() < end) {
    const since = b.destination.cnt0;
    pixels.fill(++sent);
    b.source.write(pixels);
    if (!await b.destination.wait({ since, timeoutMs: PATIENCE_MS })) {
      throw new Error(`frame ${sent} did not arrive`);
    }
    const frame = b.destination.read();
    const [first, last] = [frame.pixels[0], frame.pixels.at(-1)];
    if (frame.torn || first !== sent || last !== sent) {
      throw new Error(`frame ${sent} arrived as ${first} and ${last}`);
    }
    if (sent % 1000 === 0) await flat.look([b.from, b.to]);
  }
  await quiet(b.source, b.from);
  const to = await b.to.stop();
  const from = await b.from.stop();
  print(`  ${sent} frames in ${seconds} s`);
  requireEqual("frames sent", from.frames - before.frames, sent);
  requireEqual("another writer's", to.foreign, 0);
  requireEqual("reconnects", from.reconnects, 0);
  flat.require();
}

/** As fast as the writer can: what does not cross is counted. */
async function freeRunning(seconds: number): Promise<void> {
  await using b = await bridge();
  const pixels = new Uint32Array(PIXELS);
  const flat = new Flat(seconds);
  const end = performance.now() + seconds * 1000;
  const first = b.source.cnt0;
  const before = await b.from.status();
  let n = 0;
  let seen = 0n;
  let looks = 0;
  while (performance.now() < end) {
    for (let i = 0; i < 20; i++) b.source.write(pixels.fill(++n));
    await pause(0);
    const frame = b.destination.read();
    if (frame.torn) continue;
    const [a, z] = [frame.pixels[0], frame.pixels.at(-1)];
    if (a !== z) throw new Error(`a frame arrived torn: ${a} and ${z}`);
    if (frame.cnt0 < seen) throw new Error("the counter went back");
    seen = frame.cnt0;
    if (++looks % 200 === 0) await flat.look([b.from, b.to]);
  }
  const from = await quiet(b.source, b.from);
  await until("all that was sent", async () => {
    const { frames, repeats } = await b.to.status();
    return frames + repeats >= from.frames;
  });
  const to = await b.to.stop();
  await b.from.stop();
  const written = Number(b.source.cnt0 - first);
  const sent = from.frames - before.frames;
  const lost = from.skipped - before.skipped;
  print(`  ${written} written, ${sent} crossed, ${lost} did not`);
  requireEqual("crossed and lost together", sent + lost, written);
  requireEqual("lost by the receiver's account", to.skipped, from.skipped);
  requireEqual("reconnects", from.reconnects, 0);
  flat.require();
}

async function script(name: string, args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-q",
      "-A",
      "--config",
      `${SCRIPTS}../deno.json`,
      SCRIPTS + name,
      ...args,
    ],
    stdin: "null",
  }).output().then((result) => {
    const decoder = new TextDecoder();
    print(decoder.decode(result.stdout).trimEnd());
    if (!result.success) print(decoder.decode(result.stderr).trimEnd());
    return result;
  });
  if (!success) throw new Error(`${name} failed`);
}

if (import.meta.main) {
  const args = parseArgs(Deno.args, {
    boolean: ["short", "help"],
    string: ["seed"],
    unknown: (word) => {
      print(`"${word}" is unknown: ${USAGE}`);
      Deno.exit(2);
    },
  });
  if (args.help) {
    print(USAGE);
    Deno.exit();
  }
  const seed = Number(args.seed ?? Date.now() % 1_000_000);
  const cases = args.short ? 30_000 : 1_000_000;
  const fuzzSeconds = args.short ? 5 : 60;
  const bridgeSeconds = args.short ? 10 : 150;
  let passed = 0;
  let failed = 0;
  const step = async (
    name: string,
    run: () => Promise<void>,
  ): Promise<void> => {
    print(`== ${name}`);
    try {
      await run();
      passed++;
    } catch (error) {
      failed++;
      print(`FAILED: ${(error as Error).message}`);
    }
  };
  print(`seed ${seed}`);
  await step(
    `${cases} mutated inputs`,
    () => script("fuzz.ts", ["--cases", `${cases}`, "--seed", `${seed}`]),
  );
  const engine = buildFuzzers();
  for (const target of NATIVE_TARGETS) {
    await step(`native ${target}, ${engine.name}`, async () => {
      if (!await runFuzzer(engine, target, fuzzSeconds, seed)) {
        throw new Error("see above");
      }
    });
  }
  const recordSeconds = args.short ? 5 : 60;
  await step(
    `${recordSeconds} s of 50x50 f32 at 1 kHz recorded`,
    async () => {
      print(`  ${await recordSoak({
        size: [50, 50],
        type: "f32",
        hz: 1000,
        seconds: recordSeconds,
      })}`);
    },
  );
  await step(
    `${recordSeconds / 2} s of 512x512 u16 at 500 Hz recorded`,
    async () => {
      print(`  ${await recordSoak({
        size: [512, 512],
        type: "u16",
        hz: 500,
        seconds: recordSeconds / 2,
      })}`);
    },
  );
  await step("a bridge, frame by frame", () => closedLoop(bridgeSeconds));
  await step(
    "a bridge, source free-running",
    () => freeRunning(bridgeSeconds),
  );
  print(`${passed} passed, ${failed} failed`);
  Deno.exitCode = failed === 0 ? 0 : 1;
}
