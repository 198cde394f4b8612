/** Segments against the kernel, `ipcs` and each other. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { listSegments } from "../../src/sysv/info.ts";
import { SegmentError } from "../../src/sysv/errors.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { run } from "../_support/child.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Keys } from "./_support.ts";

const IPCS = program("ipcs", "util-linux");

function failure(call: () => unknown): SegmentError {
  const error = assertThrows(call, SegmentError);
  assert(!error.message.includes("\n"), error.message);
  return error as SegmentError;
}

Deno.test("Segment.ftok() makes the key that the C library makes", () => {
  using keys = new Keys();
  const { ino, dev } = Deno.statSync(keys.path);
  const low = (Number(BigInt(dev) & 0xffn) << 16) |
    Number(BigInt(ino ?? 0) & 0xffffn);
  assertEquals(Segment.ftok(keys.path, 7), ((7 << 24) | low) >>> 0);
  assertEquals(Segment.ftok(keys.path, 255), ((255 << 24) | low) >>> 0);
});

Deno.test("Segment.ftok() of a missing file is ENOENT in one line", () => {
  const { code, message } = failure(() => Segment.ftok("/tmp/no/such", 1));
  assertEquals(code, "ENOENT");
  assertEquals(
    message,
    'Cannot make a key of "/tmp/no/such": no such file or folder (ENOENT)',
  );
  for (const id of [0, 256, -1, 1.5, NaN]) {
    assertThrows(() => Segment.ftok("/tmp", id), RangeError, "1 to 255");
  }
});

Deno.test("Segment: what one handle writes another one reads", () => {
  using keys = new Keys();
  using ours = keys.create(1, { size: 64 }).attach({ writable: true });
  using theirs = Segment.open(keys.key(1)).attach();
  assertEquals(theirs.shmid, ours.shmid);
  assertEquals([ours.size, theirs.size], [64, 64]);
  assertEquals(theirs.bytes(0, 64), new Uint8Array(64));
  ours.write(60, new Uint8Array([1, 2, 3, 4]));
  assertEquals(theirs.bytes(60, 4), new Uint8Array([1, 2, 3, 4]));
  assertEquals(ours.swap(8, 0n, 7n), 0n);
  assertEquals(ours.swap(8, 0n, 9n), 7n);
  assertEquals(theirs.word(8), 7n);
});

Deno.test("Segment: nothing outside it or against its mode is touched", () => {
  using keys = new Keys();
  using ours = keys.create(1, { size: 64 }).attach({ writable: true });
  using theirs = Segment.open(keys.key(1)).attach();
  const outside = [
    () => ours.write(61, new Uint8Array(4)),
    () => ours.bytes(65, 0),
    () => ours.bytes(0, 4096), // its page is longer than itself
    () => ours.word(60),
    () => ours.word(4),
    () => ours.publish(0, 8, new Uint8Array(64)),
    () => ours.publish(0, 8, new Uint8Array(7)),
    () => ours.snapshot(64, 0, new Uint8Array(8)),
  ];
  for (const call of outside) assertEquals(failure(call).code, "ERANGE");
  for (const offset of [-1, 0.5, NaN]) {
    assertThrows(() => ours.bytes(offset, 1), RangeError);
  }
  const writes = [
    () => theirs.write(0, new Uint8Array(1)),
    () => theirs.swap(0, 0n, 1n),
    () => theirs.publish(0, 8, new Uint8Array(8)),
  ];
  for (const call of writes) assertEquals(failure(call).code, "EACCES");
  assertEquals(ours.bytes(0, 64), new Uint8Array(64));
});

Deno.test("Segment.close() detaches, and a closed one says so", () => {
  using keys = new Keys();
  const segment = keys.create(1);
  assertThrows(() => segment.bytes(0, 1), TypeError, "not attached");
  segment.attach();
  assertThrows(() => segment.attach(), TypeError, "is attached");
  assertEquals(segment.stat().attached, 1);
  segment.close();
  segment.close();
  assertEquals(segment.stat().attached, 0);
  assertThrows(() => segment.bytes(0, 1), TypeError, "not attached");
});

Deno.test("Segment.create() tells of a key that is taken", () => {
  using keys = new Keys();
  using first = keys.create(3, { size: 100 });
  const { code, message } = failure(() => keys.create(3));
  assertEquals(code, "EEXIST");
  assertMatch(
    message,
    new RegExp(
      `^Cannot create segment 0x03[0-9a-f]{6} of "${keys.path}:3": it exists ` +
        `already, id ${first.shmid}, 100 bytes, made by pid ${Deno.pid}; ` +
        "two files can have one key: choose another id \\(EEXIST\\)$",
    ),
  );
  using same = Segment.create(keys.key(3), { size: 100, exclusive: false });
  assertEquals(same.shmid, first.shmid);
});

Deno.test("Segment.open() with more bytes than it has is refused", () => {
  using keys = new Keys();
  keys.create(1, { size: 100 });
  using same = Segment.open(keys.key(1), { size: 100 });
  assert(same.shmid >= 0);
  for (
    const call of [
      () => Segment.open(keys.key(1), { size: 101 }),
      () => Segment.create(keys.key(1), { size: 101, exclusive: false }),
    ]
  ) {
    const { code, message } = failure(call);
    assertEquals(code, "EINVAL");
    assertMatch(message, /it is smaller than 101 bytes, id \d+, 100 bytes/);
  }
});

Deno.test("Segment.create() of a size that the kernel refuses says why", () => {
  using keys = new Keys();
  const none = failure(() => keys.create(1, { size: 0 }));
  assertEquals(none.code, "EINVAL");
  assertMatch(none.message, /a segment has 1 to \d+ bytes, not 0 \(EINVAL\)$/);
  const huge = failure(() => keys.create(1, { size: 2 ** 52 }));
  assertMatch(huge.message, /\((ENOMEM|ENOSPC|EINVAL)\)$/);
  assertEquals(keys.find(1), undefined);
  for (const size of [-1, 0.5, NaN]) {
    assertThrows(() => keys.create(1, { size }), RangeError);
  }
});

Deno.test("Segment.open() of a key without a segment is ENOENT", () => {
  using keys = new Keys();
  const { code, message } = failure(() => Segment.open(keys.key(9)));
  assertEquals(code, "ENOENT");
  assertMatch(message, /^Cannot open segment 0x09[^\n]+: there is none/);
  assertThrows(() => Segment.open(0), RangeError, "private");
  assertThrows(() => Segment.open(2 ** 32), RangeError, "32 bits");
});

Deno.test("Segment.byId() of a number that no segment has is EINVAL", () => {
  const { code } = failure(() => Segment.byId(0x7fff_0000));
  assertEquals(code, "EINVAL");
  for (const id of [-1, 2 ** 31, 0.5, NaN]) {
    assertThrows(() => Segment.byId(id), RangeError);
  }
});

Deno.test("Segment.remove() while attached: what is attached goes on", () => {
  using keys = new Keys();
  using ours = keys.create(1, { size: 8 }).attach({ writable: true });
  using theirs = Segment.open(keys.key(1)).attach();
  ours.remove();
  assertEquals(failure(() => Segment.open(keys.key(1))).code, "ENOENT");
  ours.write(0, new Uint8Array([5]));
  assertEquals(theirs.bytes(0, 1)[0], 5);
  const info = theirs.stat();
  assertEquals([info.removed, info.key, info.attached], [true, 0, 2]);
  using next = keys.create(1, { size: 16 });
  assert(next.shmid !== ours.shmid);
  ours.close();
  theirs.close();
  assertEquals(failure(() => theirs.stat()).code, "EINVAL");
  assertEquals(failure(() => ours.remove()).code, "EINVAL");
  assertEquals(failure(() => theirs.attach()).code, "EINVAL");
});

Deno.test("Segment: a private one is found by its id only", () => {
  using keys = new Keys();
  using ours = keys.add(Segment.create("private", { size: 8 }));
  using other = keys.add(Segment.create("private", { size: 8 }));
  assert(ours.shmid !== other.shmid);
  ours.attach({ writable: true }).write(0, new Uint8Array([9]));
  using found = Segment.byId(ours.shmid).attach();
  assertEquals(found.bytes(0, 1)[0], 9);
  assertEquals(found.stat().key, 0);
});

Deno.test("Segment.snapshot() refuses a record whose writer died in it", () => {
  using keys = new Keys();
  using segment = keys.create(1).attach({ writable: true });
  const record = new Uint8Array(16).fill(7);
  const seen = new Uint8Array(16);
  segment.publish(0, 8, record);
  assert(segment.snapshot(0, 8, seen));
  assertEquals([seen, segment.word(0)], [record, 2n]);
  segment.swap(0, 2n, 3n); // as it stands in the middle of a change
  assertEquals(segment.snapshot(0, 8, seen, 10), false);
  segment.publish(0, 8, record.fill(8));
  assert(segment.snapshot(0, 8, seen));
  assertEquals([seen, segment.word(0)], [record, 4n]);
});

/** Rows of `ipcs`, by the id that is in a column. */
async function ipcs(
  flag: string,
  column: number,
): Promise<Map<number, string[]>> {
  const { code, stdout, stderr } = await run("ipcs", ["-m", flag]);
  assertEquals(code, 0, stderr);
  return new Map(
    stdout.split("\n").map((line) => line.trim().split(/\s+/))
      .filter((cells) => /^\d+$/.test(cells[column] ?? ""))
      .map((cells) => [Number(cells[column]), cells]),
  );
}

