/**
 * A file that shrinks while it is mapped, in the kinds of calls that run for
 * a while: pumps, Workers, conversions and whole commands. Each ends with an
 * error that says so; none ends the process. The plain calls are in
 * tests/ffi/mapping_test.ts.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { SystemError } from "../../ffi/errno.ts";
import { OpenFile } from "../../ffi/files.ts";
import {
  type Conversion,
  convertBytes,
  convertFile,
} from "../../ffi/convert.ts";
import { listStreams } from "../../src/stream/list.ts";
import { observeStream } from "../../src/stream/observe.ts";
import { Relay } from "../../src/stream/relay.ts";
import { Stream } from "../../src/stream/stream.ts";
import { WAIT_MODES } from "../../src/stream/wait.ts";
import { askSocket, type Request } from "../../src/partition/control.ts";
import { done, Folder, Running, until } from "../_support/cli.ts";
import { Meanwhile } from "../_support/meanwhile.ts";

/** Larger than a page, so that the header may stay where the pixels go. */
const SIZE = [200, 200];

function camera(folder: Folder, name = "cam"): Stream {
  const stream = Stream.create(name, {
    dir: folder.path,
    size: SIZE,
    type: "u16",
    circularBuffer: 2,
  });
  stream.write(new Uint16Array(40_000).fill(7));
  return stream;
}

const LEFT = [0, 4096, 40_000];

async function assertBroken(work: Promise<unknown>): Promise<void> {
  const error = await assertRejects(() => work, SystemError);
  assertEquals(error.code, "EBADFD");
}

for (const left of LEFT) {
  Deno.test(`Relay.start() ends where its source shrinks to ${left} bytes`, async () => {
    using folder = new Folder();
    using from = camera(folder);
    using to = camera(folder, "copy");
    const relay = Relay.start(from, to);
    from.poke();
    await until("a copy", () => relay.counters().frames > 0);
    Deno.truncateSync(from.path, left);
    await assertBroken(relay.done);
    assertEquals(to.read().torn, false, "the other one is whole");
  });

  Deno.test(`Relay.start() ends where its target shrinks to ${left} bytes`, async () => {
    using folder = new Folder();
    using from = camera(folder);
    using to = camera(folder, "copy");
    const relay = Relay.start(from, to);
    Deno.truncateSync(to.path, left);
    const outcome = assertBroken(relay.done);
    let ended = false;
    outcome.then(() => ended = true, () => ended = true);
    await until("its end", () => {
      from.poke();
      return ended;
    });
    await outcome;
    from.read();
  });
}

Deno.test("observeStream() that fails on the way leaves no thread and no claim", async () => {
  using folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u16",
  });
  await assertRejects(
    () =>
      observeStream(stream, {
        durationMs: 10_000,
        onProgress: () => {
          throw new Error("no terminal");
        },
      }),
    Error,
    "no terminal",
  );
  const claims = stream.semaphores().filter(({ readerPid }) => readerPid > 0);
  assertEquals(claims, []);
});

Deno.test("observeStream() ends where the stream shrinks", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  let shrunk = false;
  const watched = observeStream(stream, {
    durationMs: 60_000,
    onProgress: () => {
      if (!shrunk) Deno.truncateSync(stream.path, 4096);
      shrunk = true;
    },
  });
  await assertBroken(watched);
});

Deno.test("listStreams() says that a stream shrank while it was watched", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  using _other = camera(folder, "other");
  const list = listStreams({ dir: folder.path, watchMs: 200 });
  Deno.truncateSync(stream.path, 0);
  const [cam, other] = await list;
  assert(cam !== undefined && "error" in cam);
  assertMatch(cam.error, /shrank/);
  assert(other !== undefined && !("error" in other));
});

const BYTES: Conversion = { width: 2, flipSign: false, stored: "integer" };

Deno.test("convertBytes() and convertFile() report that the stream shrank", async () => {
  using folder = new Folder();
  const file = folder.file("pixels");
  Deno.writeFileSync(file, new Uint8Array(80_000));
  for (const left of LEFT) {
    using stream = camera(folder, `cam${left}`);
    using source = OpenFile.open(file, { writable: false });
    stream.mapping.beginFrame();
    Deno.truncateSync(stream.path, left);
    await assertBroken(
      convertBytes(stream.mapping, 0, new Uint8Array(80_000), 40_000, BYTES),
    );
    await assertBroken(
      convertFile(stream.mapping, 0, { file: source, at: 0 }, 40_000, BYTES),
    );
    for (const end of ["endFrame", "abandonFrame", "beginFrame"] as const) {
      await assertBroken((async () => await stream.mapping[end]())());
    }
  }
});

