/** `shmim write`: frames from a file, standard input or a pattern. @module */

import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  JSON_OPTION,
  type Place,
  streamArgument,
} from "../cli/shared_options.ts";
import { isNpy, readNpy } from "../image/npy.ts";
import { type Pattern, patternFrame, PATTERNS } from "../image/pattern.ts";
import { CLOCK, clockNs, pause, sleepUntil } from "../../ffi/clock.ts";
import { Stream } from "../stream/stream.ts";

interface Options {
  readonly name: string;
  readonly open: Place;
  readonly file: string | undefined;
  readonly pattern: Pattern | undefined;
  readonly rate: number | undefined;
  readonly count: number | undefined;
  readonly slice: number | undefined;
  readonly json: boolean;
}

type Frames = AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;

const NS = 1_000_000_000;

/** Bytes of a whole source, for `.npy`. */
async function readAll(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(
    await new Response(ReadableStream.from(chunks)).arrayBuffer(),
  );
}

/** Cuts an array of one or more frames into frames. */
async function* npyFrames(
  bytes: Uint8Array<ArrayBuffer>,
  stream: Stream,
  size: readonly number[],
  frameBytes: number,
  source: string,
): Frames {
  const array = readNpy(bytes);
  const given = array.size.join("x");
  const wanted = size.join("x");
  const many = array.size.slice(0, size.length).join("x");
  const fits = array.type === stream.type &&
    (given === wanted ||
      (array.size.length === size.length + 1 && many === wanted));
  if (!fits) {
    throw new CommandError(
      `"${source}" holds ${given} ${array.type}, "${stream.name}" takes ` +
        `${wanted} ${stream.type}`,
    );
  }
  for (let at = 0; at < array.bytes.length; at += frameBytes) {
    yield array.bytes.subarray(at, at + frameBytes);
  }
}

/** Frames of a file or of standard input, one at a time. */
async function* sourceFrames(
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
  stream: Stream,
  size: readonly number[],
  frameBytes: number,
  source: string,
): Frames {
  const frame = new Uint8Array(new ArrayBuffer(frameBytes));
  let filled = 0;
  let first = true;
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await iterator.next();
    if (done) break;
    if (first && isNpy(value)) {
      const rest = async function* (): AsyncGenerator<Uint8Array<ArrayBuffer>> {
        yield value;
        yield* { [Symbol.asyncIterator]: () => iterator };
      };
      yield* npyFrames(await readAll(rest()), stream, size, frameBytes, source);
      return;
    }
    first = false;
    for (let at = 0; at < value.length;) {
      const part = value.subarray(at, at + frameBytes - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === frameBytes) {
        yield frame;
        filled = 0;
      }
    }
  }
  if (filled > 0 || first) {
    throw new CommandError(
      `"${source}" ends inside a frame: ${filled} of ${frameBytes} bytes`,
    );
  }
}

async function* patternFrames(
  pattern: Pattern,
  stream: Stream,
  size: readonly number[],
  count: number,
): Frames {
  for (let i = 0; i < count; i++) {
    const pixels = patternFrame(pattern, stream.type, size, i + 1);
    yield new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
  }
}

async function openSource(
  file: string,
): Promise<AsyncIterable<Uint8Array<ArrayBuffer>>> {
  if (file === "-") return Deno.stdin.readable;
  try {
    return (await Deno.open(file)).readable;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new CommandError(`No file "${file}"`);
  }
}

/** Publishes all frames, in step with the wanted rate. */
async function publish(
  frames: Frames,
  stream: Stream,
  options: Options,
  { out, signal }: Io,
): Promise<number> {
  const start = clockNs(CLOCK.MONOTONIC);
  let written = 0;
  for await (const frame of frames) {
    if (options.rate !== undefined) {
      const due = Math.round(written * NS / options.rate);
      await sleepUntil(start + BigInt(due), signal);
    } else if (written % 64 === 63) {
      await pause(0); // hear signals
    }
    if (signal.aborted) break;
    stream.write(
      frame,
      options.slice === undefined ? {} : { slice: options.slice },
    );
    written++;
    if (written === options.count) break; // before the next one is waited for
    if (written % 16 === 0) {
      const seconds = Number(clockNs(CLOCK.MONOTONIC) - start) / NS;
      out.live(
        `${stream.name}: ${written} frames, ${
          (written / seconds).toFixed(1)
        } Hz`,
      );
    }
  }
  return written;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "write NAME FILE.npy|FILE.raw|- [OPTIONS]",
    "write NAME --pattern PATTERN [OPTIONS]",
  ],
  description: "Publishes frames: all that a file or standard input holds " +
    "(.npy, else raw pixels as stored), or a moving test pattern: gradient, " +
    "noise, sine, counter, zero. A pattern is written once; with --rate, " +
    "until it is stopped; --count sets how often.",
  options: [
    { name: "pattern", value: "PATTERN", help: PATTERNS.join(", ") },
    { name: "rate", value: "HZ", help: "frames a second" },
    { name: "count", value: "N", help: "so many frames" },
    { name: "slice", value: "K", help: "into one slice of a cube" },
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [
    ["write dm01disp06 --pattern zero", "flatten a channel"],
    ["write wfs --pattern sine --rate 500", "a source to test with"],
  ],
  samples: [["cam", "--pattern", "sine"]],
  parse(args): Options {
    const pattern = args.choice("pattern", PATTERNS);
    const [name = "", file] = pattern === undefined
      ? args.exactly("NAME", "FILE (or --pattern)")
      : args.exactly("NAME");
    return {
      name: streamArgument(name),
      open: dirOf(args),
      file,
      pattern,
      rate: args.number("rate", 1e-3, 1e6),
      count: args.integer("count", 1),
      slice: args.integer("slice", 0),
      json: args.flag("json"),
    };
  },
  needs({ name, open, file }, scope): Needs {
    const files = scope.stream(name, open.dir);
    const source = file === undefined || file === "-" ? [] : scope.file(file);
    return { read: [...files, ...source], write: files };
  },
  async run(options, io): Promise<number> {
    using stream = Stream.open(options.name, {
      ...options.open,
      writable: true,
    });
    const { slice, pattern, file = "-" } = options;
    if (slice !== undefined && slice >= stream.slices) {
      throw new UsageError(
        `"${stream.name}" has ${stream.slices} slices, there is no slice ${slice}`,
      );
    }
    const size = slice === undefined ? stream.size : stream.size.slice(0, 2);
    const { dataBytes, sliceBytes } = stream.layout.table;
    const frameBytes = slice === undefined ? dataBytes : sliceBytes;
    const once = options.rate === undefined ? 1 : Infinity;
    const frames = pattern === undefined
      ? sourceFrames(await openSource(file), stream, size, frameBytes, file)
      : patternFrames(pattern, stream, size, options.count ?? once);
    const written = await publish(frames, stream, options, io);
    const { foreignWrites, cnt0 } = stream;
    if (foreignWrites > 0n) {
      io.out.say(
        `shmim: another program wrote "${stream.name}", too: ` +
          `${foreignWrites} frames between ours`,
      );
    }
    if (options.json) io.out.json({ name: stream.name, written, cnt0 });
    else {io.out.say(
        `${stream.path}: ${written} frames written, cnt0 is ${cnt0}`,
      );}
    return EXIT.done;
  },
});
