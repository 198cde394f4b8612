/** `link`: its permissions, its usage errors. */

import { assertEquals, assertMatch } from "@std/assert";
import { Folder, shmim } from "../_support/cli.ts";
import { Workplace } from "../load/_workplace.ts";
import { ELSEWHERE, runPrinted } from "./_printed.ts";

Deno.test("link runs under its own permission set where that reaches", async () => {
  using place = new Workplace(new Folder("/tmp"), new Folder("/tmp"));
  await place.done("create", "cam", "4x3", "u16");
  for (
    const words of [
      ["link", "cam", "wfsim"],
      ["link", "wfsim", "--loop", "8"],
      ["link", "--list"],
      ["link", "--remove", "wfsim"],
    ]
  ) {
    const { code, err } = await place.shmim(words, { flags: ["-P=link"] });
    assertEquals(code, 0, err);
  }
  assertEquals(place.streams.names(), ["aol8_wfsim.im.shm", "cam.im.shm"]);
});

Deno.test("link runs with exactly the permissions that are printed", async () => {
  using place = new Workplace(new Folder(ELSEWHERE), new Folder(ELSEWHERE));
  using other = new Workplace(new Folder(ELSEWHERE), new Folder(ELSEWHERE));
  await place.done("create", "cam", "4x3", "u16");
  await other.done("create", "far", "4x3", "u16");
  for (
    const words of [
      ["link", "cam", "wfsim"],
      ["link", "wfsim", "-p", "x_"],
      ["link", other.streams.stream("far"), "far"],
      ["link", "cam", other.streams.stream("near")],
      ["link", "later", "gap", "--allow-missing"],
      ["link", "--list"],
      ["link", "--remove", "gap"],
      ["link", "--remove", other.streams.stream("near")],
    ]
  ) {
    const { line, code, err } = await runPrinted(place, words);
    assertEquals(code, 0, `${line}: ${err}`);
  }
  assertEquals(place.streams.names(), [
    "cam.im.shm",
    "far.im.shm",
    "wfsim.im.shm",
    "x_wfsim.im.shm",
  ]);
});

Deno.test("link says what is wrong with its words, with exit code 2", async () => {
  using folder = new Folder();
  const cases: [string[], RegExp][] = [
    [["link"], /SOURCE is missing/],
    [["link", "a", "b", "c"], /"c" is one argument too many/],
    [["link", "a", "b", "--loop", "x"], /--loop/],
    [["link", "a", "b", "--loop", "3", "-p", "x_"], /exclude each other/],
    [["link", "a", "b", "-p", "../"], /holds a "\/"/],
    [["link", "--list", "a"], /"a" is one argument too many/],
    [["link", "--list", "--remove", "a"], /exclude each other/],
  ];
  for (const [words, says] of cases) {
    const { code, err } = await shmim(words, { folder, cwd: folder.path });
    assertEquals(code, 2, `${words}: ${err}`);
    assertMatch(err, says);
  }
});
