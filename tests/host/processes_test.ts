/** Who lives, from faked processes; and on this host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import "../_support/load.ts";
import {
  census,
  pidFacts,
  type ProcessFacts,
  ProcessNames,
} from "../../src/host/processes.ts";

const INITIAL = "pid:[4026531836]";

function seen(pid: number, pids: string = `${pid}`): ProcessFacts {
  return { pid, status: `Name:\tx\nNSpid:\t${pids}\nState:\tS\n` };
}

Deno.test("census() counts every pid that a process has anywhere", () => {
  const { alive, hidden } = census({
    namespace: INITIAL,
    processes: [seen(1), seen(900, "900\t7")],
  });
  assertEquals(hidden, undefined);
  assertEquals([...alive].sort((a, b) => a - b), [1, 7, 900]);
});

Deno.test("census() counts nobody where a process ends while it is looked at", () => {
  const { alive } = census({
    namespace: INITIAL,
    processes: [seen(1), seen(900, "0")],
  });
  assertEquals([...alive], [1, 900]);
});

Deno.test("census() says where the living may be hidden", () => {
  const processes = [seen(1), seen(2)];
  const inside = { namespace: "pid:[4026532449]", processes };
  assertMatch(census(inside).hidden ?? "", /container/);
  assertEquals(census(inside, true).hidden, undefined);
  const cases = [
    { namespace: undefined, processes },
    { namespace: INITIAL, processes: [] },
    { namespace: INITIAL, processes: [seen(2)] },
    {
      namespace: INITIAL,
      processes: [seen(1), { pid: 5, status: undefined }],
    },
  ];
  for (const facts of cases) {
    assertMatch(census(facts).hidden ?? "", /\/proc|hidepid/);
    assert(census(facts, true).hidden !== undefined, "no word helps there");
  }
});

Deno.test("pidFacts() finds this process", () => {
  const facts = pidFacts();
  assert(census(facts).alive.has(Deno.pid));
  assertMatch(facts.namespace ?? "", /^pid:\[\d+\]$/);
  const names = new ProcessNames();
  assertEquals(
    names.name(Deno.pid),
    Deno.readTextFileSync("/proc/self/comm").trim(),
  );
  assertEquals(names.name(0), undefined);
  assertEquals(names.name(0x3fffffff), undefined);
});
