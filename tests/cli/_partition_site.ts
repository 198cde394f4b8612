/**
 * Partitions that know each other by their addresses only: one daemon each,
 * with a run folder and streams of its own, here of loopback.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import { endProcess } from "../../ffi/process.ts";
import {
  readRegistry,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import {
  done,
  Folder,
  json,
  type Outcome,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { freePort } from "../_support/ports.ts";

/** A stream that a daemon has carried, as it remembers it. */
export interface PumpFacts {
  readonly pid: number;
  readonly startNs: string;
  readonly kind: string;
  readonly of: string;
  readonly stream: string;
  readonly partition: number;
  readonly port: number;
  readonly duty: string;
}

/** A peer as the configuration names it. */
export interface PeerFacts {
  readonly partition: number;
  readonly port: number;
  readonly host?: string;
  readonly key?: string;
}

/** One host: a daemon with a run folder and streams of its own. */
export class Site implements AsyncDisposable {
  readonly folder: Folder = new Folder();
  readonly run: string = this.folder.file("run");
  readonly dir: string = this.folder.file("streams");
  readonly config: string = this.folder.file("site.toml");
  daemon: Running | undefined;
  readonly #within: { within?: readonly string[] };

  constructor(
    readonly partition: number,
    readonly port: number,
    peers: readonly PeerFacts[],
    more: {
      head?: string;
      tail?: string;
      timeoutS?: number;
      /** What starts its programs, such as `setpriv`. */
      within?: readonly string[];
    } = {},
  ) {
    this.#within = more.within === undefined ? {} : { within: more.within };
    Deno.mkdirSync(this.dir);
    Deno.writeTextFileSync(
      this.config,
      `partition = ${partition}\nlisten = "127.0.0.1:${port}"\n` +
        `timeout = ${more.timeoutS ?? 10}\n` +
        (more.head ?? "") +
        peers.map(({ partition, port, host = "127.0.0.1", key }) =>
          `[[peer]]\npartition = ${partition}\nhost = "${host}"\n` +
          `port = ${port}\n` + (key === undefined ? "" : `key = "${key}"\n`)
        ).join("") +
        (more.tail ?? ""),
    );
  }

  /** Starts the daemon. */
  async up(flags?: readonly string[]): Promise<Running> {
    const daemon = new Running([
      "daemon",
      "--run",
      this.run,
      "--config",
      this.config,
      "--dir",
      this.dir,
    ], {
      folder: this.folder,
      ...this.#within,
      ...flags === undefined ? {} : { flags },
    });
    this.daemon = daemon;
    await until(() => `up: ${daemon.err}`, () => daemon.out.includes("is up"));
    return daemon;
  }

  shmim(...words: string[]): Promise<Outcome> {
    const around = { folder: this.folder, ...this.#within };
    return shmim([...words, "--run", this.run], around);
  }

  done(...words: string[]): Promise<string> {
    const around = { folder: this.folder, ...this.#within };
    return done([...words, "--run", this.run], around);
  }

  async crash(): Promise<void> {
    this.daemon?.kill("SIGKILL");
    await this.daemon?.ended();
  }

  #state(): { pumps: PumpFacts[]; duties: PumpFacts[] } {
    try {
      return json(Deno.readTextFileSync(`${this.run}/unit-0.json`));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        return { pumps: [], duties: [] }; // never up
      }
      throw error;
    }
  }

  /** Streams that cross. */
  pumps(): PumpFacts[] {
    return this.#state().pumps;
  }

  /** Processes that go on without the daemon. */
  duties(): PumpFacts[] {
    return this.#state().duties;
  }

  /** How its mounts are, by their names. */
  async states(): Promise<Record<string, string>> {
    const { mounts } = json(await this.done("shares", "--json"));
    return Object.fromEntries(
      mounts.map((
        one: { path: string; state: string; reason: string | null },
      ) => [
        one.path.replace(/^.*\//, "").replace(".im.shm", ""),
        one.reason === null ? one.state : `${one.state}: ${one.reason}`,
      ]),
    );
  }

  /** Waits until a mount is as it is to be. */
  async mounted(name: string, state: string | RegExp): Promise<void> {
    let last = "";
    await until(() => `${name} of ${this.partition}: ${last}`, async () => {
      last = (await this.states())[name] ?? "none";
      return typeof state === "string" ? last === state : state.test(last);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon?.[Symbol.asyncDispose]();
    const duties = this.duties();
    for (const { pid, startNs } of duties) endProcess(pid, BigInt(startNs));
    await until("its processes end", () =>
      duties.every(({ pid }) => {
        try {
          return Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ");
        } catch {
          return true;
        }
      }));
    // As a host that is switched off: what the kernel has goes, too.
    if (exists(this.run)) {
      for (const one of readRegistry(this.run).segments) removeFromKernel(one);
    }
    this.folder[Symbol.dispose]();
  }
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/** Pixels of one value. */
export const frame = (value: number): Uint16Array<ArrayBuffer> =>
  new Uint16Array(12).fill(value);

/** Writes until the far end has it. */
export async function crosses(
  camera: Stream,
  site: Site,
  name: string,
  value: number,
): Promise<void> {
  await until(`frame ${value} at partition ${site.partition}`, () => {
    camera.write(frame(value));
    try {
      using far = Stream.open(name, { dir: site.dir, writable: false });
      return far.read().pixels[7] === value;
    } catch {
      return false; // not made yet
    }
  });
}

/** Two sites that know each other. */
export function pair(
  more: { head?: string; timeoutS?: number } = {},
): [Site, Site] {
  const [a, b] = [freePort(), freePort()];
  return [
    new Site(1, a, [{ partition: 2, port: b }], more),
    new Site(2, b, [{ partition: 1, port: a }], more),
  ];
}

/** A stream of a site. */
export function camera(site: Site, name = "cam"): Stream {
  return Stream.create(name, { dir: site.dir, size: [4, 3], type: "u16" });
}
