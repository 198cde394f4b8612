/** Errors of system calls. */

import { assertEquals, assertThrows } from "@std/assert";
import { constants } from "node:os";
import { check, ERRNO, isSystemError, SystemError } from "../../ffi/errno.ts";

Deno.test("ERRNO has the numbers of this system", () => {
  const known: Record<string, number> = constants.errno;
  for (const [code, number] of Object.entries(ERRNO)) {
    if (known[code] !== undefined) assertEquals(number, known[code], code);
  }
});

Deno.test("check() passes results on and turns -errno into an error", () => {
  assertEquals([check(5, "work"), check(7n, "work")], [5, 7]);
  const error = assertThrows(() => check(-28, "create", "/x"), SystemError);
  assertEquals(
    [error.message, error.errno, error.code, error.syscall, error.path],
    [
      'Cannot create "/x": no space left (ENOSPC)',
      28,
      "ENOSPC",
      "create",
      "/x",
    ],
  );
});

Deno.test("SystemError names an errno that it does not know", () => {
  assertEquals(
    new SystemError(9999, "work").message,
    "Cannot work: error 9999 (E9999)",
  );
});

Deno.test("isSystemError() asks for any of the codes, or for none", () => {
  const error = new SystemError(2, "open");
  assertEquals(isSystemError(error, "EACCES", "ENOENT"), true);
  assertEquals(isSystemError(error, "EACCES"), false);
  assertEquals(isSystemError(error), true);
  assertEquals(isSystemError(new Error("other")), false);
});
