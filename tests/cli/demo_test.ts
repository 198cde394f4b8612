/** `shmim demo`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { existsSync } from "node:fs";
import { run } from "../_support/child.ts";
import { CLI, Folder, Running, shmim, until } from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";

/** Folders that a demo makes: those of one that runs beside the test, too. */
function folders(text: string): string[] {
  return [...text.matchAll(/\/tmp\/shmim-(?:here|there)-[\w]+/g)]
    .map(([path]) => path);
}

function assertGone(paths: readonly string[]): void {
  assertEquals(paths.length, 2);
  for (const path of paths) {
    try {
      Deno.statSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    throw new Error(`${path} was left behind`);
  }
}

Deno.test("shmim demo draws the frame, prints its table and leaves nothing", async () => {
  const { code, out, err } = await shmim(["demo", "--seconds", "0.5"]);
  assertEquals(code, 0, err);
  assertMatch(out, /^The last frame at the far end:$/m);
  const value = (name: string) =>
    Number(out.match(new RegExp(`^${name} +(\\d+)$`, "m"))?.[1]);
  assertEquals(value("written"), 100);
  assertEquals(value("received"), value("sent"));
  assertEquals(value("sent") + value("skipped"), 100);
  assertEquals(value("different"), 0);
  assertEquals(value("torn"), 0);
  assert(value("checked") > 0);
  for (const which of ["p50", "p99", "max"]) {
    assertMatch(out, new RegExp(`^latency ${which} +\\d+ µs$`, "m"));
  }
  assertMatch(err, /arrived as it was sent\n$/);
  assert(!out.includes("\x1b["), "no colour where there is no terminal");
  assertGone(folders(err));
});

Deno.test("shmim demo that is interrupted leaves nothing", async () => {
  await using demo = new Running(["demo", "--seconds", "60"]);
  await demo.says(/and a bridge between them/);
  await until("its folders", () => folders(demo.err).length === 2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assertEquals(await demo.end("SIGINT"), 130);
  assertGone(folders(demo.err));
});

/** Nothing that a demonstration of partitions named is left. */
async function requireNothingLeft(said: string): Promise<void> {
  const pids = [...said.matchAll(/ is up: unit 0, pid (\d+)/g)]
    .map(([, pid = ""]) => pid);
  assertEquals(pids.length >= 2, true, said);
  const folders = [...said.matchAll(/\/tmp\/shmim-demo-\w+/g)];
  const namespaces = [...said.matchAll(/shmim-demo-\w+-[12]/g)];
  for (const [path] of folders) {
    assertEquals(existsSync(path), false, path);
  }
  for (const [name] of namespaces) {
    assertEquals(existsSync(`/run/netns/${name}`), false, name);
  }
  // What it started has its folder among its words.
  const [folder] = folders[0] ?? ["no folder was named"];
  // The last ones were told to end, and may still be about it.
  let processes = "";
  await until(() => `no process of ${folder}: ${processes}`, async () => {
    processes = (await run("pgrep", ["-af", folder])).stdout;
    return processes === "";
  });
}

const ACT = "shmim demo --partitions";

Deno.test(`${ACT} shares, breaks, comes back, and leaves nothing`, async () => {
  const { code, out, err } = await shmim(["demo", "--partitions"], {
    flags: ["-P=demo"], // as `deno task demo` has it
  });
  assertEquals(code, 0, err);
  const value = (name: string): number =>
    Number(out.match(new RegExp(`^${name} +(\\d+)$`, "m"))?.[1]);
  assertEquals(value("different"), 0);
  assertEquals(value("updates of the segment"), 300);
  assert(value("checked") > 200);
  assert(value("written") > value("checked"));
  assert(value("missed while it was broken") > 100); // 4 s at 100 Hz
  assertMatch(err, /\$ shmim mount 1:demo\n/);
  assertMatch(err, /The cable is pulled|Partition 1 dies/);
  assertMatch(
    err,
    /Frame \d+ arrived, [\d.]+ s later; \d+ in a row were missed/,
  );
  assertMatch(err, /arrived as it was sent\n$/);
  await requireNothingLeft(err);
});

Deno.test(`${ACT} without "ip", interrupted or bereft of a daemon`, async () => {
  using bin = new Folder();
  Deno.symlinkSync(Deno.execPath(), bin.file("deno"));
  const env = { PATH: bin.path };
  {
    await using demo = new Running(["demo", "--partitions"], { env });
    await demo.says(/Two partitions on 127\.0\.0\.1, without a cable: \w+/);
    await demo.says(/frames arrived, as they were sent/);
    assertEquals(await demo.end("SIGINT"), 130, demo.err);
    await requireNothingLeft(demo.err);
  }
  await using demo = new Running(["demo", "--partitions"], { env });
  const [, pid] = await demo.says(/partition 2 is up: unit 0, pid (\d+)/);
  await demo.says(/frames arrived, as they were sent/);
  Deno.kill(Number(pid), "SIGKILL");
  assertEquals(await demo.ended(), 1, demo.err);
  await requireNothingLeft(demo.err);
});

/** Runs something in a terminal of 100 x 40 and returns what it shows. */
async function inTerminal(
  line: string,
  finished: RegExp,
): Promise<{ plain: string; coloured: string }> {
  const socket = `shmim-test-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
  const tmux = async (...args: string[]): Promise<string> => {
    const { stdout } = await new Deno.Command("tmux", {
      args: ["-L", socket, "-f", "/dev/null", ...args],
      env: { TERM: "xterm-256color", NO_COLOR: "" },
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  };
  await tmux(
    ...["new-session", "-d", "-x", "100", "-y", "45"],
    `${line}; echo "code $?"; sleep 60`,
  );
  try {
    let plain = "";
    await until(() => `${finished} on the screen: ${plain}`, async () => {
      plain = await tmux("capture-pane", "-p");
      return finished.test(plain);
    });
    return { plain, coloured: await tmux("capture-pane", "-p", "-e") };
  } finally {
    await tmux("kill-server");
  }
}

testWhere(
  "shmim demo shows its picture in colour in a terminal",
  program("tmux", "tmux"),
  async () => {
    const { plain, coloured } = await inTerminal(
      `env -u NO_COLOR ${Deno.execPath()} run -qA ${CLI} demo --seconds 0.5`,
      /^code \d+$/m,
    );
    assertMatch(plain, /^code 0$/m);
    assertMatch(plain, /▀{20}/);
    assertMatch(plain, /^latency max +\d+ µs$/m);
    // deno-lint-ignore no-control-regex
    const colours = new Set(coloured.match(/\x1b\[[\d;]*[34]8[;:]2[\d;:]+m/g));
    assert(colours.size > 20, `${colours.size} colours`);
  },
);

testWhere(
  "shmim demo obeys NO_COLOR in a terminal",
  program("tmux", "tmux"),
  async () => {
    const { coloured } = await inTerminal(
      `NO_COLOR=1 ${Deno.execPath()} run -qA ${CLI} demo --seconds 0.3`,
      /^code \d+$/m,
    );
    assert(!coloured.includes("48;2"), "no colours");
  },
);
