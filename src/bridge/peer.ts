/**
 * Peers as users see them: their addresses, and why they were left.
 * @module
 */

import type { PumpEnd } from "../../ffi/pump.ts";
import { showEndpoint } from "./endpoint.ts";

/** IPv4 in IPv6 clothes counts as IPv4. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:/i, "");
}

/** An address with its port. */
export function shown(address: Deno.NetAddr): string {
  return showEndpoint(plainAddress(address.hostname), address.port);
}

/** How a feed ended, and whether that needs somebody. */
export function explain(
  peer: string,
  name: string,
  end: PumpEnd,
): ["note" | "warning", string] {
  switch (end.reason) {
    case "closed":
    case "stopped":
      return ["note", `${peer} closed, "${name}" keeps its last frame`];
    case "cut":
      return [
        "warning",
        `${peer} broke off inside a frame of "${name}": that frame is dropped`,
      ];
    case "slice":
      return [
        "warning",
        `${peer} sent slice ${end.index} of "${name}", which has no such ` +
        "slice: connection closed",
      ];
    case "breach":
      return ["warning", `${peer} broke the rules of the wire: closed`];
    case "idle":
      return ["warning", `${peer} was silent for too long: connection closed`];
    case "error":
      return ["warning", `${peer}: ${end.error.message}`];
  }
}
