/** The processes that carry streams: up to 16 of a peer in each. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { endProcess } from "../../ffi/process.ts";
import { Stream } from "../../src/stream/stream.ts";
import { until } from "../_support/cli.ts";
import { has, program } from "../_support/skip.ts";
import { camera, frame, type PumpFacts, Site } from "./_partition_site.ts";
import { freePort } from "../_support/ports.ts";

const NAMES = Array.from({ length: 17 }, (_, at) => `c${at}`);

/** An owner of 17 streams, and one that mounts all but the last. */
function many(): [Site, Site] {
  const [a, b] = [freePort(), freePort()];
  const table = (kind: string, name: string, more = ""): string =>
    `[[${kind}]]\nstream = "${name}"\n${more}`;
  return [
    new Site(1, a, [{ partition: 2, port: b }], {
      tail: NAMES.map((name) => table("share", name)).join(""),
    }),
    new Site(2, b, [{ partition: 1, port: a }], {
      tail: NAMES.slice(0, -1)
        .map((name) => table("mount", name, "partition = 1\n")).join(""),
    }),
  ];
}

/** How many streams each process has. */
function loads(site: Site): number[] {
  const count = new Map<string, number>();
  for (const { duty } of site.pumps()) {
    count.set(duty, (count.get(duty) ?? 0) + 1);
  }
  return [...count.values()].sort((x, y) => y - x);
}

/** Reads samples: the value behind each name with its labels. */
function sample(text: string, pattern: RegExp): number | undefined {
  const line = text.split("\n").find((one) => pattern.test(one));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
}

function pids(duties: readonly PumpFacts[]): number[] {
  return duties.map(({ pid }) => pid).sort();
}

Deno.test("sixteen streams of a peer share a process, and come and go without the others' notice", async () => {
  const [one, two] = many();
  await using _one = one;
  await using _two = two;
  const cameras = NAMES.map((name) => camera(one, name));
  await using _cameras = {
    [Symbol.asyncDispose]: (): Promise<void> => {
      for (const one of cameras) one.close();
      return Promise.resolve();
    },
  };
  // Under their own permissions: each socket, stream and key is asked for.
  await one.up(["-P=daemon"]);
  await two.up(["-P=daemon"]);
  await until(
    () => `all are mounted: ${loads(one)} ${loads(two)}`,
    () => loads(one)[0] === 16 && loads(two)[0] === 16,
  );
  assertEquals([loads(one), loads(two)], [[16], [16]]);
  const before = [pids(one.duties()), pids(two.duties())];
  const [first, second] = cameras;
  assert(first !== undefined && second !== undefined);
  let value = 0;
  const crossed = async (source: Stream, name: string): Promise<void> => {
    source.write(frame(++value));
    await until(`${name} has ${value}`, () => {
      try {
        using far = Stream.open(name, { dir: two.dir, writable: false });
        return far.read().pixels[0] === value;
      } catch {
        return false;
      }
    });
  };
  await crossed(first, "c0");
  await crossed(second, "c1");

  // A steady writer meanwhile: none of its frames is lost or sent anew.
  let writing = true;
  let written = 0;
  const writer = (async (): Promise<void> => {
    for (; writing; written++) {
      first.write(frame(++value));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  try {
    await two.done("mount", "1:c16");
    const both = (): string => `${loads(one)} ${loads(two)}`;
    await until(both, () => both() === "16,1 16,1");
    await two.done("umount", "c1");
    await until(both, () => both() === "15,1 15,1");
    await two.done("mount", "1:c1", "--as", "again");
    await until(both, () => both() === "16,1 16,1");
  } finally {
    writing = false;
    await writer;
  }
  assertEquals(loads(two), [16, 1]);
  await crossed(first, "c0");
  const of = (name: string): RegExp =>
    new RegExp(`^shmim_pump_${name}\\{.*stream="c0",direction="receive"`);
  let text = "";
  const read = (name: string): number | undefined => sample(text, of(name));
  // A busy host may send the newest only: what it left out is counted.
  await until(
    () =>
      `${written + 2} frames: ${read("frames_total")} and ` +
      `${read("skipped_frames_total")} skipped`,
    async () => {
      text = await two.done("ctl", "metrics");
      const crossed = read("frames_total") ?? 0;
      return crossed + (read("skipped_frames_total") ?? 0) === written + 2;
    },
  );
  assertEquals(read("reconnects_total"), 0);
  // A frame that a newer one overtook has times of that one: no latency.
  const timed = read("latency_seconds_count") ?? 0;
  assert(timed > 0 && timed <= (read("frames_total") ?? 0), text);
  const last = /^shmim_pump_latency_seconds_bucket\{.*"c0",.*,le="\+Inf"/;
  assertEquals(sample(text, last), timed);
  assertEquals(sample(text, /^shmim_peer_reached\{.*peer="1"/), 1);
  assertMatch(text, /^shmim_build_info\{version="[\d.]+",wire="\d+"/m);
  if (has(program("promtool", "prometheus"), "promtool on the metrics")) {
    const child = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const input = child.stdin.getWriter();
    await input.write(new TextEncoder().encode(text));
    await input.close();
    const { code, stderr, stdout } = await child.output();
    const said = new TextDecoder().decode(stderr) +
      new TextDecoder().decode(stdout);
    assertEquals([code, said], [0, ""]);
  }

  // Killed daemons leave them; the next ones have the same.
  const all = [pids(one.duties()), pids(two.duties())];
  assert(before.flat().every((pid) => all.flat().includes(pid)));
  await Promise.all([one.crash(), two.crash()]);
  await crossed(first, "c0");
  await one.up(["-P=daemon"]);
  await two.up(["-P=daemon"]);
  await two.mounted("c0", "received");
  await crossed(first, "c0");
  assertEquals([pids(one.duties()), pids(two.duties())], all);

  // A dead one that is taken over is started again, with all that it had.
  await two.crash();
  for (const { pid, startNs } of two.duties()) {
    endProcess(pid, BigInt(startNs));
  }
  const daemon = await two.up(["-P=daemon"]);
  await daemon.says(/the process \d+ of receive-1-\d died/);
  await until(() => `they are back: ${loads(two)}`, () => {
    const now = loads(two);
    return now[0] === 16 && now[1] === 1;
  });
  await crossed(second, "again");
  await crossed(first, "c0");
});
