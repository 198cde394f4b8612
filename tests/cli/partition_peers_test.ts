/** Whom a daemon believes, and what a crowd without the key can do: little. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Child } from "../_support/child.ts";
import { Folder, until } from "../_support/cli.ts";
import { camera, crosses, pair, Site } from "./_partition_site.ts";
import { freePort } from "../_support/ports.ts";
import { keyFile } from "../_support/key.ts";

Deno.test("a key of its own proves a peer's number", async () => {
  using keys = new Folder();
  const [second, third] = [
    keyFile(keys, "the-key-of-the-second"),
    keyFile(keys, "the-key-of-the-third"),
  ];
  const ports = [freePort(), freePort(), freePort()];
  const [a = 0, b = 0, c = 0] = ports;
  await using one = new Site(1, a, [
    // Elsewhere, as far as anybody knows: its key is enough.
    { partition: 2, port: b, host: "127.0.0.7", key: second },
    { partition: 3, port: c, key: third },
  ]);
  await using two = new Site(2, b, [{ partition: 1, port: a, key: second }]);
  await using liar = new Site(2, c, [{ partition: 1, port: a, key: third }]);
  using cam = camera(one);
  await one.up();
  await two.up();
  await liar.up();
  await one.done("share", "cam");
  const { code, err } = await liar.shmim("mount", "1:cam");
  assertEquals(code, 1);
  assertMatch(err, /That key is not partition 2's, but of partition 3/);
  await two.done("mount", "1:cam");
  // Frames go to where it called from, with the same key.
  await crosses(cam, two, "cam", 1);
});

Deno.test("with one key for all a number belongs to its address, and to one daemon", async () => {
  const [a, b, c] = [freePort(), freePort(), freePort()];
  await using one = new Site(1, a, [
    { partition: 2, port: b },
    { partition: 3, port: c, host: "127.0.0.7" },
  ], { timeoutS: 3 });
  await using two = new Site(2, b, [{ partition: 1, port: a }]);
  await using twin = new Site(2, freePort(), [{ partition: 1, port: a }]);
  await using stray = new Site(3, c, [{ partition: 1, port: a }]);
  await using stranger = new Site(9, freePort(), [{ partition: 1, port: a }]);
  await using lost = new Site(5, freePort(), [{ partition: 4, port: a }]);
  using cam = camera(one);
  for (const site of [one, two, twin, stray, stranger, lost]) await site.up();
  await one.done("share", "cam");
  await two.done("mount", "1:cam");
  await crosses(cam, two, "cam", 1);
  const refusals = [
    [
      twin,
      "1:cam",
      /Partition 2 is up on host "[^"]+" \(127\.0\.0\.1\) already/,
    ],
    [stray, "1:cam", /Partition 3 is at 127\.0\.0\.7, not at 127\.0\.0\.1/],
    [stranger, "1:cam", /Partition 1 knows no partition 9/],
    [lost, "4:cam", /This is partition 1, not 4/],
  ] as const;
  for (const [site, what, expected] of refusals) {
    const { code, err } = await site.shmim("mount", what);
    assertEquals(code, 1);
    assertMatch(err, expected);
  }
  // Once the first has been silent for `timeout`, the other may come.
  await two.done("umount", "cam");
  await two.crash();
  await until(
    "the twin's turn",
    async () => (await twin.shmim("mount", "1:cam")).code === 0,
  );
});

Deno.test("a configuration whose peers cannot be told apart is refused", async () => {
  await using site = new Site(1, freePort(), []);
  using keys = new Folder();
  const key = keyFile(keys, "a-key-of-its-own");
  const peer = (partition: number, more = ""): string =>
    `[[peer]]\npartition = ${partition}\nhost = "h"\nport = 1\n${more}`;
  const cases = [
    [peer(2) + peer(2), /Two \[\[peer\]\] have the number 2/, 2],
    [
      peer(2, `key = "${key}"\n`) + peer(3),
      /\[\[peer\]\] 3 has no "key", others have/,
      2,
    ],
    [
      `partition = 7\n${peer(7)}`,
      /Partition 7 is this one, and \[\[peer\]\] at h:1, too/,
      1,
    ],
  ] as const;
  for (const [text, expected, exit] of cases) {
    Deno.writeTextFileSync(site.config, text);
    const { code, err } = await site.shmim("daemon", "--config", site.config);
    assertEquals([code, expected.test(err)], [exit, true], err);
  }
});

/** Resident memory of a process, MiB. */
function residentMiB(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
}