Deno.test("convertFile() says that the file to convert shrank", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const file = folder.file("pixels");
  Deno.writeFileSync(file, new Uint8Array(80_000));
  using source = OpenFile.open(file, { writable: false });
  Deno.truncateSync(file, 3);
  const error = await assertRejects(
    () =>
      convertFile(stream.mapping, 0, { file: source, at: 0 }, 40_000, BYTES),
    SystemError,
  );
  assertEquals(error.code, "ENODATA");
});

Deno.test("Stream.close() of a stream that shrank gives up its semaphore quietly", async () => {
  using folder = new Folder();
  const stream = camera(folder);
  const frames = stream.frames({ first: true, mode: "semaphore" });
  await frames.next();
  Deno.truncateSync(stream.path, 0);
  await frames.return();
  stream.close();
});

for (const mode of WAIT_MODES) {
  Deno.test(`Stream.blockingWaiter() in mode ${mode} reports that the file shrank`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    const worker = new Worker(
      new URL("../_support/shrink_worker.ts", import.meta.url),
      { type: "module" },
    );
    const messages: string[] = [];
    worker.onmessage = ({ data }): void => {
      messages.push(data);
    };
    try {
      worker.postMessage({ dir: folder.path, mode });
      await until("the Worker to wait", () => messages.length > 0);
      Deno.truncateSync(stream.path, 0);
      await until("its end", () => messages.length > 1);
      // A counter of zeros may come first; what follows says what it is.
      assertMatch(messages[1] ?? "", /shrank/);
    } finally {
      worker.terminate();
    }
  });
}

/** Commands that run for a while, and when to take the file away. */
const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ["read", ["read", "cam", "--count", "99", "--timeout", "60"]],
  ["stat", ["stat", "cam", "--duration", "60"]],
  ["stat on a semaphore", [
    "stat",
    "cam",
    "--duration",
    "60",
    "--wait",
    "semaphore",
  ]],
  ["copy from it", ["copy", "cam", "other", "--follow"]],
  ["copy into it", ["copy", "other", "cam", "--follow"]],
  ["write", ["write", "cam", "--pattern", "gradient", "--rate", "50"]],
  ["save", "save cam cam.fits --count 9 --wait semaphore".split(" ")],
  ["record", "record cam night --duration 60".split(" ")],
  ["replay", "replay one.fits cam --rate 2 --loop".split(" ")],
  ["convert", "convert cam DAO --format dao --follow".split(" ")],
];

for (const [name, words] of COMMANDS) {
  Deno.test(`shmim ${name} ends with one line where its stream shrinks`, async () => {
    using folder = new Folder();
    using stream = camera(folder);
    using other = camera(folder, "other");
    const dao = `shrink${crypto.randomUUID().slice(0, 8)}`;
    using _ = semaphoresOf(dao);
    if (name === "replay") {
      await done(["save", "other", "one.fits"], { folder, cwd: folder.path });
    }
    await using child = new Running(
      words.map((word) => word.replace("DAO", dao)),
      { folder, cwd: folder.path },
    );
    {
      await using _writing = new Meanwhile(20, () => other.poke());
      await until("it has the stream mapped", () => maps(child.pid, "cam"));
      Deno.truncateSync(stream.path, 0);
      assertEquals(await child.ended(), 1, child.err);
    }
    assertMatch(child.err, /shrank|never pauses|is not whole|empty/);
    assertEquals(child.err.match(/ at .*\.ts:/), null, "no stack");
  });
}

/** Removes what a stream of DAO's leaves in /dev/shm. */
function semaphoresOf(name: string): Disposable {
  return {
    [Symbol.dispose](): void {
      for (const { name: file } of Deno.readDirSync("/dev/shm")) {
        if (file.startsWith(`sem.${name}_`)) {
          Deno.removeSync(`/dev/shm/${file}`);
        }
      }
    },
  };
}

