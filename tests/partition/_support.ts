/** A host with partitions, in a run folder that goes with the test. */

import "../_support/load.ts";
import { processStartNs } from "../../ffi/process.ts";
import { makeRunFolder } from "../../src/partition/run_folder.ts";
import {
  readRegistry,
  removeFromKernel,
} from "../../src/partition/registry.ts";
import { Part } from "../../src/partition/part.ts";
import {
  DEFAULT_LIMITS,
  type Limits,
  writeUnit,
} from "../../src/partition/unit.ts";
import type { Peer } from "../../src/partition/peers.ts";
import { Xp } from "../../src/partition/xp.ts";

/** A host. */
export class Host implements Disposable {
  /** The folder that holds the run folder and the streams. */
  readonly path: string = Deno.makeTempDirSync({ prefix: "shmim_part_" });
  /** The run folder. */
  readonly run: string = `${this.path}/run`;

  constructor() {
    makeRunFolder(this.run);
  }

  /** A partition that is up; this process stands for its daemon. */
  up(
    unit: number,
    partition: number,
    limits: Partial<Limits> = {},
    peers: readonly Peer[] = [],
  ): {
    xp: Xp;
    part: Part;
  } {
    writeUnit(this.run, {
      unit,
      partition,
      hostname: "here",
      dir: this.path,
      up: true,
      pid: Deno.pid,
      startNs: `${processStartNs(Deno.pid)}`,
      starts: 1,
      limits: { ...DEFAULT_LIMITS, ...limits },
      shares: [],
      mounts: [],
      peers,
      duties: [],
      pumps: [],
      identity: "test",
    });
    const place = { run: this.run, unit };
    return { xp: new Xp(place), part: new Part(place) };
  }

  [Symbol.dispose](): void {
    try {
      for (const entry of readRegistry(this.run).segments) {
        removeFromKernel(entry);
      }
    } finally {
      Deno.removeSync(this.path, { recursive: true });
    }
  }
}
