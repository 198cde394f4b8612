/** Streams of other partitions that are mounted here. @module */

import { join, resolve } from "@std/path";
import { isStreamPath, requireName, SUFFIX } from "../stream/names.ts";
import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { numberOf, textOf } from "./fields.ts";
import {
  dropLink,
  findShare,
  plannedMount,
  putLink,
  requireWritable,
  setAside,
  targetOf,
} from "./mounts.ts";
import type { Peer } from "./peers.ts";
import { Remote } from "./remote.ts";
import { MAX_PARTITION, type Mount } from "./unit.ts";

/** A daemon's mounts, of this kernel and of other hosts. */
export class Mounted {
  readonly #book: Book;
  readonly #remote: Remote | undefined;
  /** Why mounts wait, by their path. */
  readonly #waiting: Map<string, string> = new Map();

  /**
   * Looks after them.
   *
   * @param remote Those of other hosts, where there are any.
   */
  constructor(book: Book, remote: Remote | undefined) {
    this.#book = book;
    this.#remote = remote;
  }

  /** Why mounts wait, by their path. */
  get waiting(): ReadonlyMap<string, string> {
    return this.#waiting;
  }

  /** Holds every mount against what its owner shares now. */
  look(): void {
    if (this.#book.ending) return;
    this.#remote?.look((mount, problem) => this.#note(mount, problem))
      .catch((error) => this.#book.failed("mounts", error));
    for (const mount of this.#book.state.mounts) {
      if (this.#remote?.peer(mount.partition) !== undefined) continue;
      let problem = "";
      try {
        this.#lookAtMount(mount);
      } catch (error) {
        problem = error instanceof Deno.errors.NotCapable
          ? `the daemon may not link to "${mount.target}": mount it once more, ` +
            "or start the daemon with --reach FOLDER"
          : (error as Error).message;
        this.#book.quietly(mount.path, () => setAside(mount));
      }
      this.#note(mount, problem);
    }
  }

  #note(mount: Mount, problem: string): void {
    const before = this.#waiting.get(mount.path) ?? "";
    if (problem === before) return;
    if (problem === "") {
      this.#waiting.delete(mount.path);
      this.#book.tell(`mounted "${mount.path}" again`);
    } else {
      this.#waiting.set(mount.path, problem);
      this.#book.tell(`"${mount.path}" waits: ${problem}`, "warning");
    }
  }

  #lookAtMount(mount: Mount): void {
    const { partition } = this.#book.state;
    const share = findShare(
      this.#book.folder,
      mount.partition,
      mount.stream,
      partition,
    );
    if (mount.write) requireWritable(share, mount.partition);
    const now = { ...mount, target: targetOf(share, mount.write) };
    if (mount.target !== now.target) {
      dropLink(mount);
      this.#book.change({
        mounts: this.#book.state.mounts.map((one) => one === mount ? now : one),
      });
    }
    putLink(now);
  }

  /** Lets a stream of another partition appear here. */
  mount(request: Request): unknown {
    this.#book.requireStaying();
    const peer = typeof request.partition === "number"
      ? this.#remote?.peer(request.partition)
      : undefined;
    return peer === undefined
      ? this.#mountHere(request)
      : this.#mountThere(request, peer);
  }

  /**
   * The mount of a stream of another host that is asked for.
   *
   * @returns It, and whether it is there already.
   * @throws {PartitionError} where something else has its name.
   */
  #planned(request: Request, peer: Peer): { mount: Mount; same: boolean } {
    const { dir, mounts } = this.#book.state;
    const { partition } = peer;
    const stream = requireName(textOf(request, "stream"));
    const path = join(dir, requireName(textOf(request, "as")) + SUFFIX);
    const there = mounts.find((mount) => mount.path === path);
    const write = request.write === true;
    const same = there?.partition === partition && there.stream === stream &&
      there.write === write;
    if (there !== undefined && !same) {
      throw new PartitionError(
        `"${textOf(request, "as")}" is mounted already: "${there.stream}" of ` +
          `partition ${there.partition}, for ` +
          (there.write ? "writing" : "reading"),
      );
    }
    if (!same && Remote.taken(path)) {
      throw new PartitionError(
        `"${path}" exists and is another stream: --as gives the mount another ` +
          "name",
      );
    }
    if (
      !same &&
      mounts.some((one) =>
        one.partition === partition && one.stream === stream &&
        one.write === write
      )
    ) {
      throw new PartitionError(
        `"${stream}" of partition ${partition} is mounted already, for ` +
          (write ? "writing" : "reading"),
      );
    }
    const mount: Mount = {
      ...{ partition, stream, path, target: "", write },
      made: true, // nothing has that name
    };
    return { mount, same };
  }

  async #mountThere(request: Request, peer: Peer): Promise<unknown> {
    await this.#remote?.offered(peer, this.#planned(request, peer).mount);
    this.#book.requireStaying();
    // Somebody may have taken the name while the owner was asked.
    const { mount, same } = this.#planned(request, peer);
    const { partition, stream, write } = mount;
    if (!same) {
      this.#book.change({ mounts: [...this.#book.state.mounts, mount] });
    }
    this.#book.tell(
      `mounts "${stream}" of partition ${partition}, another host` +
        (write ? ", for writing" : ""),
    );
    this.look();
    return mount;
  }

  #mountHere(request: Request): unknown {
    const { mounts } = this.#book.state;
    const partition = numberOf(request, "partition", MAX_PARTITION);
    const stream = requireName(textOf(request, "stream"));
    const as = requireName(textOf(request, "as"));
    const mount = plannedMount(this.#book.folder, this.#book.state, {
      partition,
      stream,
      as,
      write: request.write === true,
    });
    const there = mounts.find(({ path }) => path === mount.path);
    if (
      there !== undefined &&
      (there.partition !== partition || there.stream !== stream)
    ) {
      throw new PartitionError(
        `"${as}" is mounted already: "${there.stream}" of partition ` +
          `${there.partition}`,
      );
    }
    const made = putLink(mount);
    try {
      this.#book.change({
        mounts: [...mounts.filter((one) => one !== there), mount],
      });
    } catch (error) {
      if (made) dropLink(mount);
      throw error;
    }
    this.#book.tell(`mounted "${stream}" of partition ${partition} as "${as}"`);
    return mount;
  }

  /** Takes a mount away. */
  async umount(name: string): Promise<Mount> {
    const path = isStreamPath(name)
      ? resolve(name)
      : join(this.#book.state.dir, requireName(name) + SUFFIX);
    const { mounts } = this.#book.state;
    const mount = mounts.find((one) => one.path === path);
    if (mount === undefined) {
      throw new PartitionError(`Nothing is mounted as "${name}"`);
    }
    this.#book.change({ mounts: mounts.filter((one) => one !== mount) });
    this.#waiting.delete(path);
    await this.drop(mount);
    this.#book.tell(`unmounted "${name}"`);
    return mount;
  }

  /** Takes away what is ours of a mount: its link, or its copy. */
  async drop(mount: Mount): Promise<void> {
    const { partition, made } = mount;
    if (made !== true && this.#remote?.peer(partition) === undefined) {
      dropLink(mount);
    } else if (this.#remote !== undefined) await this.#remote.end(mount);
    else Remote.removeCopy(mount); // its configuration names no peers any more
  }

  /** Takes away what is ours of every mount. */
  async dropAll(): Promise<void> {
    await Promise.all(this.#book.state.mounts.map((mount) => this.drop(mount)));
  }
}
