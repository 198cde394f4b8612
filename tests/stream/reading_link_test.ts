/** Links: none is written through where it is for reading, or unasked. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Recording } from "../../src/record/recording.ts";
import { replay } from "../../src/record/replay.ts";
import { openReplayTarget } from "../../src/record/target.ts";
import { StreamExistsError } from "../../src/stream/format.ts";
import {
  forReading,
  requireNoLink,
  StreamForReadingError,
} from "../../src/stream/reading_link.ts";
import { openTarget, Relay } from "../../src/stream/relay.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder } from "../_support/cli.ts";
import { DaoFolder } from "../_support/dao.ts";
import { recorded } from "../record/_record.ts";

/** A stream of 6 x 4 u16, one link to it, and one that is for reading. */
function linked(folder: Folder): Stream {
  const dir = folder.path;
  const stream = Stream.create("real", { dir, size: [6, 4], type: "u16" });
  Deno.symlinkSync(folder.stream("real"), folder.stream("alias"));
  Deno.symlinkSync(forReading(folder.stream("real")), folder.stream("mount"));
  return stream;
}

Deno.test("a mount for reading takes neither packets nor copies", () => {
  using folder = new DaoFolder();
  const path = folder.dao("real");
  using real = Stream.create(path, {
    format: "dao",
    size: [4, 3],
    type: "u16",
  });
  Deno.symlinkSync(forReading(path), folder.stream("mount"));
  using mount = Stream.open("mount", { dir: folder.path });
  const packet = { position: 0, packet: 0, packets: 1, frame: 1n };
  const pixels = new Uint16Array(12).fill(9);
  const before = real.read();
  assertThrows(
    () => mount.writePacket(pixels, packet),
    StreamForReadingError,
    "mounted for reading",
  );
  assertThrows(() => mount.finishPackets(), StreamForReadingError);
  assertThrows(() => mount.copyFrom(before, 0), StreamForReadingError);
  const { cnt0, pixels: now } = real.read();
  assertEquals([cnt0, now], [before.cnt0, before.pixels]);
});

Deno.test("a mount for reading takes no frames of a pump", async () => {
  using folder = new Folder();
  using real = linked(folder);
  const dir = folder.path;
  using recording = await Recording.open(
    await recorded(folder, "u16", [6, 4], 2),
  );
  using from = Stream.create("from", { dir, size: [6, 4], type: "u16" });
  using mount = Stream.open("mount", { dir, writable: true });
  assertThrows(() => Relay.start(from, mount), StreamForReadingError);
  await assertRejects(
    () => replay(mount, [recording], { rateHz: 1000 }),
    StreamForReadingError,
  );
  assertEquals(real.cnt0, 0n);
  // What is mounted for writing, or linked, was asked for by its user.
  using alias = Stream.open("alias", { dir });
  await replay(alias, [recording], { rateHz: 1000 });
  assertEquals(real.cnt0, 2n);
});

Deno.test("copies and replays do not begin to write through a link", async () => {
  using folder = new Folder();
  using real = linked(folder);
  const dir = folder.path;
  using recording = await Recording.open(
    await recorded(folder, "u16", [6, 4], 2),
  );
  for (const name of ["alias", "mount"]) {
    for (const force of [false, true]) {
      for (
        const open of [
          () => openReplayTarget(recording, { name, dir, force }),
          () => openTarget(real, { name, dir, force }),
        ]
      ) assertThrows(open, StreamExistsError, "as a link:");
    }
    assert(Deno.lstatSync(folder.stream(name)).isSymlink);
  }
  assertEquals([real.cnt0, real.keywords()], [0n, []]);
});

Deno.test("requireNoLink() takes what is missing and what is a file", () => {
  using folder = new Folder();
  using _ = linked(folder);
  requireNoLink(folder.stream("none"), "loading");
  requireNoLink(folder.stream("real"), "loading");
  assertThrows(
    () => requireNoLink(folder.stream("alias"), "loading", "use -r"),
    StreamExistsError,
    'alias.im.shm" exists already as a link: loading would overwrite its ' +
      "source; use -r",
  );
});
