/** `shmim copy`, `shmim compare` and `shmim stat` as processes. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { done, Folder, json, Running, shmim, until } from "../_support/cli.ts";

function create(folder: Folder, name: string, size = [3, 2]): Stream {
  return Stream.create(name, { dir: folder.path, size, type: "f32" });
}

Deno.test("shmim copy makes the target with pixels, keywords and time", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  from.setKeywords([{ name: "A", type: "S", value: "b", comment: "c" }]);
  const pixels = new Float32Array([1, 2, NaN, 4, -0, Infinity]);
  from.write(pixels, { atimeNs: 1_700_000_000_123_456_789n });
  await done(["copy", "from", "to"], { folder });
  using to = Stream.open("to", { dir: folder.path });
  const frame = to.read();
  assertEquals(frame.bytes, new Uint8Array(pixels.buffer));
  assertEquals(frame.atimeNs, 1_700_000_000_123_456_789n);
  assertEquals(frame.cnt0, 1n);
  assertEquals(to.keywords(), from.keywords());
});

Deno.test("shmim copy --follow carries every frame of a patient writer", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  using to = create(folder, "to");
  const running = new Running(["copy", "from", "to", "--follow"], { folder });
  await using _running = running;
  // The reader's claim shows that it is there.
  await until(
    "a claim",
    () => from.semaphores().some(({ readerPid }) => readerPid === running.pid),
  );
  for (let n = 1; n <= 200; n++) {
    from.write(new Float32Array(6).fill(n));
    await until(`frame ${n}`, () => to.cnt0 === BigInt(n));
    assertEquals(to.read().pixels, new Float32Array(6).fill(n));
  }
  const [entry] = to.trace();
  assertEquals(entry?.triggerInode, from.inode);
  assertEquals(entry?.cnt0, 200n);
  assertEquals(to.trace()[1]?.pid, Deno.pid);
  assertEquals(await running.end("SIGINT"), 130);
  assert(from.semaphores().every(({ readerPid }) => readerPid !== running.pid));
  assertEquals(to.fields().writing, false);
});

Deno.test("shmim copy --follow goes on where it cannot look after a name, and says so", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  using to = create(folder, "to");
  const running = new Running(["copy", "from", "to", "--follow"], { folder });
  await using _running = running;
  await until(
    "a claim",
    () => from.semaphores().some(({ readerPid }) => readerPid === running.pid),
  );
  Deno.renameSync(folder.stream("from"), folder.file("aside"));
  Deno.symlinkSync("from.im.shm", folder.stream("from")); // a circle
  await running.says(/cannot look whether "from".*ELOOP.*; going on/);
  from.write(new Float32Array(6).fill(5));
  await until("the frame", () => to.cnt0 === 1n);
  Deno.removeSync(folder.stream("from"));
  Deno.renameSync(folder.file("aside"), folder.stream("from"));
  assertEquals(await running.end("SIGINT"), 130, running.err);
  assertEquals(running.err.match(/cannot look/g)?.length, 1);
});

Deno.test("shmim copy copies no stream into itself", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  from.poke();
  Deno.symlinkSync("from.im.shm", folder.stream("alias"));
  for (const source of ["from", "alias"]) {
    for (const how of [[], ["--force"], ["--follow"]]) {
      const words = ["copy", source, "from", ...how];
      const { code, err } = await shmim(words, { folder });
      assertEquals([code, from.cnt0, from.presence()], [1, 1n, "same"], err);
      assertStringIncludes(err, "into itself");
    }
  }
});

Deno.test("shmim copy leaves a target of another shape alone", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  from.poke();
  using to = create(folder, "to", [2, 3]);
  const refused = await shmim(["copy", "from", "to"], { folder });
  assertEquals(refused.code, 1);
  assertStringIncludes(refused.err, "2x3 f32");
  assertEquals(to.cnt0, 0n);
  await done(["copy", "from", "to", "--force"], { folder });
  using fresh = Stream.open("to", { dir: folder.path });
  assertEquals(fresh.size, [3, 2]);
});

Deno.test("shmim copy does not write through a link", async () => {
  using folder = new Folder();
  using from = create(folder, "from");
  using camera = create(folder, "camera");
  Deno.symlinkSync("camera.im.shm", folder.stream("to"));
  const { code, err } = await shmim(["copy", "from", "to", "-f"], { folder });
  assertEquals([code, camera.cnt0, from.cnt0], [1, 0n, 0n]);
  assertStringIncludes(err, "link");
});

Deno.test("shmim compare ends with 0 for equal and 1 for different pixels", async () => {
  using folder = new Folder();
  using a = create(folder, "a");
  using b = create(folder, "b");
  const pixels = new Float32Array([1, 2, NaN, 4, 5, 6]);
  a.write(pixels);
  b.write(pixels);
  await done(["compare", "a", "b"], { folder });
  pixels[4] = 5.5;
  b.write(pixels);
  const { code, out } = await shmim(["compare", "a", "b", "--json"], {
    folder,
  });
  assertEquals(code, 1);
  const { same, different, maxAbs, first } = json(out);
  assertEquals([same, different, maxAbs, first], [false, 1, 0.5, 4]);
  await done(["compare", "a", "b", "--tolerance", "0.5"], { folder });
  const text = await shmim(["compare", "a", "b"], { folder });
  assertStringIncludes(text.out, "first at (1, 1)");
});

Deno.test("shmim compare is exact for 64-bit integers", async () => {
  using folder = new Folder();
  for (const [name, value] of [["a", 2n ** 63n - 1n], ["b", 2n ** 63n - 2n]]) {
    using stream = Stream.create(String(name), {
      dir: folder.path,
      size: [1],
      type: "i64",
    });
    stream.write(new BigInt64Array([value as bigint]));
  }
  const { code, out } = await shmim(["compare", "a", "b", "--json"], {
    folder,
  });
  assertEquals([code, json(out).maxAbs], [1, 1]);
});

Deno.test("shmim stat counts what passes and what is lost", async () => {
  using folder = new Folder();
  using cam = create(folder, "cam");
  cam.write(new Float32Array(6).fill(2));
  const running = new Running(
    ["stat", "cam", "--duration", "600", "--wait", "semaphore", "--json"],
    { folder },
  );
  await using _running = running;
  await until(
    "a claim",
    () => cam.semaphores().some(({ readerPid }) => readerPid === running.pid),
  );
  for (let n = 0; n < 20; n++) {
    cam.write(new Float32Array(6).fill(n % 2 === 0 ? 1 : 3));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(
    "nothing left to wake for",
    () =>
      cam.semaphores().every(({ readerPid, value }) =>
        readerPid !== running.pid || value === 0
      ),
  );
  assertEquals(await running.end("SIGINT"), 130, running.err);
  const seen = json(running.out);
  assertEquals(seen.frames + seen.lost, 20);
  assert(seen.intervalMaxUs >= seen.intervalP50Us);
  assert(seen.pixels.min >= 1 && seen.pixels.max <= 3);
});

Deno.test("shmim stat of a stream that stands still says so", async () => {
  using folder = new Folder();
  using cam = create(folder, "cam");
  cam.write(new Float32Array(6).fill(2));
  const out = await done(["stat", "cam", "--duration", "0.2"], { folder });
  assertStringIncludes(out, "frames         0");
  assertStringIncludes(out, "mean           2");
});

Deno.test("Stream.publish() and readInto() carry whole frames", () => {
  using folder = new Folder();
  using cam = create(folder, "cam");
  const into = new Float32Array(6);
  assertEquals(cam.publish(new Float32Array(6).fill(4)), 1n);
  assertEquals(cam.readInto(into), 1n);
  assertEquals(into, new Float32Array(6).fill(4));
});

Deno.test("Stream.publish() refuses another length and another type", () => {
  using folder = new Folder();
  using cam = create(folder, "cam");
  for (const wrong of [new Float32Array(5), new Int32Array(6)]) {
    let message = "";
    try {
      cam.publish(wrong);
    } catch (error) {
      message = (error as Error).message;
    }
    assertStringIncludes(message, "24 bytes of Float32Array");
  }
  assertEquals(cam.cnt0, 0n);
});