Deno.test("shmim top says that a stream shrank while it was watched", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  using _other = camera(folder, "other");
  await using child = new Running(["top", "--json", "--watch", "2"], {
    folder,
  });
  await until("it has the stream mapped", () => maps(child.pid, "cam"));
  Deno.truncateSync(stream.path, 0);
  assertEquals(await child.ended(), 0, child.err);
  const [cam, other] = JSON.parse(child.out);
  assertMatch(cam.error, /shrank|empty|not whole/);
  assertEquals(other.error, null);
});

Deno.test("shmim carry lives on where a stream shrinks, and sends it again when it is whole", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = camera(here);
  const start = async (kind: string, folder: Folder): Promise<Running> => {
    const control = folder.file("c.sock");
    const words = ["carry", kind, "127.0.0.1", "--control", control];
    const one = new Running(words, { folder });
    await one.says(/stands/);
    return one;
  };
  const ask = (folder: Folder, request: Request): Promise<unknown> =>
    askSocket(folder.file("c.sock"), "it", request, 5);
  const add = (folder: Folder, port: number): Promise<unknown> => {
    const path = folder.stream("cam");
    return ask(folder, { do: "add", id: "cam", path, port, after: "0" });
  };
  await using receiver = await start("receive", there);
  await using sender = await start("transmit", here);
  const { port } = await add(there, 0) as { port: number };
  await add(here, port);
  const arrived = (least: bigint): boolean => {
    try {
      using cam = Stream.open("cam", { dir: there.path, writable: false });
      return cam.cnt0 >= least;
    } catch {
      return false;
    }
  };
  await until("a frame", () => (source.poke(), arrived(1n)));
  Deno.truncateSync(source.path, 0);
  const told = async (): Promise<string> =>
    JSON.stringify(await ask(here, { do: "status", after: 0 }));
  await until("a word about it", async () => /shrank|empty/.test(await told()));
  Deno.removeSync(source.path);
  using again = camera(here);
  await until("a frame of the new one", () => {
    again.poke();
    return arrived(2n);
  });
  assertEquals(await sender.end(), 143);
  assertEquals(await receiver.end(), 143);
});

/** Whether a process has a stream mapped. */
function maps(pid: number, name: string): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/maps`).includes(
      `/${name}.im.shm`,
    );
  } catch {
    return false;
  }
}

Deno.test("shmim transmit and receive live on where a stream shrinks", async () => {
  using here = new Folder();
  using there = new Folder();
  using source = camera(here);
  await using receiver = new Running(["receive", "0"], { folder: there });
  const [, port = ""] = await receiver.says(/listening on 127\.0\.0\.1:(\d+)/);
  await using sender = new Running(
    ["transmit", "cam", "127.0.0.1", port],
    { folder: here },
  );
  await receiver.says(/sends "cam"/);
  await until("a destination", () => there.names().includes("cam.im.shm"));
  Deno.truncateSync(there.stream("cam"), 0);
  const writing = setInterval(() => source.poke(), 20);
  try {
    await receiver.says(/shrank/);
  } finally {
    clearInterval(writing);
  }
  Deno.truncateSync(source.path, 0);
  assertEquals(await sender.ended(), 1, sender.err);
  assertEquals(await receiver.end(), 143);
});

Deno.test("Stream.publish() and readInto() notice a file that shrinks within its last page", async () => {
  using folder = new Folder();
  using stream = camera(folder);
  const pixels = new Uint16Array(40_000).fill(7);
  stream.publish(pixels);
  stream.readInto(pixels);
  Deno.truncateSync(stream.path, Deno.statSync(stream.path).size - 8);
  await new Promise((done) => setTimeout(done, 20)); // they look rarely
  for (
    const call of [() => stream.readInto(pixels), () => stream.publish(pixels)]
  ) {
    const error = assertThrows(call, SystemError);
    assertEquals(error.code, "EBADFD");
  }
});

Deno.test("Stream.publish() and readInto() of a closed stream never reach the next one", () => {
  using folder = new Folder();
  const pixels = new Uint16Array(40_000).fill(7);
  const closed = camera(folder);
  closed.close();
  using next = camera(folder, "next");
  const before = next.cnt0;
  assertThrows(() => closed.publish(pixels), TypeError, "closed");
  assertThrows(() => closed.readInto(pixels), TypeError, "closed");
  assertEquals(next.cnt0, before);
});
