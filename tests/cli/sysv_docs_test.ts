/** What docs/sysv.md says of the layout is what the code does. */

import { assertEquals, assertMatch } from "@std/assert";
import { AT, HISTORY, LENGTH } from "../../src/sysv/layout.ts";
import { ROOT } from "../_support/cli.ts";

const TEXT = Deno.readTextFileSync(`${ROOT}docs/sysv.md`);

Deno.test("docs/sysv.md: its table of offsets is the code's", () => {
  const offsets = new Map(
    [...TEXT.matchAll(/^\| ([\d, ]+) \| ([\w[\]]+) \| (.*) \|$/gm)].map(
      ([, offset = "", type = "", what = ""]) => [what, { offset, type }],
    ),
  );
  const at = (what: string): string | undefined => offsets.get(what)?.offset;
  assertEquals(at("pid of the device"), String(AT.pid));
  assertEquals(at("when it began, ns since the machine did"), String(AT.start));
  assertEquals(at("sequence counter"), String(AT.sequence));
  assertEquals(at("number of the sample, from 1"), String(AT.record));
  assertEquals(at("value"), String(AT.record + 64));
  assertEquals(
    offsets.get("the last samples, the newest last"),
    { offset: String(AT.record + 112), type: `u32[${HISTORY}]` },
  );
  assertEquals(
    at("number of the last request, of the last reply"),
    `${AT.request}, ${AT.reply}`,
  );
  assertEquals(at("the request"), String(AT.requestText));
  assertEquals(at("the reply"), String(AT.replyText));
  assertMatch(TEXT, new RegExp(`^\\| 8 \\| u32 \\| ${LENGTH} \\|$`, "m"));
});
