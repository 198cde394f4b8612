/** The parts of `deno task compile` that need no program to be made. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { tableOf } from "../../scripts/compile/bundle.ts";
import { permissionFlags } from "../../scripts/compile/permissions.ts";
import { runtimeBaseReason } from "../../scripts/compile/runtime.ts";
import { findTarget, isForeign } from "../../scripts/compile/targets.ts";
import { ROOT } from "../_support/cli.ts";

Deno.test("permissionFlags() of one command are those of its set", () => {
  const flags = permissionFlags("transmit", "/cache/libshmim.so");
  const ffi = flags.find((flag) => flag.startsWith("--allow-ffi"));
  assertEquals(ffi?.split(/[=,]/)[1], "/cache/libshmim.so");
  assert(flags.includes("--allow-net"));
  assert(!flags.some((flag) => /--allow-(run|sys|all|import)/.test(flag)));
});

Deno.test("permissionFlags() of what Deno compiles cannot scope ffi", () => {
  const flags = permissionFlags("info", undefined);
  assert(flags.includes("--allow-ffi"));
  assert(!flags.some((flag) => /--allow-(write|net|all)/.test(flag)));
});

Deno.test("permissionFlags() takes what the maker adds", () => {
  const flags = permissionFlags("transmit", "/x.so", {
    net: ["rtc:8803"],
    read: ["/data/a b"],
  });
  assert(flags.includes("--allow-net=rtc:8803"));
  assert(!flags.includes("--allow-net"));
  const read = flags.find((flag) => flag.startsWith("--allow-read="));
  assert(read?.endsWith(",/data/a b"), read);
  assertThrows(
    () => permissionFlags("info", "/x.so", { read: ["/data/a,b"] }),
    RangeError,
    "it has a comma",
  );
  const info = permissionFlags("info", "/x.so", { write: ["/data"] });
  assert(info.includes("--allow-write=/data"));
});

Deno.test("permissionFlags() of the whole tool are all, of no command none", () => {
  assertEquals(permissionFlags(undefined, "/x.so"), ["--allow-all"]);
  assertThrows(() => permissionFlags("nonsense", "/x.so"), RangeError);
});

Deno.test("tableOf() leaves one command in the table", () => {
  const text = Deno.readTextFileSync(`${ROOT}src/commands/table.ts`);
  for (const command of ["create", "rm", "watch", "permissions"]) {
    const cut = tableOf(text, command);
    assertEquals(
      cut.match(/import\("([^"]+)"\)/g),
      [`import("file://${ROOT}src/commands/${command}.ts")`],
    );
    assert(!/from "\.\.?\//.test(cut), cut);
  }
  assertThrows(() => tableOf(text, "nonsense"), RangeError, '"nonsense"');
});

Deno.test("runtimeBaseReason() finds why there is no denort", () => {
  const failed = (...causes: string[]): string =>
    "error: Writing deno compile executable to temporary file 'x.tmp-1'\n\n" +
    `Caused by:\n${
      causes.map((cause, i) => `    ${i}: ${cause}`).join("\n")
    }\n\nStack backtrace:\n   0: <unknown>\n`;
  assertEquals(
    runtimeBaseReason(failed(
      "Setting up base binary.",
      "error sending request for url (https://host/denort.zip): client " +
        "error (Connect): dns error: failed to lookup",
      "client error (Connect)",
      "failed to lookup address information: Name or service not known",
    )),
    "error sending request for url (https://host/denort.zip): failed to " +
      "lookup address information: Name or service not known",
  );
  assertEquals(
    runtimeBaseReason(failed("Could not find denort at '/x'", "No such file")),
    "Could not find denort at '/x': No such file",
  );
  assertEquals(runtimeBaseReason("error: Module not found"), undefined);
  assertEquals(runtimeBaseReason(failed("No space left")), undefined);
});

Deno.test("findTarget() takes a machine's name, short or whole", () => {
  assertEquals(findTarget("arm64").triple, "aarch64-unknown-linux-gnu");
  assertEquals(findTarget("aarch64").compiler, "aarch64-linux-gnu-gcc");
  assertEquals(findTarget("x86_64-unknown-linux-gnu").elfMachine, 62);
  assertEquals(isForeign(findTarget()), false);
  assertThrows(() => findTarget("x86_64-pc-windows-msvc"), RangeError);
  assertThrows(() => findTarget("riscv64"), RangeError, "riscv64");
});