/**
 * Connections from an address of loopback that say nothing, a wrong greeting,
 * or half of one; as many as are asked for, 100 at once.
 */
function crowd(address: string, ports: readonly number[]): Child {
  return Child.start(`
    import { connect } from "node:net";
    const ports = ${JSON.stringify(ports)};
    const words = ["", "GET / HTTP/1.1\\r\\n\\r\\n", "\\x89shmim\\r\\n"];
    const one = (n) => new Promise((resolve) => {
      const socket = connect({
        host: "127.0.0.1",
        port: ports[n % ports.length],
        localAddress: ${JSON.stringify(address)},
      });
      const end = () => { socket.destroy(); resolve(); };
      socket.on("error", end).on("close", end).on("data", () => {});
      socket.on("connect", () => socket.write(words[n % 3]));
      setTimeout(end, 200);
    });
    const lines = process.stdin;
    lines.on("data", async (text) => {
      const count = Number(text.toString());
      for (let done = 0; done < count; done += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, n) => one(done + n)));
      }
      console.log("done");
    });
    console.log("ready");
  `);
}

Deno.test("10,000 connections without the key leave memory flat, and peers served", async () => {
  using keys = new Folder();
  const head = `key = "${keyFile(keys, "a-key-that-both-have")}"
`;
  const [one, two] = pair({ head });
  await using _one = one;
  await using _two = two;
  using cam = camera(one);
  const daemon = await one.up();
  await two.up();
  using steady = camera(one, "steady");
  for (const name of ["steady", "cam"]) {
    await one.done("share", name);
    await two.done("mount", `1:${name}`);
  }
  await crosses(steady, two, "steady", 1);
  await crosses(cam, two, "cam", 1);
  const pump = two.pumps().find(({ stream }) => stream === "steady");
  const [carrier] = two.duties();
  assert(pump !== undefined && carrier !== undefined);
  const ports = [one.port, pump.port];
  await using crowds = new AsyncDisposableStack();
  const children = [2, 3, 4, 5].map((n) =>
    crowds.use(crowd(`127.0.0.${n}`, ports))
  );
  const send = async (count: number): Promise<void> => {
    for (const child of children) await child.say(`${count}`);
    await Promise.all(children.map((child) => child.line()));
  };
  for (const child of children) assertEquals(await child.line(), "ready");
  await send(500); // what such a process takes once
  const pids = [daemon.pid, carrier.pid];
  const before = pids.map(residentMiB);
  let over = false;
  const toldBefore = daemon.err.split("turned a peer away").length - 1;
  const begun = performance.now();
  const storm = send(2500).then(() => over = true);
  storm.catch(() => {}); // where the test fails before, that is what to tell
  let served = 0;
  for (; !over || served === 0; served++) {
    await crosses(cam, two, "cam", 2 + served);
    await two.done("umount", "cam");
    await two.done("mount", "1:cam");
  }
  await storm;
  const grown = pids.map((pid, at) => residentMiB(pid) - (before[at] ?? 0));
  assert(grown.every((mib) => mib < 32), `grown by ${grown} MiB`);
  await crosses(cam, two, "cam", 100);
  const text = await one.done("ctl", "metrics");
  const refused = Number(
    /^shmim_peers_refused_total\S* (\d+)$/m.exec(text)?.[1],
  );
  assert(refused > 1000, `${refused} were refused`);
  assertMatch(text, /^shmim_peers_knocking\S* \d{1,2}$/m);
  // In the log a line a second, not one for each.
  const told = daemon.err.split("turned a peer away").length - 1 - toldBefore;
  const seconds = Math.ceil((performance.now() - begun) / 1000);
  assert(told <= seconds + 2, `${told} lines in ${seconds} s`);
});
