/** Waiting, and the claims of semaphores. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { WAIT_MODES, Waiter } from "../../src/stream/wait.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { Folder } from "../_support/folder.ts";
import { Foreign } from "../_support/foreign.ts";
import { onTable, post } from "../_support/semaphores.ts";

const PIXELS = new Uint8Array(4);
/** Long enough for any machine: a test that needs it has failed. */
const LONG_MS = 30_000;

function camera(folder: Folder, semaphores = 10): Stream {
  return Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u8",
    semaphores,
  });
}

function readers(stream: Stream): number[] {
  return stream.semaphores().map(({ readerPid }) => readerPid);
}

function claim(stream: Stream, semaphore?: number): Waiter {
  return new Waiter(
    stream.mapping,
    semaphore === undefined ? {} : { semaphore },
    stream.name,
  );
}

/** A pid that existed a moment ago. */
async function deadPid(): Promise<number> {
  await using child = Child.spawn("sleep", ["60"]);
  await child.kill();
  return child.pid;
}

for (const mode of WAIT_MODES) {
  Deno.test(`Stream.wait() in mode ${mode} ends with the next frame`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    const wait = stream.wait({ mode, timeoutMs: LONG_MS });
    stream.write(PIXELS);
    assertEquals(await wait, true);
  });

  Deno.test(`Stream.wait() in mode ${mode} hears another process`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    await using child = Child.start(`
      import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
      using stream = Stream.open("${stream.path}");
      console.log("ready");
      await Deno.stdin.read(new Uint8Array(8));
      stream.write(new Uint8Array(4));
    `);
    assertEquals(await child.line(), "ready");
    const wait = stream.wait({ mode, timeoutMs: LONG_MS });
    await child.say("go");
    assertEquals(await wait, true);
    assertEquals(await child.ended(), 0);
  });

  Deno.test(`Stream.wait() in mode ${mode} gives a timeout as a value`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    assertEquals(await stream.wait({ mode, timeoutMs: 15 }), false);
    assertEquals(await stream.wait({ mode, timeoutMs: 0 }), false);
  });

  Deno.test(`Stream.wait() in mode ${mode} ends with its signal`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    const controller = new AbortController();
    const wait = stream.wait({ mode, signal: controller.signal });
    controller.abort();
    assertEquals(await wait, false);
  });

  Deno.test(`Stream.wait() in mode ${mode} sees a frame that is there already`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    stream.write(PIXELS);
    assertEquals(await stream.wait({ mode, since: 0n }), true);
  });

  Deno.test(`Stream.wait() in mode ${mode} takes a counter that goes back for news`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    using file = new Foreign(stream.path);
    file.set("cnt0", 100n);
    const wait = stream.wait({ mode, timeoutMs: LONG_MS });
    file.set("cnt0", 3n);
    await post(stream, -1);
    assertEquals(await wait, true);
  });
}

Deno.test("Stream.wait() does not begin where its signal came before", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  assertEquals(await stream.wait({ signal: AbortSignal.abort() }), false);
});

Deno.test("Stream.wait() is not fooled by a post without a frame", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const wait = stream.wait({ mode: "semaphore", timeoutMs: 50 });
  await post(stream, -1);
  assertEquals(await wait, false);
});

Deno.test("Stream.wait() claims a semaphore and gives it back", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const wait = stream.wait({ timeoutMs: LONG_MS });
  assertEquals(readers(stream)[0], Deno.pid);
  stream.write(PIXELS);
  await wait;
  assertEquals(readers(stream)[0], 0);
});

Deno.test("Stream.close() during a wait ends it and gives the semaphore back", async () => {
  using folder = new Folder();
  using other = camera(folder);
  const stream = Stream.open("cam", { dir: folder.path });
  const wait = stream.wait();
  assertEquals(readers(other)[0], Deno.pid);
  stream.close();
  await assertRejects(() => wait, TypeError, "it is closed");
  assertEquals(readers(other)[0], 0);
});

Deno.test("Stream.close() gives the semaphore of a forgotten reader back", () => {
  using folder = new Folder();
  using other = camera(folder);
  const stream = Stream.open("cam", { dir: folder.path });
  const waiter = claim(stream);
  stream.close();
  assertEquals(readers(other)[0], 0);
  waiter.close();
});

Deno.test("Waiter takes the lowest free semaphore, number 6 last", () => {
  using folder = new Folder();
  using stream = camera(folder);
  using claims = new DisposableStack();
  const taken: number[] = [];
  for (let i = 0; i < 10; i++) {
    const waiter = claims.use(claim(stream));
    taken.push(waiter.settings.semaphore);
  }
  assertEquals(taken, [0, 1, 2, 3, 4, 5, 7, 8, 9, 6]);
  assertEquals(readers(stream), Array(10).fill(Deno.pid));
});

Deno.test("Waiter gives two streams of one process a semaphore each", () => {
  using folder = new Folder();
  using one = camera(folder);
  using two = Stream.open("cam", { dir: folder.path });
  using a = claim(one, 3);
  using b = claim(two, 3);
  assertEquals([a.settings.semaphore, b.settings.semaphore], [3, 0]);
});

