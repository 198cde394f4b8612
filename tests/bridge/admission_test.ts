/** Who may knock at a listening port, by a clock of the test's own. */

import { assert, assertEquals } from "@std/assert";
import { Admission, type Guest } from "../../src/bridge/admission.ts";

Deno.test("Admission.enter() lets so many of one address in, in each second", () => {
  let now = 0;
  const door = new Admission({ open: 1000, perSecond: 3 }, () => now);
  const knock = (address: string): boolean => {
    const guest = door.enter(address, () => {});
    guest?.known();
    return guest !== undefined;
  };
  assertEquals([1, 2, 3, 4, 5].map(() => knock("a")), [
    true,
    true,
    true,
    false,
    false,
  ]);
  assert(knock("b")); // has its own count
  now = 999;
  assert(!knock("a"));
  now = 1000;
  assert(knock("a"));
  assertEquals([door.refused, door.evicted, door.open], [3, 0, 0]);
});

Deno.test("Admission.enter() keeps a bounded count of addresses", () => {
  const door = new Admission({ open: 10, perSecond: 5 }, () => 0);
  let refused = 0;
  for (let i = 0; i < 5000; i++) {
    const guest = door.enter(`10.0.${i >> 8}.${i & 255}`, () => {});
    if (guest === undefined) refused++;
    else guest.known();
  }
  // 1024 are told apart; all others share one count.
  assertEquals(refused, 5000 - 1024 - 5);
});

Deno.test("Admission.enter() makes room: who has waited longest goes, who is known stays", () => {
  const door = new Admission({ open: 2, perSecond: 100 }, () => 0);
  const closed: string[] = [];
  const enter = (name: string): Guest => {
    const guest = door.enter("a", () => closed.push(name));
    assert(guest !== undefined);
    return guest;
  };
  enter("honest").known();
  const first = enter("first");
  const second = enter("second");
  assertEquals(closed, []);
  enter("third");
  assertEquals([closed, first.evicted, second.evicted], [
    ["first"],
    true,
    false,
  ]);
  second[Symbol.dispose]();
  enter("fourth");
  assertEquals([closed, door.open, door.evicted], [["first"], 2, 1]);
});

Deno.test("Admission.enter() makes room at the cost of the address with most places", () => {
  const door = new Admission({ open: 4, perSecond: 100 }, () => 0);
  const closed: string[] = [];
  const enter = (address: string, name: string): void =>
    void door.enter(address, () => closed.push(name));
  enter("honest", "slow"); // the oldest of all
  for (const n of [1, 2, 3]) enter("crowd", `crowd ${n}`);
  for (const n of [4, 5, 6]) enter("crowd", `crowd ${n}`);
  assertEquals(closed, ["crowd 1", "crowd 2", "crowd 3"]);
  for (const n of [1, 2, 3]) enter(`other ${n}`, `other ${n}`);
  assertEquals(closed.slice(3), ["crowd 4", "crowd 5", "slow"]);
});
