/**
 * Ports of loopback for programs that listen later: nobody else is given them.
 * They lie below those that the kernel hands out, and a test file holds a block
 * of them for as long as it runs.
 * @module
 */

const FIRST = 12_000;
const BLOCKS = 310;
const BLOCK = 64; // up to 31,839: from 32,768 on the kernel takes some itself

function listen(port: number): Deno.TcpListener | undefined {
  try {
    return Deno.listen({ hostname: "127.0.0.1", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return undefined;
    throw error;
  }
}

/** Takes a block that nobody has: whoever listens on its first port has it. */
function takeBlock(): number {
  for (;;) {
    const first = FIRST + BLOCK * Math.floor(Math.random() * BLOCKS);
    const held = listen(first);
    if (held === undefined) continue;
    held.unref();
    return first;
  }
}

const block = takeBlock();
let given = 0;

/** A port that nobody listens on, and nobody else will. */
export function freePort(): number {
  return freePorts(1);
}

/** The first of several ports that nobody listens on, one after another. */
export function freePorts(count: number): number {
  for (let tried = 0; tried < BLOCK; tried++) {
    if (given + count >= BLOCK) given = 0; // what was given first is free again
    const first = block + 1 + given;
    given += count;
    const listeners = Array.from(
      { length: count },
      (_, i) => listen(first + i),
    );
    for (const listener of listeners) listener?.close();
    if (listeners.every((listener) => listener !== undefined)) return first;
  }
  throw new Error(`No ${count} ports of ${block} to ${block + BLOCK} are free`);
}
