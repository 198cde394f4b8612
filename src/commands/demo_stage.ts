/**
 * Where the demonstration of partitions takes place: two network namespaces
 * and a cable between them where the kernel lets us, loopback elsewhere.
 * @module
 */

import { CommandError } from "../cli/errors.ts";
import { currentUser } from "../../ffi/process.ts";

/** Where a partition runs. */
export interface Place {
  /** Its number. */
  readonly partition: number;
  /** Its folder: run folder, streams, configuration, key. */
  readonly folder: string;
  /** Its address. */
  readonly address: string;
  /** The port of its daemon. */
  readonly port: number;
  /** What starts a program there. */
  readonly within: readonly string[];
}

/** Two places. */
export interface Stage extends AsyncDisposable {
  /** What it is, in a line. */
  readonly told: string;
  /** The first one has the camera. */
  readonly places: readonly [Place, Place];
  /** The cable between them, where there is one that can be pulled. */
  readonly cable: ((state: "up" | "down") => Promise<void>) | undefined;
}

const FOLDER = "/tmp";
const PORT = 7100;

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (success) return;
  throw new CommandError(
    `"ip ${args.join(" ")}" failed: ${new TextDecoder().decode(stderr).trim()}`,
  );
}

/** A free port of loopback, as far as anybody can say. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

function loopback(folder: string, why: string): Stage {
  const place = (partition: number): Place => ({
    partition,
    folder: `${folder}/${partition}`,
    address: "127.0.0.1",
    port: freePort(),
    within: [],
  });
  return {
    told: `Two partitions on 127.0.0.1, without a cable: ${why}`,
    places: [place(1), place(2)],
    cable: undefined,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** The namespaces of two hosts, and the cable. */
async function namespaces(folder: string): Promise<Stage> {
  const names = [1, 2].map((n) => `${folder.replace(/^.*\//, "")}-${n}`);
  const [one = "", two = ""] = names;
  await using made = new AsyncDisposableStack();
  made.defer(() => Deno.remove(folder, { recursive: true }));
  for (const name of names) {
    await ip("netns", "add", name);
    made.defer(() => ip("netns", "del", name));
    await ip("-n", name, "link", "set", "lo", "up");
  }
  const cable = ["link", "add", "eth0", "netns", one, "type", "veth"];
  await ip(...cable, "peer", "name", "eth0", "netns", two);
  const place = async (partition: number, name: string): Promise<Place> => {
    const address = `192.168.2.${partition}`;
    await ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    await ip("-n", name, "link", "set", "eth0", "up");
    return {
      partition,
      folder: `${folder}/${partition}`,
      address,
      port: PORT,
      within: ["ip", "netns", "exec", name],
    };
  };
  const places = [await place(1, one), await place(2, two)] as const;
  const stack = made.move();
  return {
    told: `Two hosts (network namespaces ${one} and ${two}), and a cable ` +
      "between them",
    places,
    cable: (state) => ip("-n", two, "link", "set", "eth0", state),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Builds what the machine lets us; what it does not is told. */
export async function openStage(): Promise<Stage> {
  const make = (): Promise<string> =>
    Deno.makeTempDir({ dir: FOLDER, prefix: "shmim-demo-" });
  if (currentUser() !== 0) {
    return loopback(await make(), "only root may make network namespaces");
  }
  try {
    return await namespaces(await make());
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return loopback(await make(), 'no program "ip" (package iproute2)');
    }
    if (!(error instanceof CommandError)) throw error;
    return loopback(await make(), error.message);
  }
}
