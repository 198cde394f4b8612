/** What looks for leaks finds them. */

import { assert, assertEquals } from "@std/assert";
import { leaked, leftovers } from "../../scripts/leaks.ts";
import { ROOT, Running, until } from "../_support/cli.ts";
import { Keys } from "../sysv/_support.ts";

Deno.test("leaks: a segment, a folder, a file and a process are found", async () => {
  const before = leftovers();
  using keys = new Keys();
  const { shmid } = keys.create(1);
  const folder = Deno.makeTempDirSync({ prefix: "shmim-leak-" });
  const file = `/dev/shm/shmim-leak-${Deno.pid}`;
  Deno.writeTextFileSync(file, "");
  const words = ["device", "SIN", "2", "--serve", "--key", `${keys.path}:2`];
  try {
    await using device = new Running(words, { flags: ["-A"] });
    await until("the device", () => device.out.includes("\n"));
    const found = leaked(before);
    assert(found.some((item) => item.endsWith(`, id ${shmid}`)), `${found}`);
    assert(found.includes(`process ${device.pid}: ${words.join(" ")}`));
    for (const path of [keys.path, folder, file]) {
      assert(found.includes(path), `${path} in ${found}`);
    }
    assertEquals(await device.end(), 143);
  } finally {
    Deno.removeSync(folder);
    Deno.removeSync(file);
  }
});

Deno.test("leaks: compare ends with 1 and names what is left", async () => {
  const file = Deno.makeTempFileSync();
  const folder = Deno.makeTempDirSync({ prefix: "shmim-leak-" });
  try {
    Deno.writeTextFileSync(file, "[]");
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "-A",
        `${ROOT}scripts/leaks.ts`,
        "compare",
        file,
        "0",
      ],
    }).output();
    assertEquals(code, 1);
    const said = new TextDecoder().decode(stderr);
    assert(said.includes(`left behind: ${folder}\n`), said);
  } finally {
    Deno.removeSync(folder);
    Deno.removeSync(file);
  }
});
