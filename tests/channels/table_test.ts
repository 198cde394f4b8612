/** The channel table: what it says, and what is wrong in it. */

import { assertEquals, assertMatch } from "@std/assert";
import { hostOf, readTable } from "../../src/channels/table.ts";
import { expandNames } from "../../src/channels/pattern.ts";
import { matching } from "../../src/channels/select.ts";
import { readToml, TomlError, TomlTable } from "../../src/channels/toml.ts";

const MAGAOX = new URL("../../docs/examples/magaox.toml", import.meta.url);

/** The rows of the table that the instrument's documentation has. */
const DOCUMENTED = [
  ["dm00", "icc", [11, 11], 8780, "192.168.2.2"],
  ["dm01", "icc", [50, 50], 8800, "192.168.2.2"],
  ["dm61", "icc", [3, 1], 8600, "192.168.2.2"],
  ["dm62", "icc", [3, 1], 8620, "192.168.2.2"],
  ["dm63", "icc", [3, 1], 8640, "192.168.2.2"],
  ["dm64", "icc", [3, 1], 8660, "192.168.2.2"],
  ["dm65", "icc", [3, 1], 8680, "192.168.2.2"],
  ["dm66", "icc", [3, 1], 8700, "192.168.2.2"],
  ["dm02", "rtc", [34, 34], 8820, "192.168.2.3"],
] as const;

Deno.test("docs/examples/magaox.toml is MagAO-X's whole table", () => {
  const text = Deno.readTextFileSync(MAGAOX);
  const { table, problems } = readTable("magaox.toml", text);
  assertEquals(problems, []);
  assertEquals(hostOf(table, "ICC")?.address, "192.168.2.3");
  assertEquals(hostOf(table, "RTC")?.address, "192.168.2.2");
  const found = table.channels.map((channel) => [
    channel.name,
    channel.from.name,
    channel.size,
    channel.type,
    channel.port,
    channel.to.address,
  ]).sort();
  const expected = DOCUMENTED.flatMap(([dm, from, size, base, address]) =>
    Array.from({ length: 12 }, (_, i) => [
      `${dm}disp${String(i).padStart(2, "0")}`,
      from,
      size,
      "f32",
      base + i,
      address,
    ])
  ).sort();
  assertEquals(found, expected);
});

/** A sound table; tests change a line of it. */
const SOUND = `
[hosts.icc]
role = "ICC"
address = "192.168.2.3"
[hosts.rtc]
role = "RTC"
address = "192.168.2.2"

[channels.tweeter]
streams = "dm01disp{00..02}"
from = "icc"
to = "rtc"
size = [50, 50]
type = "f32"
port = 8800
`;

const WRONG: readonly (readonly [string, string, string])[] = [
  ["port = 8800", "port = ", "15:8: The value is missing"],
  ["port = 8800", "port = 88x", "15:8: Not a TOML value: 88x"],
  ["port = 8800", "port 8800", '15:6: Expected "=" after the key'],
  ["port = 8800", "port = 1 2", "15:8: Not a TOML value: 1 2"],
  ["port = 8800", 'port = "8800"', '15:1: "port" takes a whole number'],
  ["port = 8800", "port = 65535", "15:1: Port 65535 + 1 is above 65535"],
  ["port = 8800", "", '9:11: "port" is missing in "tweeter"'],
  [
    "port = 8800",
    "port = 8800\nport = 8801",
    '16:1: "port" is given twice, first in line 15',
  ],
  [
    "port = 8800",
    "port = 8800\nprt = 1",
    '16:1: Unknown key "prt" in "tweeter"; did you mean "port"?',
  ],
  [
    "port = 8800",
    'port = 8800\n[hosts.rtc]\naddress = "x"',
    '16:8: "rtc" is given twice, first in line 5',
  ],
  ["port = 8800", "port = 8800\n[hosts", "16:7: The heading is not closed"],
  ["port = 8800", "port = 8800\n[[channels]]", "16:1: Lists of tables"],
  ["port = 8800", "port = 8800\n[chanels.x]", '16:2: Unknown key "chanels"'],
  [
    'to = "rtc"',
    'to = "rct"',
    '12:1: There is no host "rct" (known: icc, rtc)',
  ],
  ['to = "rtc"', 'to = "icc"', '12:1: It goes from "icc" to itself'],
  ['to = "rtc"', 'to = "rtc', '12:6: The string is not closed by "'],
  ['type = "f32"', 'type = "f33"', '14:1: Unknown data type "f33"'],
  ["[50, 50]", "[50, 0]", '13:1: "size" takes a list of whole numbers'],
  ["[50, 50]", "[1, 2, 3, 4]", "13:1: A stream has 1 to 3 axes"],
  ["[50, 50]", "[50, 50", "13:8: Not a TOML value: [50, 50"],
  ["{00..02}", "{02..00}", '10:1: "dm01disp{02..00}" goes from 02 to 00'],
  ["{00..02}", "/x", "10:1: Not a stream name"],
  ['role = "RTC"', 'role = "icc"', '6:1: "icc" has the same role'],
  ["192.168.2.2", "192.168.2.3", '7:1: "icc" has the same address'],
  [
    "port = 8800",
    "port = 8800\nzstd = true",
    '16:1: "zstd" in "tweeter" asks for our own wire: add wire = "shmim"',
  ],
  ["port = 8800", "port = 8800\nzstd = 1", '16:1: "zstd" takes true or false'],
  ["192.168.2.2", "a b", '7:1: "a b" is no host name or address'],
];

