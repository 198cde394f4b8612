/** `shmim device`: the virtual device with its prompt. @module */

import { type Arguments, numberFrom } from "../cli/args.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs, Scope } from "../cli/needs.ts";
import { DIR, dirOf } from "../cli/shared_options.ts";
import { KEY, keyInUse, keyOf } from "../cli/sysv_options.ts";
import type { DataType } from "../stream/types.ts";
import { removeStream } from "../stream/remove.ts";
import { Stream } from "../stream/stream.ts";
import { Device } from "../sysv/device.ts";
import type { FileKey } from "../sysv/device_segment.ts";
import { HISTORY, type SampleRecord } from "../sysv/layout.ts";
import { RemotePrompt } from "../sysv/mailbox.ts";
import {
  describeSettings,
  LIMITS,
  type Settings,
  waveNamed,
  WAVES,
} from "../sysv/wave.ts";
import { converse } from "./device_prompt.ts";
import { launch } from "./background.ts";

interface Options {
  readonly mode: "prompt" | "serve" | "background" | "attach";
  readonly key: FileKey | undefined;
  readonly dir: { dir?: string };
  /** `undefined` with `--attach`. */
  readonly settings: Settings | undefined;
  readonly stream: string | undefined;
  /** As it was typed, for the process in the background. */
  readonly words: readonly string[];
}

/** It ends a device, too, as it ended the old one. */
const SIGQUIT = 3;

function settingsOf(args: Arguments): Settings {
  const [waveText = "", periodText = ""] = args.exactly("WAVE", "PERIOD");
  const wave = waveNamed(waveText);
  if (wave === undefined) {
    throw new UsageError(
      `WAVE is ${WAVES.join(", ")}, not "${waveText}"`,
      { unknown: [waveText.toUpperCase(), WAVES] },
    );
  }
  return {
    wave,
    period: numberFrom("PERIOD", periodText, ...LIMITS.period),
    resolution: args.integer("resolution", ...LIMITS.resolution) ?? 10,
    interval: args.number("interval", ...LIMITS.interval) ?? 0.1,
  };
}

function modeOf(args: Arguments): Options["mode"] {
  const modes = (["background", "attach", "serve"] as const)
    .filter((mode) => args.flag(mode));
  if (modes.length > 1) {
    throw new UsageError(`--${modes[0]} and --${modes[1]} exclude each other`);
  }
  return modes[0] ?? "prompt";
}

/** Publishes the samples as a stream, too. */
class Published implements Disposable {
  readonly #stream: Stream;
  readonly #pixels: Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;
  readonly #made: boolean;