Deno.test("Waiter takes the preferred semaphore where it is free, also 6", () => {
  using folder = new Folder();
  using stream = camera(folder);
  using a = claim(stream, 6);
  using b = claim(stream, 8);
  using c = claim(stream, 99);
  assertEquals(
    [a, b, c].map(({ settings }) => settings.semaphore),
    [6, 8, 0],
  );
});

Deno.test("Waiter empties the semaphore that it takes", () => {
  using folder = new Folder();
  using stream = camera(folder);
  for (let i = 0; i < 4; i++) stream.write(PIXELS);
  using _waiter = claim(stream, 2);
  const values = stream.semaphores().map(({ value }) => value);
  assertEquals(values, [4, 4, 0, 4, 4, 4, 4, 4, 4, 4]);
});

Deno.test("Waiter is not held up by a damaged semaphore", () => {
  using folder = new Folder();
  using stream = camera(folder);
  using file = new Foreign(stream.path);
  file.setInt32(stream.layout.table.sems, 0x7FFF_FFFF);
  using waiter = claim(stream);
  assertEquals(waiter.settings.semaphore, 0);
  // Taking off 2^31 posts one by one takes tens of seconds: it gave up early.
  const [left] = stream.semaphores();
  assert((left?.value ?? 0) > 0x7FF0_0000, `${left?.value} posts are left`);
});

Deno.test("Waiter leaves the claims of living processes alone", () => {
  using folder = new Folder();
  using stream = camera(folder, 3);
  using file = new Foreign(stream.path);
  file.setInt32(stream.layout.table.readerPids, Deno.ppid);
  using waiter = claim(stream, 0);
  assertEquals(waiter.settings.semaphore, 1);
  assertEquals(readers(stream), [Deno.ppid, Deno.pid, -1]);
});

Deno.test("Waiter takes the claim of a dead process over", async () => {
  using folder = new Folder();
  using stream = camera(folder, 2);
  using file = new Foreign(stream.path);
  const { readerPids } = stream.layout.table;
  file.setInt32(readerPids, Deno.ppid);
  file.setInt32(readerPids + 4, await deadPid());
  using waiter = claim(stream);
  assertEquals(waiter.settings.semaphore, 1);
});

Deno.test("Waiter takes over what a killed reader of this stream left", async () => {
  using folder = new Folder();
  using stream = camera(folder, 1);
  {
    await using child = Child.start(`
      import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
      const stream = Stream.open("${stream.path}");
      stream.wait({ timeoutMs: 60_000 });
      console.log("waiting");
    `);
    assertEquals(await child.line(), "waiting");
    assertEquals(readers(stream), [child.pid]);
    await child.kill();
    assertEquals(readers(stream), [child.pid]);
  }
  using waiter = claim(stream);
  assertEquals(waiter.settings.semaphore, 0);
});

Deno.test("Waiter takes a slot with its own pid that no reader holds", () => {
  using folder = new Folder();
  using stream = camera(folder, 1);
  using file = new Foreign(stream.path);
  // An earlier process had the same pid.
  file.setInt32(stream.layout.table.readerPids, Deno.pid);
  using waiter = claim(stream);
  assertEquals(waiter.settings.semaphore, 0);
});

Deno.test("Waiter polls with one warning where all semaphores are taken", async () => {
  using folder = new Folder();
  using stream = camera(folder, 1);
  using _first = claim(stream);
  const warnings: string[] = [];
  const wait = stream.wait({
    mode: "adaptive",
    timeoutMs: LONG_MS,
    onWarning: (message) => warnings.push(message),
  });
  stream.write(PIXELS);
  assertEquals(await wait, true);
  assertEquals(warnings, [
    'Cannot wait on a semaphore of "cam": all semaphores are taken; ' +
    "polling instead",
  ]);
});

Deno.test("Waiter polls on a stream without semaphores", async () => {
  using folder = new Folder();
  using stream = camera(folder, 0);
  const wait = stream.wait({ timeoutMs: LONG_MS });
  stream.write(PIXELS);
  assertEquals(await wait, true);
});

Deno.test("Waiter polls on a stream opened for reading and leaves it alone", async () => {
  using folder = new Folder();
  using writer = camera(folder);
  using stream = Stream.open("cam", { dir: folder.path, writable: false });
  const warnings: string[] = [];
  const wait = stream.wait({
    timeoutMs: LONG_MS,
    onWarning: (message) => warnings.push(message),
  });
  assertEquals(readers(writer), Array(10).fill(-1));
  writer.write(PIXELS);
  assertEquals([await wait, warnings], [true, []]);
});

