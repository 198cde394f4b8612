/** `shmim sysv`: against ipcs, with wrong words, and in a namespace. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Segment } from "../../src/sysv/segment.ts";
import { run } from "../_support/child.ts";
import { CLI, done, json, shmim } from "../_support/cli.ts";
import { namespace } from "../_support/ipc.ts";
import { program, root, testWhere } from "../_support/skip.ts";
import { Keys } from "../sysv/_support.ts";

testWhere(
  "shmim sysv ls shows what ipcs -m shows",
  program("ipcs", "util-linux"),
  async () => {
    using keys = new Keys();
    const segment = keys.create(1, { size: 12345, mode: 0o640 }).attach();
    const { shmid } = segment;
    const out = await done(["sysv", "ls"]);
    const { stdout } = await run("ipcs", ["-m"]);
    const cells = (text: string, column: number): string[] =>
      text.split("\n").map((line) => line.trim().split(/\s+/))
        .find((row) => row[column] === String(shmid)) ?? [];
    // key shmid owner perms bytes nattch
    assertEquals(cells(out, 1).slice(0, 6), cells(stdout, 1).slice(0, 6));
    assertEquals(cells(out, 1)[6], String(Deno.pid));
    const all = json(await done(["sysv", "ls", "--json"]));
    const one = all.find((item: { shmid: number }) => item.shmid === shmid);
    assertEquals(
      {
        ...one,
        attachTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(one.attachTime),
        changeTime: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(one.changeTime),
      },
      {
        shmid,
        key: `0x${Segment.ftok(keys.path, 1).toString(16).padStart(8, "0")}`,
        // A user without a name is a number to ipcs.
        owner: cells(stdout, 1)[2] === String(Deno.uid())
          ? null
          : cells(stdout, 1)[2],
        permissions: "640",
        size: 12345,
        uid: Deno.uid(),
        gid: Deno.gid(),
        creatorUid: Deno.uid(),
        creatorGid: Deno.gid(),
        creatorPid: Deno.pid,
        creatorAlive: true,
        lastPid: Deno.pid,
        lastAlive: true,
        attached: 1,
        attachTime: true,
        detachTime: null,
        changeTime: true,
        removed: false,
        locked: false,
        orphan: false,
      },
    );
  },
);

testWhere(
  "shmim sysv limits says what ipcs -lm says",
  program("ipcs", "util-linux"),
  async () => {
    const limits = json(await done(["sysv", "limits", "--json"]));
    const { stdout } = await run("ipcs", ["-l", "-m"]);
    const number = (name: RegExp): string =>
      stdout.match(new RegExp(`${name.source}[^=]*= (\\d+)`))?.[1] ?? "";
    assertEquals(String(limits.maxSegments), number(/max number of segments/));
    assertEquals(String(limits.minBytes), number(/min seg size/));
    assertEquals(
      String(BigInt(limits.maxBytes) / 1024n),
      number(/max seg size/),
    );
    const text = await done(["sysv", "limits"]);
    assertMatch(
      text,
      new RegExp(`^segments +\\d+ of ${limits.maxSegments}$`, "m"),
    );
    assertMatch(
      text,
      new RegExp(`^largest segment +${limits.maxBytes} bytes$`, "m"),
    );
  },
);

Deno.test("shmim sysv rm removes what it is told to, and says what it could not", async () => {
  using keys = new Keys();
  const free = keys.create(1, { size: 10 });
  const held = keys.create(2, { size: 20 }).attach();
  const { code, out, err } = await shmim(
    ["sysv", "rm", String(free.shmid), "2147418112", String(held.shmid)],
  );
  assertEquals(code, 1);
  assertEquals(
    err,
    "shmim: Cannot find segment id 2147418112: no segment has this id " +
      "(EINVAL)\n",
  );
  assertMatch(
    out,
    new RegExp(
      `^removed ${free.shmid} \\(0x[0-9a-f]{8}, 10 bytes\\)\n` +
        `removed ${held.shmid} \\(0x[0-9a-f]{8}, 20 bytes\\); attached 1 ` +
        "times, its memory goes with the last\n$",
    ),
  );
  assertEquals([keys.find(1), keys.find(2)], [undefined, undefined]);
});

Deno.test.each([
  [[]],
  [["rm"]],
  [["rm", "seven"]],
  [["rm", "0x10"]],
  [["rm", "-1"]],
  [["rm", "1.5"]],
  [["rm", "99999999999"]],
  [["rm", "1", "--dry-run"]],
  [["rm", "1", "--orphans"]],
  [["rm", "1", "--json"]],
  [["ls", "1"]],
  [["ls", "--orphans"]],
  [["list"]],
])("shmim sysv %s is wrong usage, in one line", async (words) => {
  const { code, out, err } = await shmim(["sysv", ...words], {
    flags: [], // nothing is looked at before
  });
  assertEquals([code, out], [2, ""]);
  assertMatch(err, /^shmim: [^\n]+\(shmim sysv --help\)\n$/);
});

/** Runs a script where no other test's segments are. */
async function alone(script: string): Promise<string> {
  const { code, stdout, stderr } = await run("unshare", [
    ...namespace() ?? [],
    "sh",
    "-c",
    `shmim() { "${Deno.execPath()}" run -qA "${CLI}" "$@"; }\n${script}`,
  ]);
  assertEquals(code, 0, stderr);
  return stdout + stderr;
}

