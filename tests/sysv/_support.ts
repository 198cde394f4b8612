/**
 * Keys and segments of one test: every test has a file of its own to make
 * keys of, and whatever it made is removed.
 * @module
 */

import "../_support/load.ts";
import { Segment, type SegmentOptions } from "../../src/sysv/segment.ts";

/** A file that keys are made of; disposing removes all that has its keys. */
export class Keys implements Disposable {
  /** The file. */
  readonly path: string;
  readonly #segments = new Set<Segment>();

  constructor() {
    this.path = Deno.makeTempFileSync({ prefix: "shmim-key-" });
  }

  /** A key of the file. */
  key(id = 1): { path: string; id: number } {
    return { path: this.path, id };
  }

  /** Makes a segment that goes with the test. */
  create(id: number, options: Partial<SegmentOptions> = {}): Segment {
    const segment = Segment.create(this.key(id), { size: 4096, ...options });
    this.#segments.add(segment);
    return segment;
  }

  /** Takes care of a segment. */
  add(segment: Segment): Segment {
    this.#segments.add(segment);
    return segment;
  }

  /** What is left under a key, by its number of the kernel. */
  find(id = 1): number | undefined {
    try {
      return Segment.open(this.key(id)).shmid;
    } catch {
      return undefined;
    }
  }

  [Symbol.dispose](): void {
    for (const segment of this.#segments) {
      try {
        segment.remove();
      } catch {
        // it is gone already
      }
      segment.close();
    }
    Deno.removeSync(this.path);
  }
}

/**
 * Takes the segment of a device away when the test ends, however it ends:
 * then the device ends, too.
 */
export function endsDevice(key: { path: string; id: number }): Disposable {
  return {
    [Symbol.dispose]: () => {
      try {
        Segment.open(key).remove();
      } catch {
        // it has ended
      }
    },
  };
}
