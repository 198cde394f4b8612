/** Segments of three partitions while the line and the owner are lost. */

import { assert, assertEquals } from "@std/assert";
import { IPC_AUTORMID, IPC_CREAT } from "../../src/partition/xp.ts";
import { Folder, until } from "../_support/cli.ts";
import type { Program } from "../partition/_site.ts";
import { pause } from "./_frames.ts";
import { netTest } from "./_hosts.ts";
import { Partition, Two } from "./_partitions.ts";

const BYTES = 20_000;
const SECONDS = 8;

/** Updates at random places until the time is up, each tried until made. */
const WRITE = `
  const end = performance.now() + ${SECONDS * 1000};
  let made = 0, failed = 0;
  while (performance.now() < end) {
    const bytes = new Uint8Array(1 + Math.random() * 2000)
      .fill(Math.random() * 256);
    const at = Math.floor(Math.random() * (${BYTES} - bytes.length));
    try {
      own.memory.update(at, bytes);
      made++;
    } catch (error) {
      failed++;
    }
    const until = performance.now() + 1;
    while (performance.now() < until);
  }
  return { made, failed };
`;

async function hashes(programs: readonly Program[]): Promise<string[]> {
  return await Promise.all(programs.map((program) =>
    program.does(`
      let hash = 0n;
      for (const byte of own.memory.read()) {
        hash = BigInt.asUintN(64, hash * 31n + BigInt(byte));
      }
      return own.memory.updates + " " + hash;
    `)
  ));
}

netTest(
  "segments: three partitions write; the line breaks, the owner dies and comes back",
  async (pair) => {
    await using both = new Two(pair);
    const { one, two } = both;
    using streams = new Folder("/tmp");
    await using three = new Partition(pair.icc, 3, { port: 7101, streams });
    const all = [one, two, three];
    for (const partition of all) {
      partition.configure(all.filter((one) => one !== partition), [], 20);
    }
    await Promise.all(all.map((partition) => partition.up()));
    await using a = one.program();
    await using b = two.program();
    await using c = three.program();
    const programs = [a, b, c];
    for (const program of programs) {
      await program.does(`
        const key = xp.ftok("/partition/1", 1);
        own.id = xp.shmget(key, ${BYTES}, ${IPC_CREAT});
        own.memory = xp.shmat(own.id);
      `);
    }
    await a.does(`xp.shmctl(own.id, ${IPC_AUTORMID})`);
    for (const program of programs) await program.begin(WRITE);
    await pause(1000);
    await pair.rtc.cable("down");
    await pause(2000);
    await pair.rtc.cable("up");
    await pause(1000);
    await one.powerCut();
    await pause(500);
    await one.up();
    const made = (await Promise.all(programs.map((one) => one.end())))
      .map((said) => {
        assertEquals(said.error, undefined);
        return said.value as { made: number; failed: number };
      });
    assert(made.every(({ made }) => made > 20), JSON.stringify(made));
    assertEquals(made.map(({ failed }) => failed), [0, 0, 0], "within 20 s");
    let found: string[] = [];
    await until(() => `the same everywhere: ${found.join(", ")}`, async () => {
      found = await hashes(programs);
      return new Set(found).size === 1;
    });
    const updates = made.reduce((sum, { made }) => sum + made, 0);
    assertEquals(found[0]?.split(" ")[0], `${updates}`, "each was made once");
    assertEquals(await a.does("return own.memory.broken"), 0);
    for (const program of programs) await program.does("own.memory.close()");
    for (const partition of all.toReversed()) {
      await partition.shutdown();
      partition.requireNothingLeft();
    }
  },
);
