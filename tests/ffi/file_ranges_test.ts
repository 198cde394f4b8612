import { assertEquals, assertThrows } from "@std/assert";
import { rangeFolder } from "../../ffi/file_ranges.ts";
import { readStart } from "../../ffi/file_start.ts";
import { Folder } from "../_support/cli.ts";

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && new TextDecoder().decode(bytes);

Deno.test("RangeFolder.read() reads a range of each regular file, and of nothing else", () => {
  using folder = new Folder();
  Deno.writeTextFileSync(folder.file("long"), "0123456789");
  Deno.writeTextFileSync(folder.file("short"), "01");
  Deno.symlinkSync("long", folder.file("link"));
  Deno.mkdirSync(folder.file("folder"));
  const ranges = [
    { name: "long", offset: 3, bytes: 4 },
    { name: "short", offset: 1, bytes: 9 },
    { name: "link", offset: 0, bytes: 2 },
    { name: "folder", offset: 0, bytes: 2 },
    { name: "gone", offset: 0, bytes: 2 },
    { name: `${folder.path}/long`, offset: 0, bytes: 2 },
    { name: "long", offset: 20, bytes: 2 },
  ];
  const read = rangeFolder(folder.path)?.read(ranges);
  assertEquals(
    read?.map((one) => text(one?.bytes)),
    ["3456", "1", undefined, undefined, undefined, undefined, ""],
  );
  assertEquals(read?.[0]?.size, 10);
  assertThrows(
    () =>
      rangeFolder(folder.path)?.read([{ name: "a\0b", offset: 0, bytes: 1 }]),
    RangeError,
  );
});

Deno.test("readStart() follows a link to where it leads", () => {
  using folder = new Folder();
  Deno.writeTextFileSync(folder.file("long"), "0123456789");
  Deno.symlinkSync("long", folder.file("link"));
  const start = readStart(folder.file("link"), 4);
  assertEquals([text(start?.bytes), start?.path, start?.size], [
    "0123",
    folder.file("long"),
    10,
  ]);
});
