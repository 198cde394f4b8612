/** `save`: its permissions, its usage errors. */

import { assertEquals, assertMatch } from "@std/assert";
import { Folder, shmim } from "../_support/cli.ts";
import { Workplace } from "../load/_workplace.ts";
import { ELSEWHERE, runPrinted } from "./_printed.ts";

Deno.test("save runs under its own permission set where that reaches", async () => {
  using place = new Workplace(new Folder("/tmp"), new Folder("/tmp"));
  await place.done("create", "cam", "4x3", "u16");
  for (const file of ["cam.fits", "cam.fits.gz"]) {
    const { code, err } = await place.shmim(["save", "cam", file], {
      flags: ["-P=save"],
    });
    assertEquals([code, err], [0, `${file}: 1 frame of cam\n`]);
  }
});

Deno.test("save runs with exactly the permissions that are printed", async () => {
  using place = new Workplace(new Folder(ELSEWHERE), new Folder(ELSEWHERE));
  await place.done("create", "cam", "4x3", "u16");
  await place.done("link", "cam", "alias");
  Deno.mkdirSync(place.file("my night"));
  for (
    const words of [
      ["save", "cam", "cam.fits"],
      ["save", "alias", "my night/cam.fits.gz"],
    ]
  ) {
    const { line, code, err } = await runPrinted(place, words);
    assertEquals(code, 0, `${line}: ${err}`);
  }
  using far = new Folder(ELSEWHERE);
  Deno.writeTextFileSync(far.file("real.fits"), "old");
  Deno.symlinkSync(far.file("real.fits"), place.file("far.fits"));
  const linked = await runPrinted(place, ["save", "cam", "far.fits"]);
  assertEquals(linked.code, 0, linked.err);
  assertEquals(far.names(), ["real.fits"]);
  assertEquals(Deno.statSync(far.file("real.fits")).size % 2880, 0);
  const timed = ["save", "cam", "n.fits", "--wait", "semaphore"];
  const { code, err } = await runPrinted(place, [...timed, "--timeout", "0.1"]);
  assertEquals(code, 124, err);
  assertEquals(place.names("."), [
    "cam.fits",
    "conf",
    "far.fits",
    "my night",
  ]);
});

Deno.test("save says what is wrong with its words, with exit code 2", async () => {
  using folder = new Folder();
  const cases: [string[], RegExp][] = [
    [["save"], /STREAM is missing/],
    [["save", "cam"], /FILE is missing/],
    [["save", "cam", "a.fits", "--count", "0"], /--count takes 1 or more/],
    [["save", "cam", "a.fits", "--wait", "long"], /--wait/],
  ];
  for (const [words, says] of cases) {
    const { code, err } = await shmim(words, { folder, cwd: folder.path });
    assertEquals(code, 2, `${words}: ${err}`);
    assertMatch(err, says);
  }
});