Deno.test("Waiter says why it cannot sleep on a stream opened for reading", () => {
  using folder = new Folder();
  using _writer = camera(folder);
  using stream = Stream.open("cam", { dir: folder.path, writable: false });
  const warnings: string[] = [];
  using waiter = new Waiter(stream.mapping, {
    mode: "semaphore",
    onWarning: (message) => warnings.push(message),
  }, "cam");
  assertEquals(WAIT_MODES[waiter.settings.mode], "poll");
  assert(warnings[0]?.includes("it may not be written"));
});

Deno.test("Waiter.close() gives only its own claim back, once", () => {
  using folder = new Folder();
  using stream = camera(folder, 2);
  using file = new Foreign(stream.path);
  const waiter = claim(stream);
  file.setInt32(stream.layout.table.readerPids, Deno.ppid);
  waiter.close();
  waiter.close();
  assertEquals(readers(stream), [Deno.ppid, -1]);
});

Deno.test("Waiter claims compete between processes without sharing", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const code = `
    import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
    import { Waiter } from "${moduleUrl("src/stream/wait.ts")}";
    const stream = Stream.open("${stream.path}");
    const found = [];
    for (let i = 0; i < 3; i++) {
      found.push(new Waiter(stream.mapping, {}, "cam").settings.semaphore);
    }
    console.log(found.join(" "));
    await Deno.stdin.read(new Uint8Array(8));
  `;
  await using stack = new AsyncDisposableStack();
  const children = [1, 2, 3].map(() => stack.use(Child.start(code)));
  const lines = await Promise.all(children.map((child) => child.line()));
  const taken = lines.flatMap((line) => line.split(" ").map(Number));
  // 6 is the tenth: nine readers never need it.
  assertEquals(taken.sort(), [0, 1, 2, 3, 4, 5, 7, 8, 9]);
});

/** Starts a Worker that waits for the next frame on its own thread. */
function waitingWorker(folder: Folder, copies?: number): {
  next(): Promise<unknown>;
  close(): Promise<void>;
} {
  const worker = new Worker(
    new URL("../_support/waiter_worker.ts", import.meta.url),
    { type: "module" },
  );
  const messages: unknown[] = [];
  let wake = Promise.withResolvers<void>();
  worker.onmessage = ({ data }): void => {
    messages.push(data);
    wake.resolve();
  };
  worker.postMessage({ name: "cam", dir: folder.path, copies });
  const next = async (): Promise<unknown> => {
    while (messages.length === 0) {
      await wake.promise;
      wake = Promise.withResolvers();
    }
    return messages.shift();
  };
  return {
    next,
    close: async (): Promise<void> => {
      worker.postMessage("close");
      assertEquals(await next(), "closed");
      worker.terminate();
    },
  };
}

Deno.test("Stream.blockingWaiter() waits in a Worker", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const worker = waitingWorker(folder);
  assertEquals(await worker.next(), "ready");
  assertEquals(readers(stream)[0], Deno.pid);
  stream.write(PIXELS);
  assertEquals(await worker.next(), { other: true, seen: true, cnt0: 1n });
  await worker.close();
  assertEquals(readers(stream)[0], 0);
});

Deno.test("Stream.blockingWaiter() waits and copies in one call", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const worker = waitingWorker(folder, 7);
  assertEquals(await worker.next(), "ready");
  stream.write(new Uint8Array(4).fill(7));
  assertEquals(await worker.next(), { other: true, seen: true, cnt0: 1n });
  await worker.close();
});

Deno.test("Stream.blockingWaiter() gives every Worker a semaphore of its own", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const workers = Array.from({ length: 6 }, () => waitingWorker(folder));
  for (const worker of workers) assertEquals(await worker.next(), "ready");
  const taken = readers(stream).filter((pid) => pid === Deno.pid).length;
  stream.write(PIXELS);
  for (const worker of workers) {
    assertEquals(await worker.next(), { other: true, seen: true, cnt0: 1n });
    await worker.close();
  }
  assertEquals(taken, 6);
});

Deno.test("Stream.blockingWaiter() refuses the main thread", () => {
  using folder = new Folder();
  using stream = camera(folder);
  assertThrows(() => stream.blockingWaiter(), TypeError, "use it in a Worker");
  assertEquals(readers(stream), Array(10).fill(-1));
});

Deno.test("shmim_sem_claim() is refused on a stream opened for reading", async () => {
  using folder = new Folder();
  using _writer = camera(folder);
  using stream = Stream.open("cam", { dir: folder.path, writable: false });
  const result = await onTable(
    stream,
    (helper, table) => helper.shmim_sem_claim(table, -1),
  );
  assertEquals(result, -13);
});

Deno.test("Waiter respects a claim for as long as its process lives", async () => {
  using folder = new Folder();
  using stream = camera(folder, 2);
  await using child = Child.spawn("sleep", ["60"]);
  using file = new Foreign(stream.path);
  file.setInt32(stream.layout.table.readerPids, child.pid);
  {
    using waiter = claim(stream, 0);
    assertEquals(waiter.settings.semaphore, 1);
  }
  await child.kill();
  using waiter = claim(stream, 0);
  assertEquals(waiter.settings.semaphore, 0);
});
