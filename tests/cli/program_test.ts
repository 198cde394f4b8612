/** The name by which a program is called. */

import { assertEquals } from "@std/assert";
import { programName } from "../../src/cli/program.ts";
import { ROOT } from "../_support/cli.ts";

Deno.test("programName() is the last part of what was called", () => {
  assertEquals(programName("/usr/local/bin/shmim-transmit"), "shmim-transmit");
  assertEquals(programName("./wfsread"), "wfsread");
  assertEquals(programName("deno"), "shmim");
  assertEquals(programName("/opt/deno"), "shmim");
  assertEquals(programName(""), "shmim");
});

/** What a process calls itself that was started by a name. */
async function nameOf(
  called: string,
  flags: readonly string[],
): Promise<string> {
  const name = JSON.stringify(`file://${ROOT}src/cli/program.ts`);
  const code = `import { programName } from ${name};
    Deno.stdout.writeSync(new TextEncoder().encode(programName()));`;
  const url = `data:application/typescript,${encodeURIComponent(code)}`;
  const config = `${ROOT}deno.json`;
  const { stdout } = await new Deno.Command("bash", {
    args: [
      "-c",
      'called=$1; shift; exec -a "$called" "$0" run -q --no-prompt "$@"',
      Deno.execPath(),
      called,
      ...flags,
      "--config",
      config,
      url,
    ],
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test("programName() is a link's name, as a portable program hands it on", async () => {
  assertEquals(await nameOf("/usr/bin/wfsread", ["-A"]), "wfsread");
  assertEquals(await nameOf(Deno.execPath(), ["-A"]), "shmim");
});

Deno.test("programName() of a program that may not look asks nobody", async () => {
  assertEquals(await nameOf("/usr/bin/wfsread", []), "shmim");
  const some = ["--allow-read", "--allow-env"];
  assertEquals(await nameOf("/usr/bin/wfsread", some), "shmim");
});
