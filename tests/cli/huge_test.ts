/** Commands on streams of more than 4 GiB: files with holes. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import { done, Folder, json, Running, until } from "../_support/cli.ts";
import { freePort } from "../_support/ports.ts";
import { SIDE, sparseStream } from "../_support/sparse.ts";

const SLICES = 4200;
const LAST = SLICES - 1;
const ROLLING = 1n;

/** A folder with one such stream, `huge`; `undefined` where none can be. */
function hugeFolder(imageType?: bigint): Folder | undefined {
  const folder = new Folder();
  const made = sparseStream(folder.stream("huge"), SLICES, imageType);
  if (made !== undefined) return folder;
  folder[Symbol.dispose]();
  return undefined;
}

Deno.test("ls, info, read, poke, stat and watch take a stream beyond 4 GiB", async () => {
  using folder = hugeFolder();
  if (folder === undefined) return;
  const size = `${SIDE}x${SIDE}x${SLICES}`;
  assertStringIncludes(await done(["ls"], { folder }), size);
  const info = json(await done(["info", "huge", "--json"], { folder }));
  assertEquals(info.size, [SIDE, SIDE, SLICES]);
  const read = ["read", "huge", "--slice", `${LAST}`, "--json"];
  assertEquals(json(await done(read, { folder })).max, 99);
  const before = info.cnt0;
  await done(["poke", "huge"], { folder });
  const stat = ["stat", "huge", "--duration", "0.3", "--json"];
  const { pixels } = json(await done(stat, { folder }));
  assertEquals(pixels.values, SIDE * SIDE);
  const watch = ["watch", "huge", "--slice", `${LAST}`, "--count", "1"];
  const seen = await done(watch, { folder });
  assertStringIncludes(seen, `cnt0 ${before + 1}`);
});

Deno.test("a bridge carries slices that lie beyond 4 GiB", async () => {
  using from = hugeFolder(ROLLING);
  using to = hugeFolder(ROLLING);
  if (from === undefined || to === undefined) return;
  const port = freePort();
  await using receiver = new Running(
    ["receive", `${port}`, "--max-bytes", `${2 ** 33}`],
    { folder: to },
  );
  await receiver.says(/listening/);
  await using transmitter = new Running(
    ["transmit", "huge", "127.0.0.1", `${port}`],
    { folder: from },
  );
  await transmitter.says(/connected/);
  using source = Stream.open(from.stream("huge"));
  using destination = Stream.open(to.stream("huge"), { writable: false });
  for (const [slice, value] of [[LAST, 7], [0, 8], [LAST - 1, 9]] as const) {
    source.write(new Uint8Array(SIDE * SIDE).fill(value), { slice });
    await until(`slice ${slice} is ${value}`, () => {
      const { pixels } = destination.read({ slice });
      return pixels[0] === value && pixels.at(-1) === value;
    });
  }
  assertEquals(destination.read({ slice: LAST }).pixels[SIDE], 7);
});

Deno.test("stat says that an image of more than 64 Mi pixels is too large", async () => {
  using folder = new Folder();
  Stream.create("flat", {
    dir: folder.path,
    size: [2 ** 13, 2 ** 13 + 1],
    type: "u8",
  }).close();
  const words = ["stat", "flat", "--duration", "0.1"];
  const stdout = await done(words, { folder });
  assertStringIncludes(stdout, "no frame: they are too large");
});