  constructor(name: string, dir: { dir?: string }, resolution: number) {
    const type: DataType = resolution <= 16 ? "u16" : "u32";
    const spec = { ...dir, size: [HISTORY], type, keywords: 0 };
    this.#pixels = type === "u16"
      ? new Uint16Array(HISTORY)
      : new Uint32Array(HISTORY);
    let made: Stream | undefined;
    try {
      made = Stream.create(name, spec);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    this.#made = made !== undefined;
    this.#stream = made ?? Stream.create(name, { ...spec, existing: "reuse" });
  }

  get path(): string {
    return this.#stream.realPath;
  }

  take({ history }: SampleRecord): void {
    this.#pixels.fill(0);
    this.#pixels.set(history, HISTORY - history.length);
    this.#stream.write(this.#pixels);
  }

  [Symbol.dispose](): void {
    const { path } = this;
    this.#stream.close();
    if (this.#made) removeStream(path, { force: true });
  }
}

/** Aborts with the first signal that ends a device. */
class Endings implements Disposable {
  readonly #controller = new AbortController();
  readonly #undo: (() => void)[] = [];
  /** 128 + the number of SIGQUIT, 0 where it did not come. */
  code = 0;

  constructor(signal: AbortSignal) {
    const abort = (): void => this.#controller.abort();
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    this.#undo.push(() => signal.removeEventListener("abort", abort));
    const hear = (): void => {
      this.code = EXIT.signal + SIGQUIT;
      abort();
    };
    Deno.addSignalListener("SIGQUIT", hear);
    this.#undo.push(() => Deno.removeSignalListener("SIGQUIT", hear));
  }

  /** Settles with the first of them. */
  get come(): Promise<void> {
    const { signal } = this.#controller;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }
}

/** A warning where a wave cannot be seen in its samples. */
function warnOf({ period, interval }: Settings): string | undefined {
  return period >= 2 * interval
    ? undefined
    : `warning: a period of ${period} s has fewer than two samples, ` +
      `which come every ${interval} s`;
}

async function serve(options: Options, io: Io): Promise<number> {
  const { settings, dir, stream } = options;
  if (settings === undefined) throw new UsageError("WAVE is missing");
  const { out } = io;
  const key = keyInUse(options.key, dir.dir);
  using endings = new Endings(io.signal);
  using cleanup = new DisposableStack();
  const published = stream === undefined
    ? undefined
    : cleanup.use(new Published(stream, dir, settings.resolution));
  const device = cleanup.use(Device.launch({
    key,
    settings,
    ...published === undefined
      ? {}
      : { onSample: (record) => published.take(record) },
    onDead: (pid) =>
      out.say(`shmim device: the device before (pid ${pid}) had died`),
  }));
  const place = device.where();
  const also = published === undefined ? "" : `; stream "${published.path}"`;
  const warning = warnOf(settings);
  if (warning !== undefined) out.say(`shmim device: ${warning}`);
  out.say(`shmim device: ${describeSettings(settings)}; ${place}${also}`);
  // What --background waits for.
  if (options.mode === "serve") out.line(place);
  const ends: Promise<number | void>[] = [
    device.ended.then(() => EXIT.done),
    endings.come,
  ];
  if (options.mode === "prompt") {
    ends.push(converse(out, (line) => {
      const reply = device.execute(line);
      if (reply.ended) device.end();
      return Promise.resolve(reply);
    }));
  }
  const code = await Promise.race(ends);
  device.end();
  await device.ended;
  return endings.code || (code ?? EXIT.done);
}

async function attach({ key, dir }: Options, { out }: Io): Promise<number> {
  using prompt = RemotePrompt.attach(keyInUse(key, dir.dir));
  return await converse(out, (line) => prompt.send(line));
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "device WAVE PERIOD [OPTIONS]",
    "device --attach [--key PATH:ID]",
  ],
  description: "A virtual device: samples of a wave (SIN, QUA or TRI) with a " +
    "period in seconds, written at fixed times into a System V segment, where " +
    "clients read them. Its prompt, also from a pipe, takes start, stop, " +
    "config (another wave and period), status, help and exit. The segment " +
    "goes on exit, at the end of input and with a signal. One device for " +
    "each key.",
  options: [
    {
      name: "resolution",
      value: "BITS",
      help: "bits of a sample, 1 to 32 (default 10)",
    },
    {
      name: "interval",
      value: "S",
      help: "seconds between samples (default 0.1)",
    },
    KEY,
    { name: "background", help: "detach, and leave the prompt to --attach" },
    { name: "attach", help: "the prompt of a device that runs elsewhere" },
    { name: "serve", help: "stay, without a prompt, until a signal comes" },
    {
      name: "stream",
      value: "NAME",
      help: `publish the last ${HISTORY} samples as a stream, too`,
    },
    DIR,
  ],
  examples: [
    ["device SIN 2.0", "with a prompt"],
    ["device TRI 5 --background --stream tri", "then shmim watch tri"],
  ],
  samples: [["SIN", "2", "--background", "--stream", "x"], ["--attach"]],
  parse(args): Options {
    const mode = modeOf(args);
    const stream = args.text("stream");
    if (mode === "attach") {
      args.exactly();
      if (stream !== undefined) {
        throw new UsageError("--attach takes no --stream: the device has it");
      }
    }
    return {
      mode,
      key: keyOf(args),
      dir: dirOf(args),
      settings: mode === "attach" ? undefined : settingsOf(args),
      stream,
      words: [
        ...args.words,
        ...["resolution", "interval", "key", "stream", "dir"].flatMap((name) =>
          args.text(name) === undefined
            ? []
            : [`--${name}`, args.text(name) ?? ""]
        ),
      ],
    };
  },
  needs(options, scope): Needs {
    const { mode, stream, dir } = options;
    const folder = scope.folder(undefined, dir.dir);
    const key = options.key === undefined ? folder : keyFiles(options, scope);
    const streams = stream === undefined ? [] : scope.folder(stream, dir.dir);
    return {
      read: [...key, ...streams],
      write: [...key, ...streams],
      ...mode === "background" ? { run: scope.self() } : {},
    };
  },
  async run(options, io): Promise<number> {
    if (options.mode === "attach") return await attach(options, io);
    if (options.mode === "background") {
      io.out.line(await launch(["device", ...options.words, "--serve"]));
      return 0;
    }
    return await serve(options, io);
  },
});

function keyFiles({ key }: Options, scope: Scope): string[] {
  return key === undefined ? [] : scope.file(key.path);
}
