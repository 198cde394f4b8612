/**
 * Two hosts and the cable between them: network namespaces and a veth pair.
 * Only root can make them, and not every kernel has what it takes.
 * @module
 */

import { assertEquals } from "@std/assert";
import { command } from "../../src/commands/transmit.ts";
import { type Outcome as Result, run } from "../_support/child.ts";
import { Folder, Running, until } from "../_support/cli.ts";
import { all, type Need, program, reportSkip, root } from "../_support/skip.ts";

/** Runs a program that must do well. */
export async function must(...words: string[]): Promise<string> {
  const [command = "", ...args] = words;
  const { code, stdout, stderr } = await run(command, args);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr.trim()}`);
  return stdout;
}

/** A host: a network namespace with streams of its own. */
export class NetHost {
  /** Its namespace. */
  readonly name: string;
  /** Its address on the cable. */
  readonly address: string;
  /** Its streams. */
  readonly streams: Folder = new Folder("/tmp");

  /** @param name The namespace; @param address Its address. */
  constructor(name: string, address: string) {
    this.name = name;
    this.address = address;
  }

  /** What runs a program there. */
  get within(): string[] {
    return ["ip", "netns", "exec", this.name];
  }

  /** Runs a program there to its end. */
  run(...words: string[]): Promise<Result> {
    const [command = "", ...args] = [...this.within, ...words];
    return run(command, args);
  }

  /** Starts `shmim` there. */
  shmim(words: readonly string[]): Running {
    return new Running(words, { folder: this.streams, within: this.within });
  }

  /** Pulls this host's end of the cable, or puts it back. */
  async cable(state: "up" | "down"): Promise<void> {
    await must("ip", "-n", this.name, "link", "set", "eth0", state);
  }

  /** Sends no faster than this from now on. */
  async slowLine(rate: string): Promise<void> {
    await must(
      ...["tc", "-n", this.name, "qdisc", "add", "dev", "eth0", "root"],
      ...["tbf", "rate", rate, "burst", "32kbit", "latency", "50ms"],
    );
  }

  /** Takes the limit off. */
  async fullSpeed(): Promise<void> {
    await must(
      ...["tc", "-n", this.name, "qdisc", "del", "dev", "eth0", "root"],
    );
  }

  async #nft(...words: string[]): Promise<string> {
    return await must(...this.within, "nft", ...words);
  }

  async #lose(which: string): Promise<void> {
    await this.#nft("add table ip lossy");
    await this.#nft(
      "add chain ip lossy in { type filter hook input priority 0; }",
    );
    await this.#nft(`add rule ip lossy in ${which} counter drop`);
  }

  /** Throws away so many percent of what comes in. */
  async loseEveryHundredth(percent = 1): Promise<void> {
    await this.#lose(`numgen random mod 100 < ${percent}`);
  }

  /** Throws away all that comes in from elsewhere, without a word. */
  async loseAll(): Promise<void> {
    await this.#lose("iif != lo");
  }

  /** Throws away all that comes in for a port, without a word. */
  async losePort(port: number): Promise<void> {
    await this.#lose(`tcp dport ${port}`);
  }

  /** Takes every packet again. */
  async loseNothing(): Promise<void> {
    await this.#nft("delete table ip lossy");
  }

  /** How many packets were thrown away. */
  async lost(): Promise<number> {
    const rules = await this.#nft("list table ip lossy");
    return Number(/counter packets (\d+)/.exec(rules)?.[1] ?? NaN);
  }

  /** Processes that run there. */
  async processes(): Promise<string[]> {
    const pids = await must("ip", "netns", "pids", this.name);
    return pids.split("\n").filter((pid) => pid !== "");
  }

  /** Sockets that are open there; those that only wait for their end are none. */
  async sockets(): Promise<string[]> {
    const { stdout } = await this.run("ss", "-H", "-t", "-a");
    return stdout.split("\n").filter((line) =>
      line !== "" && !/^(TIME-WAIT|FIN-WAIT|LAST-ACK|CLOSING)/.test(line)
    );
  }
}

/** Two hosts, called as MagAO-X calls them. */
export class NetPair implements AsyncDisposable {
  /** Where streams come from. */
  readonly icc: NetHost;
  /** Where they go to. */
  readonly rtc: NetHost;

  private constructor() {
    // Test files run at once in one process: a pid tells them not apart.
    const name = `shmim-${crypto.randomUUID().slice(0, 8)}`;
    this.icc = new NetHost(`${name}-icc`, "192.168.2.3");
    this.rtc = new NetHost(`${name}-rtc`, "192.168.2.2");
  }

  /** Makes both, and the cable. */
  static async create(): Promise<NetPair> {
    const pair = new NetPair();
    const { icc, rtc } = pair;
    try {
      for (const { name } of [icc, rtc]) {
        await must("ip", "netns", "add", name);
        await must("ip", "-n", name, "link", "set", "lo", "up");
      }
      await must(
        ...["ip", "link", "add", "eth0", "netns", icc.name, "type", "veth"],
        ...["peer", "name", "eth0", "netns", rtc.name],
      );
      for (const host of [icc, rtc]) {
        const to = ["dev", "eth0"];
        const address = `${host.address}/24`;
        await must("ip", "-n", host.name, "addr", "add", address, ...to);
        await host.cable("up");
      }
      return pair;
    } catch (error) {
      await pair.#remove();
      throw error;
    }
  }

  async #remove(): Promise<void> {
    for (const host of [this.icc, this.rtc]) {
      await run("ip", ["netns", "del", host.name]);
      host.streams[Symbol.dispose]();
    }
  }

  /** Nothing but streams is left in the folders, nothing runs any more. */
  async requireNothingLeft(): Promise<void> {
    for (const host of [this.icc, this.rtc]) {
      assertEquals(await host.processes(), [], "processes");
      let sockets: string[] = [];
      await until(() => `no sockets: ${sockets}`, async () => {
        sockets = await host.sockets();
        return sockets.length === 0;
      });
      const strange = host.streams.names().filter((name) =>
        !/^[\w-]+\.(im\.shm|json)$/.test(name)
      );
      assertEquals(strange, [], "files");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const host of [this.icc, this.rtc]) {
        for (const pid of await host.processes()) {
          Deno.kill(Number(pid), "SIGKILL"); // of a test that failed
        }
      }
    } finally {
      await this.#remove();
    }
  }
}

let refusal: Promise<string | undefined> | undefined;

/** Why this kernel has no two hosts, `undefined` where it has. */
function kernelRefuses(): Promise<string | undefined> {
  refusal ??= (async (): Promise<string | undefined> => {
    try {
      await using pair = await NetPair.create();
      await pair.icc.slowLine("10mbit");
      await pair.rtc.loseEveryHundredth();
      return undefined;
    } catch (error) {
      return `the kernel refuses: ${(error as Error).message}`;
    }
  })();
  return refusal;
}

const needs: Need = all(
  root,
  program("ip", "iproute2"),
  program("tc", "iproute2"),
  program("nft", "nftables"),
);

/** A wire, and the options that choose it. */
export interface WireCase {
  /** Its name. */
  readonly wire: "milk" | "shmim";
  /** Options of `transmit`. */
  readonly transmit: readonly string[];
  /** Options of `receive`. */
  readonly receive: readonly string[];
}

/** Milk's wire. */
export const MILK: WireCase = { wire: "milk", transmit: [], receive: [] };

/** Our own. */
export const OWN: WireCase = {
  wire: "shmim",
  transmit: ["--wire", "shmim"],
  receive: ["--wire", "shmim"],
};

/** Every wire that `transmit` speaks. */
export const WIRES: readonly WireCase[] = [
  MILK,
  ...command.options.some(({ name }) => name === "wire") ? [OWN] : [],
];

/**
 * A test between two hosts. Where the kernel refuses, it is skipped with the
 * reason; a missing Debian package is a failure where CI=true.
 */
export function netTest(
  name: string,
  test: (pair: NetPair) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const missing = needs();
    if (missing !== undefined && Deno.env.get("CI") === "true") {
      throw new Error(`CI lacks what this test needs: ${missing}`);
    }
    const reason = missing ?? await kernelRefuses();
    if (reason !== undefined) return reportSkip(name, reason);
    await using pair = await NetPair.create();
    await test(pair);
    await pair.requireNothingLeft();
  });
}

/** {@linkcode netTest} once over each wire. */
export function wireTest(
  name: string,
  test: (pair: NetPair, wire: WireCase) => Promise<void>,
  wires: readonly WireCase[] = WIRES,
): void {
  for (const one of wires) {
    netTest(`${name} (${one.wire})`, (pair) => test(pair, one));
  }
}
