/** The channel table against the streams that are there. */

import { assertEquals } from "@std/assert";
import { disagreements } from "../../src/channels/check.ts";
import { readTable } from "../../src/channels/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Folder } from "../_support/cli.ts";

const HOSTS = `
[hosts.icc]
role = "ICC"
address = "192.168.2.3"
[hosts.rtc]
role = "RTC"
address = "192.168.2.2"
[channels.dm]
streams = "dm"
from = "icc"
to = "rtc"
type = "f32"
port = 8800
`;

Deno.test("disagreements() takes what a receiver takes, and no more", () => {
  for (
    const [there, declared, agrees] of [
      [[7, 1], "[7]", true],
      [[7], "[1, 7]", true],
      [[4, 3, 1], "[4, 3]", true],
      [[4, 3], "[1, 4, 3]", false],
      [[4, 3], "[3, 4]", false],
    ] as const
  ) {
    using folder = new Folder();
    Stream.create("dm", { dir: folder.path, size: there, type: "f32" }).close();
    const text = `${HOSTS}size = ${declared}\n`;
    const { table, problems } = readTable("table.toml", text);
    assertEquals(problems, []);
    const found = disagreements(table, {
      channels: [],
      config: undefined,
      role: "RTC",
      to: undefined,
      listen: undefined,
      allow: [],
      carriage: {},
      dir: folder.path,
    });
    assertEquals(found.length, agrees ? 0 : 1, `${there} as ${declared}`);
  }
});