const ALONE = (): string | undefined =>
  namespace() === undefined ? "no namespace can be made here" : undefined;

testWhere(
  "shmim sysv rm --orphans removes what nobody can miss, and nothing else",
  ALONE,
  async () => {
    using keys = new Keys();
    const said = await alone(`
      shmim sysv rm --orphans
      ipcmk -M 100 >/dev/null
      shmim device SIN 2 --key ${keys.path}:1 --background >/dev/null
      shmim device SIN 2 --key ${keys.path}:2 --background >/dev/null
      kill -9 $(shmim client --key ${keys.path}:2 --count 1 --json |
        sed 's/.*"pid":\\([0-9]*\\).*/\\1/')
      for n in $(seq 100); do # it is gone when it is gone
        said=$(shmim sysv rm --orphans --dry-run)
        [ $(echo "$said" | grep -c '^would remove') = 2 ] && break
        sleep 0.1
      done
      echo "$said"
      echo left $(ipcs -m | grep -c ^0x)
      shmim sysv rm --orphans
      echo left $(ipcs -m | grep -c ^0x)
      echo exit | shmim device --attach --key ${keys.path}:1
      echo left $(ipcs -m | grep -c ^0x)
    `);
    const count = (pattern: RegExp): number =>
      [...said.matchAll(pattern)].length;
    assertEquals(count(/^would remove \d+ .*, made by pid \d+\)$/gm), 2, said);
    assertEquals(count(/^removed \d+ \(0x[0-9a-f]+, (100|4096) bytes\)$/gm), 2);
    assertEquals(count(/^No orphans$/gm), 1, said);
    assertEquals(
      [...said.matchAll(/^left (\d)$/gm)].map(([, n]) => n),
      ["3", "1", "0"],
    );
  },
  { optional: true },
);

testWhere(
  "shmim device: as many and as large segments as the kernel allows",
  () => ALONE() ?? root(),
  async () => {
    using keys = new Keys();
    const said = await alone(`
      echo 4095 > /proc/sys/kernel/shmmax
      shmim device SIN 2 --key ${keys.path}:1 </dev/null; echo code $?
      echo 8192 > /proc/sys/kernel/shmmax
      echo 0 > /proc/sys/kernel/shmmni
      shmim device SIN 2 --key ${keys.path}:1 </dev/null; echo code $?
      shmim sysv limits
    `);
    assertMatch(
      said,
      /: 4096 bytes are outside the kernel's limits, which "shmim sysv limits" shows \(EINVAL\)\n/,
    );
    assertMatch(said, /as many segments, or pages of them, .* \(ENOSPC\)\n/);
    assertEquals([...said.matchAll(/^code 1$/gm)].length, 2);
    assertMatch(said, /^segments +0 of 0$/m);
  },
  { optional: true },
);

testWhere(
  "shmim client and device: a segment that is not ours to use is EACCES",
  () => Deno.uid() === 0 ? program("setpriv", "util-linux")() : undefined,
  async () => {
    using keys = new Keys();
    keys.create(1, { mode: 0 });
    // Root may do everything, unless it gives that up.
    const drop = Deno.uid() === 0
      ? ["setpriv", "--bounding-set=-ipc_owner", "--inh-caps=-ipc_owner"]
      : ["env"];
    const deno = [Deno.execPath(), "run", "-qA", CLI];
    for (
      const words of [
        ["client", "--key", `${keys.path}:1`],
        ["device", "SIN", "2", "--key", `${keys.path}:1`],
        ["device", "--attach", "--key", `${keys.path}:1`],
      ]
    ) {
      const [command = "", ...args] = [...drop, ...deno, ...words];
      const { code, stdout, stderr } = await run(command, args);
      assertEquals([code, stdout], [1, ""]);
      assertMatch(
        stderr,
        /^shmim: Cannot look at segment 0x01[^\n]+: its permissions do not let you \(EACCES\)\n$/,
      );
    }
    assert(keys.find(1) !== undefined);
  },
);
