/**
 * Runs cases: each has a generator of its own, so that a failing one can be
 * made again from the seed and its number alone.
 * @module
 */

import { FuzzedReceiver, makeCapture } from "./_receiver.ts";
import type { SparseFile } from "./_fields.ts";
import { Random } from "./_random.ts";
import type { Target } from "./_target.ts";
import { TARGETS } from "./_targets.ts";

/** The name of the target that a running receiver is. */
export const CAPTURE = "capture";
/** Of 1000 cases so many are captures. */
const CAPTURE_SHARE = 20;
const BATCH = 10;
const CHECK_EVERY = 20;
const PATIENCE_MS = 30_000;

/** What to run. */
export interface FuzzOptions {
  /** How many cases, all targets together. */
  readonly cases: number;
  /** Where the numbers come from. */
  readonly seed: number;
  /** Only these targets. */
  readonly only?: readonly string[];
  /** Told every now and then how many cases have run. */
  readonly onProgress?: (target: string, done: number) => void;
}

/** A case that broke something. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  readonly index: number;
  readonly input: SparseFile;
  readonly error: unknown;
}

/** How the cases of a target went. */
export interface Summary {
  readonly target: string;
  taken: number;
  refused: number;
}

/** What came of it all. */
export interface Report {
  readonly summaries: Summary[];
  readonly findings: Finding[];
}

/** Enough of one target to tell what is wrong with it. */
const MAX_FINDINGS = 5;

/** A generator for one case. */
function randomOf(seed: number, target: string, index: number): Random {
  let mixed = seed;
  for (const letter of target) {
    mixed = Math.imul(mixed ^ letter.charCodeAt(0), 0x01000193);
  }
  return new Random(mixed ^ Math.imul(index + 1, 0x9E3779B1));
}

/** Runs one input; ends the process where it hangs, since nothing else can. */
async function runOne(
  target: Target,
  input: SparseFile,
  folder: string,
  what: string,
): Promise<"taken" | "refused"> {
  const outcome = target.run(input, folder);
  if (typeof outcome === "string") return outcome;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`${what} hangs`)),
      PATIENCE_MS,
    );
  });
  try {
    return await Promise.race([outcome, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A folder in memory: thousands of files are made in it. */
function memoryFolder(): string {
  const prefix = "shmim-fuzz-";
  try {
    return Deno.makeTempDirSync({ dir: "/dev/shm", prefix });
  } catch {
    return Deno.makeTempDirSync({ prefix });
  }
}

async function fuzzTarget(
  target: Target,
  count: number,
  options: FuzzOptions,
  findings: Finding[],
): Promise<Summary> {
  const { seed } = options;
  const summary = { target: target.name, taken: 0, refused: 0 };
  const folder = memoryFolder();
  try {
    for (let index = 0; index < count; index++) {
      const input = target.make(randomOf(seed, target.name, index));
      try {
        const what = `${target.name} ${index} of seed ${seed}`;
        summary[await runOne(target, input, folder, what)]++;
      } catch (error) {
        findings.push({ target: target.name, seed, index, input, error });
        const own = findings.filter((one) => one.target === target.name);
        if (own.length >= MAX_FINDINGS) break;
      }
      if (index % 1000 === 999) options.onProgress?.(target.name, index + 1);
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  return summary;
}

async function fuzzReceiver(
  count: number,
  options: FuzzOptions,
  findings: Finding[],
): Promise<Summary> {
  const { seed } = options;
  const summary = { target: CAPTURE, taken: 0, refused: 0 };
  await using receiver = new FuzzedReceiver();
  for (let from = 0; from < count; from += BATCH) {
    const batch = Array.from(
      { length: Math.min(BATCH, count - from) },
      (_, i) => makeCapture(randomOf(seed, CAPTURE, from + i), i),
    );
    try {
      await receiver.send(batch);
      if (from / BATCH % CHECK_EVERY === 0) await receiver.check();
      summary.taken += batch.length;
    } catch (error) {
      // One of the batch it was.
      batch.forEach((bytes, i) => {
        const input = { bytes, length: bytes.length };
        const index = from + i;
        findings.push({ target: CAPTURE, seed, index, input, error });
      });
      break;
    }
    if (from % 1000 === 990) options.onProgress?.(CAPTURE, from + BATCH);
  }
  await receiver.check();
  return summary;
}

/** Runs so many cases of all targets. */
export async function fuzz(options: FuzzOptions): Promise<Report> {
  const chosen = (name: string): boolean =>
    options.only === undefined || options.only.includes(name);
  const targets = TARGETS.filter(({ name }) => chosen(name));
  const captures = chosen(CAPTURE) ? CAPTURE_SHARE : 0;
  const shares = targets.reduce((sum, { share }) => sum + share, captures);
  const findings: Finding[] = [];
  const summaries: Summary[] = [];
  let left = options.cases;
  for (const target of targets) {
    const count = Math.round(options.cases * target.share / shares);
    left -= count;
    summaries.push(await fuzzTarget(target, count, options, findings));
  }
  if (captures > 0) summaries.push(await fuzzReceiver(left, options, findings));
  return { summaries, findings };
}

/** The name of a finding's file: what a fixture needs is in it. */
export function findingName({ target, seed, index, input }: Finding): string {
  const sparse = input.length > input.bytes.length ? `.${input.length}` : "";
  return `${target}-${seed}-${index}${sparse}.bin`;
}

/** Runs an input that was kept: `NAME[.LENGTH].bin` of a target. */
export async function replay(
  target: string,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const length = Number(/\.(\d+)\.bin$/.exec(name)?.[1] ?? bytes.length);
  if (target === CAPTURE) {
    await using receiver = new FuzzedReceiver();
    await receiver.send([bytes]);
    await receiver.check();
    return;
  }
  const found = TARGETS.find((one) => one.name === target);
  if (found === undefined) throw new Error(`No fuzz target "${target}"`);
  const folder = memoryFolder();
  try {
    await runOne(found, { bytes, length }, folder, name);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
