/** `shmim doctor` on the real host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, json, Running, shmim, until } from "../_support/cli.ts";

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
  // What mends it, typed as it stands there.
  const mended = await new Deno.Command("sh", {
    args: ["-c", of("key")[0].mend],
  }).output();
  assertEquals(mended.code, 0);
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

/** Findings of one check: gravity and what was found. */
async function of(
  check: string,
  words: readonly string[],
  around: Parameters<typeof shmim>[1],
): Promise<string[]> {
  const { out } = await shmim(["doctor", "--json", ...words], around);
  return json(out).findings
    .filter((one: { check: string }) => one.check === check)
    .map((one: { gravity: string; found: string }) =>
      `${one.gravity}: ${one.found}`
    );
}

/** A port at which nobody listens. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

Deno.test("shmim doctor reads the channel table: its mistakes, keys and hosts", async () => {
  using folder = new Folder();
  const table = folder.file("bridges.toml");
  const key = folder.file("key");
  const port = closedPort();
  const write = (text: string): void =>
    Deno.writeTextFileSync(
      table,
      `[hosts.icc]
address = "127.0.0.2"
[hosts.rtc]
address = "127.0.0.1"
[channels.one]
streams = "dm00disp00"
from = "icc"
to = "rtc"
size = [11, 11]
type = "f32"
port = ${port}
wire = "shmim"
${text}`,
    );
  Deno.writeTextFileSync(key, "sixteen bytes at least\n");
  Deno.chmodSync(key, 0o640);
  write(`key = "${key}"\n`);
  const here = around(folder);
  const as = (role?: string) => ({
    ...here,
    env: {
      ...here.env,
      SHMIM_CONFIG: table,
      ...role === undefined ? { MAGAOX_ROLE: "" } : { MAGAOX_ROLE: role },
    },
  });
  assertEquals(await of("channels", [], as("ICC")), [
    `ok: 1 of "icc" in ${table}`,
  ]);
  assertEquals(await of("key", [], as("ICC")), [
    `broken: others may read the key ${key} (mode 0640)`,
  ]);
  assertEquals(await of("peer", [], as("ICC")), [
    "ok: 127.0.0.1 is there; nobody listens for channel dm00disp00 now",
  ]);
  assertEquals(await of("channels", [], as()), [
    `note: ${table} does not tell which host this is: MAGAOX_ROLE is not set`,
  ]);
  assertEquals(await of("channels", [], as("AOC")), [
    `broken: no host of ${table} has the role "AOC"`,
  ]);
  write('polcy = "latest"\n');
  const [mistake = ""] = await of("channels", [], as("ICC"));
  assertMatch(mistake, /^broken: .*bridges\.toml:13:\d+: .*"?polcy/);
  // Narrowed to what it needs, it still gets there.
  write("");
  Deno.chmodSync(key, 0o600);
  using _listener = Deno.listen({ hostname: "127.0.0.1", port });
  const narrowed = await shmim(["doctor", "--all"], {
    ...as("ICC"),
    flags: ["-A"],
  });
  assertEquals(narrowed.code, 0, narrowed.err);
  assertMatch(
    narrowed.out,
    /^ok +peer +127\.0\.0\.1:\d+ \(channel dm00disp00\) answers$/m,
  );
});

Deno.test("shmim doctor looks at the daemons of partitions, their peers and keys", async () => {
  using folder = new Folder();
  const run = folder.file("run");
  const keys = ["key", "key-of-2"].map((name) => folder.file(name));
  const config = folder.file("unit-0.toml");
  const port = closedPort();
  for (const key of keys) {
    Deno.writeTextFileSync(key, "sixteen bytes at least\n", { mode: 0o600 });
  }
  Deno.writeTextFileSync(
    config,
    `partition = 1
dir = "${folder.path}"
listen = "127.0.0.1:0"
key = "key"
[[peer]]
partition = 2
host = "127.0.0.1"
port = ${port}
key = "key-of-2"
`,
  );
  assertEquals(await of("partition", ["--run", run], around(folder)), []);
  await using daemon = new Running(
    ["daemon", "--run", run, "--config", "unit-0.toml"],
    { ...around(folder), cwd: folder.path }, // what its names are of
  );
  await until(() => `its state: ${daemon.err}`, () => {
    try {
      return Deno.statSync(`${run}/unit-0.json`);
    } catch {
      return undefined;
    }
  });
  const words = ["--run", run];
  const what = `partition 1 (unit 0, pid ${daemon.pid})`;
  assertEquals(await of("partition", words, around(folder)), [
    `ok: the daemon of ${what} runs`,
  ]);
  assertEquals(await of("peer", words, around(folder)), [
    `warning: nobody listens at 127.0.0.1:${port} (partition 2)`,
  ]);
  assertEquals(
    await of("key", words, around(folder)),
    keys.map((key) => `ok: ${key} is readable by its owner only`),
  );
  Deno.writeTextFileSync(config, "partition = none\n");
  const [, broken = ""] = await of("partition", words, around(folder));
  assertMatch(broken, /^broken: Cannot use configuration/);
  await daemon.end("SIGKILL");
  assertEquals(await of("partition", words, around(folder)), [
    `warning: the daemon of ${what} has died`,
  ]);
  Deno.chmodSync(run, 0o755);
  const [open = ""] = await of("partition", words, around(folder));
  assertMatch(open, /^broken: .* has mode 0755/);
});
