/** What processes tell their daemon: each event once, of each of them. */

import { assertEquals } from "@std/assert";
import { endProcess } from "../../ffi/process.ts";
import { HeardEvents, KeptEvents } from "../../src/partition/kept_events.ts";
import { camera, crosses, pair } from "../cli/_partition_site.ts";
import { until } from "../_support/cli.ts";

Deno.test("each event is heard once; those of a later process of the name, too", () => {
  const heard = new HeardEvents();
  const told: string[] = [];
  const first = { name: "receive-2-0", pid: 7, startNs: "1" };
  const hear = (teller: typeof first, kept: KeptEvents): void =>
    heard.take(
      teller,
      kept.after(heard.after(teller)),
      (message, level) => told.push(`${level} ${message}`),
    );
  const before = new KeptEvents(2);
  for (const n of [1, 2, 3]) before.add("note", `${n}`);
  hear(first, before);
  hear(first, before);
  before.add("warning", "4");
  hear(first, before);
  assertEquals(told, ["note 2", "note 3", "warning 4"]);
  for (const next of [{ ...first, startNs: "2" }, { ...first, pid: 8 }]) {
    told.length = 0;
    const kept = new KeptEvents(2);
    kept.add("warning", "anew");
    hear(next, kept);
    hear(next, kept);
    assertEquals(told, ["warning anew"]);
  }
});

Deno.test("what a process tells that was started again is in the daemon's log", async () => {
  const [one, two] = pair();
  await using _one = one;
  await using _two = two;
  using cam = camera(one);
  await one.up();
  await two.up();
  await one.done("share", "cam");
  await two.done("mount", "1:cam");
  await crosses(cam, two, "cam", 1);
  const said = (): number =>
    (two.daemon?.err ?? "").split("\n").filter((line) => /cam: /.test(line))
      .length;
  await until("its first words", () => said() > 0);
  for (const { pid, startNs } of two.duties()) {
    endProcess(pid, BigInt(startNs));
  }
  await two.daemon?.says(/the process \d+ of receive-1-0 died/);
  const before = said();
  await crosses(cam, two, "cam", 2);
  await until(
    () => `its first words: ${two.daemon?.err}`,
    () => said() > before,
  );
});
