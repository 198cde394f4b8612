/**
 * The helper for other machines and older systems: the same sources pass
 * their tests on arm64, and no library asks for a newer glibc than the oldest
 * system that we name has.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { build, compile, helperPath } from "../../scripts/build.ts";
import {
  findTarget,
  GLIBC_LIMIT,
  isForeign,
} from "../../scripts/compile/targets.ts";
import { helperTests } from "../../scripts/test_native.ts";
import { Folder } from "../_support/cli.ts";
import { all, program, testWhere } from "../_support/skip.ts";

const ARM = findTarget("aarch64");
/** An arm64 machine needs neither cross compiler nor emulator. */
const CROSS = isForeign(ARM)
  ? program(ARM.compiler, ARM.debian)
  : program("cc", "gcc");
const EMULATOR = isForeign(ARM)
  ? program("qemu-aarch64", "qemu-user")
  : () => undefined;

/** The newest version of glibc that a library asks for. */
function newestGlibc(library: string): string {
  const { stdout } = new Deno.Command("readelf", {
    args: ["-W", "--version-info", library],
  }).outputSync();
  const versions = new TextDecoder().decode(stdout).matchAll(
    /Name: GLIBC_([\d.]+)/g,
  );
  const number = (version: string): number => Number(version.split(".")[1]);
  return [...versions].map(([, version = ""]) => version)
    .reduce((a, b) => number(a) > number(b) ? a : b);
}

function assertOld(library: string): void {
  const [, minor] = newestGlibc(library).split(".").map(Number);
  const [, limit] = GLIBC_LIMIT.split(".").map(Number);
  assert(
    minor !== undefined && limit !== undefined && minor <= limit,
    `${library} needs glibc 2.${minor}, Rocky 9 has ${GLIBC_LIMIT}`,
  );
}

testWhere(
  "the helper asks for no newer glibc than Rocky 9 has",
  program("readelf", "binutils"),
  () => assertOld(helperPath(findTarget())),
);

testWhere(
  "a program that was built here for a newer glibc would be noticed",
  all(program("readelf", "binutils"), program("cc", "gcc")),
  () => {
    using folder = new Folder();
    const source = folder.file("new.c");
    // A symbol of glibc 2.36.
    Deno.writeTextFileSync(
      source,
      "#include <stdlib.h>\nunsigned x(void) { return arc4random(); }\n",
    );
    compile(["-shared", "-fPIC", "-o", folder.file("new.so"), source]);
    assertEquals(newestGlibc(folder.file("new.so")), "2.36");
  },
);

testWhere(
  "the helper for arm64 is one, and asks for no newer glibc",
  all(CROSS, program("readelf", "binutils")),
  () => {
    const library = build(ARM);
    const header = Deno.readFileSync(library).subarray(0, 20);
    assertEquals(new DataView(header.buffer).getUint16(18, true), 183);
    assertOld(library);
  },
);

testWhere(
  "the helper's C tests pass on arm64",
  all(CROSS, EMULATOR),
  async () => {
    using folder = new Folder();
    const tests = folder.file("test_helper");
    compile([
      "-std=c11",
      "-O1",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      tests,
      ...helperTests(),
      "-lpthread",
    ], ARM);
    const words = isForeign(ARM)
      ? ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", tests]
      : [tests];
    const [first = "", ...rest] = words;
    const { code, stdout, stderr } = await new Deno.Command(first, {
      args: rest,
      stdin: "null",
    }).output();
    const said = new TextDecoder().decode(stdout);
    assertEquals(code, 0, said + new TextDecoder().decode(stderr));
    assertMatch(said, /^\d+ passed, 0 failed$/m);
  },
);