Deno.test.each(WRONG)(
  "readTable() tells where it is wrong: %s, %s",
  (was, is, said) => {
    const { problems } = readTable("t", SOUND.replace(was, is));
    const [first] = problems;
    const line = `${first?.line}:${first?.column}: ${first?.message}`;
    assertEquals(line.slice(0, said.length), said, JSON.stringify(problems));
  },
);

Deno.test("readTable() finds ports that overlap and streams that two groups claim", () => {
  const { problems } = readTable(
    "t",
    SOUND + `
[channels.other]
streams = ["a", "dm01disp02", "b"]
from = "icc"
to = "rtc"
size = [3]
type = "u8"
port = 8801
`,
  );
  assertEquals(problems.map(({ line, message }) => `${line}: ${message}`), [
    '17: Ports overlap: "a" and "dm01disp01" (line 9) both use 8801 on "rtc"',
    '17: "dm01disp02" has a channel already, in line 9',
  ]);
});

Deno.test("readTable(): the same port on two hosts is no overlap", () => {
  const back = `
[channels.back]
streams = "dm02disp{00..02}"
from = "rtc"
to = "icc"
size = [34, 34]
type = "f32"
port = 8800
`;
  assertEquals(readTable("t", SOUND + back).problems, []);
});

Deno.test("readTable() takes a group's own word before the defaults", () => {
  const { table, problems } = readTable(
    "t",
    `[defaults]
wire = "shmim"
policy = "every"
type = "u16"
` + SOUND.replace('type = "f32"', 'policy = "latest" # thin line'),
  );
  assertEquals(problems, []);
  const [first] = table.channels;
  assertEquals([first?.wire, first?.policy, first?.type], [
    "shmim",
    "latest",
    "u16",
  ]);
});

Deno.test("readTable(): a key lies beside the table, and is nothing for milk's wire", () => {
  const own = SOUND + 'key = "dm.key"\n';
  const { table } = readTable("/etc/shmim/b.toml", own + 'wire = "shmim"\n');
  assertEquals(table.channels[0]?.key, "/etc/shmim/dm.key");
  const { problems } = readTable("/etc/shmim/b.toml", own);
  assertEquals(problems.map(({ line, message }) => [line, message]), [
    [16, '"key" in "tweeter" asks for our own wire: add wire = "shmim"'],
  ]);
});

Deno.test("readTable() tells of a bad default once", () => {
  const { problems } = readTable("t", `[defaults]\nwire = "smoke"\n${SOUND}`);
  assertEquals(problems.map(({ line, message }) => [line, message]), [
    [2, '"wire" takes "milk" or "shmim"'],
  ]);
});

Deno.test("readToml() reads what TOML allows in a table of channels", () => {
  const { root, duplicates } = readToml(
    "\ufeffa.b = 'x' # said\r\n\"a b\" = [ # list\n 1,\n 2, # two\n]\n" +
      't = { x = "}#", "y z" = { q = 1 } }\ns = """a\n\\" = b"""\n' +
      "[ head . 'in' ]\nk = true\n[head]\nj = 2024-01-01T00:00:00Z\n",
  );
  assertEquals(duplicates, []);
  const plain = (value: unknown): unknown =>
    value instanceof TomlTable
      ? Object.fromEntries(
        [...value.entries].map(([key, entry]) => [key, plain(entry.value)]),
      )
      : value;
  assertEquals(plain(root), {
    a: { b: "x" },
    "a b": [1, 2],
    t: { x: "}#", "y z": { q: 1 } },
    s: 'a\n" = b',
    head: { in: { k: true }, j: new Date("2024-01-01T00:00:00Z") },
  });
  assertEquals(root.entries.get("t")?.place, { line: 6, column: 1 });
});

Deno.test.each([
  "a = {x = 1, x = 2}",
  "a.b = 1\na.b = 2",
  "[a]\n[a]",
  "a = 1\n[a]",
])(
  "readToml() sees the duplicate in %s",
  (text) => {
    assertEquals(readToml(text).duplicates.length, 1);
  },
);

Deno.test("readToml() never hangs or crashes on broken text", () => {
  const parts = ["[", "]", "a", "=", '"', "'", '"""', "\n", "{", "}", ",", "#"];
  let seed = 7;
  for (let n = 0; n < 3000; n++) {
    let text = "";
    for (let i = 0; i < 12; i++) {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      text += parts[seed % parts.length];
    }
    try {
      readToml(text);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      assertMatch(error.message, /^line \d+, column \d+: [^\n]+/);
    }
  }
});

Deno.test("expandNames() keeps the width of the first number", () => {
  assertEquals(expandNames("dm{08..10}x").map(({ name }) => name), [
    "dm08x",
    "dm09x",
    "dm10x",
  ]);
  assertEquals(expandNames("cam"), [{ name: "cam", number: 0 }]);
});

Deno.test("matching() takes names and patterns, each name once", () => {
  const known = ["dm00disp00", "dm01disp00", "dm01disp01"];
  assertEquals(matching(["dm01disp*", "dm01disp01", "dm0?disp00"], known), {
    names: known,
    unknown: [],
  });
  assertEquals(matching(["dm01*", "dm02*"], known).unknown, ["dm02*"]);
});
