/** `shmim doctor` on the real host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, json, shmim } from "../_support/cli.ts";

/** A place without the state of whoever runs the tests. */
function around(
  folder: Folder,
): { folder: Folder; env: Record<string, string> } {
  return { folder, env: { SHMIM_STATE_DIR: folder.file("state") } };
}

Deno.test("shmim doctor says what it found, what it means and what mends it", async () => {
  using folder = new Folder();
  const { code, out, err } = await shmim(["doctor", "--all"], around(folder));
  assertEquals(code, 0, err);
  assertMatch(out, /^ok +helper +interface \d+, \//m);
  assertMatch(err, /^\d+ ok, \d+ note, \d+ warning, 0 broken\n$/);
  const brief = await shmim(["doctor"], around(folder));
  assertEquals(/^ok /m.test(brief.out), false);
});

Deno.test("shmim doctor ends with 1 where something is broken", async () => {
  using folder = new Folder();
  const key = folder.file("key");
  Deno.writeTextFileSync(key, "secret\n");
  Deno.chmodSync(key, 0o640);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const good = ["--peer", `127.0.0.1:${port}`];
  const { code, out } = await shmim(
    ["doctor", "--json", "--key", key, ...good],
    around(folder),
  );
  assertEquals(code, 1);
  const { broken, findings } = json(out);
  assertEquals(broken, true);
  const of = (check: string) =>
    findings.filter((one: { check: string }) => one.check === check);
  assertEquals(of("key").length, 1);
  assertEquals(of("key")[0].mend, `chmod 600 ${key}`);
  assertEquals(of("peer")[0].gravity, "ok");
  Deno.chmodSync(key, 0o600);
  assertEquals(
    (await shmim(["doctor", "--key", key, ...good], around(folder))).code,
    0,
  );
});

Deno.test("shmim doctor names a peer that does not answer", async () => {
  using folder = new Folder();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const { code, out } = await shmim(
    ["doctor", "--peer", `127.0.0.1:${port}`],
    around(folder),
  );
  assertEquals(code, 1);
  assertMatch(
    out,
    /^broken +peer +127\.0\.0\.1:\d+ cannot be reached: .*refused/m,
  );
});

Deno.test("shmim doctor tells of a missing folder and a missing helper", async () => {
  using folder = new Folder();
  const nowhere = await shmim(
    ["doctor", "--dir", folder.file("none")],
    around(folder),
  );
  assertEquals(nowhere.code, 1);
  assertMatch(nowhere.out, /^broken +stream folder +there is no folder/m);
  const { code, out, err } = await shmim(["doctor"], {
    folder,
    env: { SHMIM_HELPER: folder.file("none.so") },
  });
  assertEquals(code, 1);
  assertMatch(out, /^broken +helper +Cannot load the helper/m);
  assert(!err.includes("Error"), err);
});

Deno.test("shmim doctor says in one line what it does not take", async () => {
  for (const words of [["cam"], ["--peer", "icc"], ["--peer", "icc:0"]]) {
    const { code, err } = await shmim(["doctor", ...words]);
    assertEquals(code, 2);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
});