testWhere("listSegments() agrees with ipcs -m", IPCS, async () => {
  using keys = new Keys();
  const made = [
    keys.create(1, { size: 1 }),
    keys.create(2, { size: 5000, mode: 0o644 }).attach(),
    keys.create(200, { mode: 0 }),
    keys.add(Segment.create("private", { size: 7, mode: 0o777 })),
    keys.create(5).attach({ writable: true }),
  ];
  made[4]?.remove();
  const listed = listSegments();
  const main = await ipcs("-b", 1); // -b prints sizes as plain bytes
  const pids = await ipcs("-p", 0);
  const creators = await ipcs("-c", 0);
  for (const { shmid } of made) {
    const info = listed.find((one) => one.shmid === shmid);
    assert(info !== undefined, `${shmid} is missing`);
    const [key = "", , , perms, bytes, nattch, status = ""] = main.get(shmid) ??
      [];
    assertEquals(
      [
        info.key,
        info.permissions,
        info.size,
        info.attached,
        info.removed ? "dest" : "",
      ],
      [parseInt(key, 16), perms, Number(bytes), Number(nattch), status],
    );
    const [, , cpid, lpid] = pids.get(shmid) ?? [];
    assertEquals(
      [info.creatorPid, info.lastPid],
      [Number(cpid), Number(lpid)],
    );
    assertEquals(creators.get(shmid)?.[1], info.permissions);
    assertEquals([info.creatorAlive, info.orphan], [true, false]);
  }
});
