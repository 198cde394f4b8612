/** Hosts and ports as one text. */

import { assertEquals } from "@std/assert";
import {
  bareHost,
  readEndpoint,
  showEndpoint,
} from "../../src/bridge/endpoint.ts";

Deno.test("readEndpoint() reads what showEndpoint() wrote", () => {
  for (
    const [hostname, text] of [
      ["rtc", "rtc:8886"],
      ["192.168.2.2", "192.168.2.2:8886"],
      ["::1", "[::1]:8886"],
      ["fe80::1%eth0", "[fe80::1%eth0]:8886"],
    ] as const
  ) {
    assertEquals(showEndpoint(hostname, 8886), text);
    assertEquals(readEndpoint(text), { hostname, port: 8886 });
    assertEquals(bareHost(text.replace(/:8886$/, "")), hostname);
  }
});

Deno.test("readEndpoint() takes no more, and PORT alone where there is a host", () => {
  const wrong = ["::1:8886", "rtc", "rtc:", ":1", "rtc:x", "[]:1"];
  for (const text of wrong) assertEquals(readEndpoint(text), undefined, text);
  assertEquals(readEndpoint("8886"), undefined);
  assertEquals(readEndpoint("8886", "::"), { hostname: "::", port: 8886 });
});
