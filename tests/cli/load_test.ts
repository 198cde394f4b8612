/** `load`: its permissions, its usage errors. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, ROOT, shmim } from "../_support/cli.ts";
import { Workplace } from "../load/_workplace.ts";
import { ELSEWHERE, runPrinted } from "./_printed.ts";

Deno.test("load runs under its own permission set where that reaches", async () => {
  // The set names /tmp, wherever temporary files go here.
  using place = new Workplace(new Folder("/tmp"), new Folder("/tmp"));
  await place.fits("ref.fits", 1);
  const flags = ["-P=load"];
  for (
    const words of [
      ["load", "ref.fits", "wfs"],
      ["load", "-c", "wfs", "-f"],
      ["load", "ref.fits", "wfs", "-r", "-p", "aol8_"],
    ]
  ) {
    const { code, err } = await place.shmim(words, { flags });
    assertEquals([code, err], [0, ""]);
  }
  assertEquals(
    Deno.readLinkSync(place.file("conf/shmim_wfs.fits")),
    "../ref.fits",
  );
});

Deno.test("load runs with exactly the permissions that are printed", async () => {
  using place = new Workplace(new Folder(ELSEWHERE), new Folder(ELSEWHERE));
  await place.fits("my ref.fits", 1);
  Deno.symlinkSync("my ref.fits", place.file("link.fits"));
  const own = await place.shmim(["load", "my ref.fits", "wfs"], {
    flags: ["-P=load"],
  });
  assertEquals(own.code, 1, "the set does not reach there");
  assertMatch(own.err, /Requires (read|write) access/);
  assertEquals(place.streams.names(), []);
  for (
    const [words, says] of [
      [["load", "my ref.fits", "wfs", "--dry-run"], /^would be CREATED/],
      [["load", "my ref.fits", "wfs"], /^CREATED wfs/],
      [["load", "-c", "wfs"], /^KEPT wfs/],
      [["load", "link.fits", "wfs", "-p", "a_"], /^CREATED a_wfs/],
      [["load", "link.fits", "wfs", "-r"], /^CREATED wfs/],
    ] as const
  ) {
    const { line, code, out, err } = await runPrinted(place, words);
    assertEquals([code, err], [0, ""], line);
    assertMatch(out, says);
  }
  assertEquals(
    Deno.readLinkSync(place.file("conf/shmim_wfs.fits")),
    "../link.fits",
  );
});

Deno.test("load without the permission to make the link loads all the same", async () => {
  using place = new Workplace(new Folder(ELSEWHERE), new Folder(ELSEWHERE));
  await place.fits("ref.fits", 1);
  const state = `${place.file("conf")},${place.file("loadedSM")}`;
  const { path } = place.streams;
  const { code, out, err } = await place.shmim(["load", "ref.fits", "wfs"], {
    flags: [
      `--allow-ffi=${ROOT}native/build/libshmim.so`,
      "--allow-env=MILK_SHM_DIR,SHMIM_HELPER",
      `--allow-read=${path},${state},${place.file("ref.fits")}`,
      `--allow-write=${path},${state}`,
    ],
  });
  assertEquals(code, 0, err);
  assertMatch(out, /^CREATED/);
  assertMatch(err, /"conf\/shmim_wfs\.fits" was not made: Requires write/);
  const before = Deno.readFileSync(place.file("ref.fits"));
  assert(before.length > 0);
  assertEquals(place.names("conf"), [
    "shmim_wfs.imsize.txt",
    "shmim_wfs.name.txt",
  ]);
});

Deno.test("load says what is wrong with its words, with exit code 2", async () => {
  using folder = new Folder();
  const cases: [string[], RegExp][] = [
    [["load"], /FITS is missing/],
    [["load", "a.fits"], /STREAM is missing/],
    [["load", "-c"], /STREAM is missing/],
    [["load", "-c", "a.fits", "wfs"], /"wfs" is one argument too many/],
    [["load", "a.fits", "../wfs", "-p", "/"], /holds a "\/"/],
    [["load", "a.fits[0:3,1:2]", "wfs"], /count from 1/],
    [["load", "a.fits", "wfs", "--type", "x7"], /x7/],
    [["load", "a.fits", "wfs", "--keywords", "some"], /all, none/],
    [["load", "a.fits", "wfs", "--watch", "-r"], /--watch/],
    [["load", "a.fits", "wfs", "--slice", "-1"], /--slice/],
  ];
  for (const [words, says] of cases) {
    const { code, err } = await shmim(words, { folder, cwd: folder.path });
    assertEquals(code, 2, `${words}: ${err}`);
    assertMatch(err, says);
  }
  assertEquals(folder.names(), []);
});
