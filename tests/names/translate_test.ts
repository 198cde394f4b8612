/** Old command lines become new ones. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Arguments } from "../../src/cli/args.ts";
import { UsageError } from "../../src/cli/errors.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { calledBy, findOldName, OLD_NAMES } from "../../src/names/table.ts";

/** Every command that a name may become, there or not yet. */
const ALL = OLD_NAMES.map(({ command }) => command);

function becomes(line: string): { line: string; notes: readonly string[] } {
  const [name = "", ...words] = line.split(" ").filter((word) => word !== "");
  const old = findOldName(name);
  assert(old !== undefined, name);
  const call = calledBy(old, words, ALL);
  assert(call.help === undefined, line);
  return { line: call.words.join(" "), notes: call.notes };
}

/** What people type, and what it is for. */
const LINES: readonly (readonly [string, string])[] = [
  ["dmdispbridge dm01disp03", "bridge dm01disp03"],
  ["dmdispbridge dm02disp03", "bridge dm02disp03"],
  ["shmimTCPreceive 8886", "receive --bind 0.0.0.0 8886"],
  [
    "shmimTCPtransmit acc000 192.168.2.2 8886",
    "transmit acc000 192.168.2.2 8886",
  ],
  ["shmimTCPtransmit -c a h 1", "transmit --wait poll a h 1"],
  ["shmimTCPtransmit -p 70 a h 1", "transmit --priority 70 a h 1"],
  ["shmimTCPtransmit -cp70 a h 1", "transmit --wait poll --priority 70 a h 1"],
  ["shmimTCPtransmit -k acc000 192.168.2.2 8886", "bridge --stop acc000"],
  ["shmimTCPtransmit -k acc000", "bridge --stop acc000"],
  [
    "imnetwtransmit im1 127.0.0.1 8888 0 80",
    "transmit --priority 80 im1 127.0.0.1 8888",
  ],
  ["imnetwtransmit im1 h 1 1 0", "transmit --wait poll im1 h 1"],
  ["imnetwreceive 8887 1 80", "receive --bind 0.0.0.0 --priority 80 8887"],
  [
    "Fits2shm -c -p aol8_ wfsref0",
    "load --configured --prefix aol8_ wfsref0",
  ],
  ["Fits2shm ref.fits wfsref0", "load ref.fits wfsref0"],
  ["Fits2shm -f ref.fits wfsref0", "load --force ref.fits wfsref0"],
  ["Fits2shm -r ref.fits wfsref0", "load --remove --unused ref.fits wfsref0"],
  ["milk-FITS2shm a.fits ims10", "load --force a.fits ims10"],
  ["milk-FITS2shm -u a.fits ims10", "load a.fits ims10"],
  ["milk-FITS2shm -u -f a.fits ims10", "load --force a.fits ims10"],
  [
    "milk-FITS2shm -u -c -p aol3_ ims10 ims10",
    "load --configured --prefix aol3_ ims10",
  ],
  ["milk-shm2FITS STREAM FILE", "save STREAM FILE"],
  ["aolfunc_StreamLink wfsim", "link --default-loop 7 wfsim"],
  ["milk-streamlink wfsim", "link --exact wfsim"],
  ["milk-streamlink -p aol8_ wfsim", "link --prefix aol8_ wfsim"],
  ["milk-streamCTRL", "top"],
  ["milk-logshim wfs 1000 /data", "record --frames 1000 wfs /data"],
  ["milk-shmim-rm wfs", "rm --yes wfs"],
  ["milk-shmimpoke wfs", "poke wfs"],
  ["milk-shmim-zero wfs", "write --pattern zero wfs"],
  [
    "creashmim w 50 50 --type=f32 --kw=50",
    "create --keywords 50 --reuse w 50 50 f32",
  ],
  [
    "creashmim w 1 188 -z --type u16",
    "create --keywords 50 --reuse w 1 188 u16",
  ],
  ["creashmim w 4 4 --force", "create --keywords 50 w 4 4 f32"],
  ["creashmim w 4 4 --del", "create --keywords 50 w 4 4 f32"],
  ["clshmctl startup", "ctl startup"],
  ["clshmctl shutdown", "ctl shutdown"],
  ["clshmctl getcfg", "ctl getcfg"],
  ["clshmctl maxpgs 4096", "ctl maxpgs 4096"],
  ["clshmctl maxdpgs 16", "ctl maxdpgs 16"],
  ["clshmctl timeout 30", "ctl timeout 30"],
  ["clshmd 0", "daemon --unit 0"],
  ["clshm_diag", "ctl diag"],
  ["device SIN 2.0", "device SIN 2.0"],
  ["run_device SIN 2.0", "device --background SIN 2.0"],
  ["client", "client"],
  // A word that begins with a dash, and options of the new command.
  ["milk-shmim-rm -- -odd", "rm --yes -- -odd"],
  ["milk-shmim-rm wfs --force", "rm --yes --force wfs"],
  ["shmimTCPreceive --bind=::1 8886", "receive --bind=::1 8886"],
];

Deno.test.each(LINES)("%s", (line, now) => {
  assertEquals(becomes(line).line, now);
});

Deno.test("every old name has its line here, and each of its examples is true", () => {
  const typed = new Set(LINES.map(([line]) => line.split(" ")[0]));
  for (const { name, examples } of OLD_NAMES) {
    assert(typed.has(name), name);
    for (const [words, now] of examples) {
      assertEquals(becomes(`${name} ${words}`).line, now);
    }
  }
  assertEquals(OLD_NAMES.length, 22);
});

Deno.test("what an old name becomes is a line that its command takes", async () => {
  const known = new Map(COMMANDS.map((entry) => [entry.name, entry]));
  let parsed = 0;
  for (const [, now] of LINES) {
    const [name = "", ...words] = now.split(" ");
    const entry = known.get(name);
    if (entry === undefined) continue;
    const { command } = await entry.load();
    command.parse(new Arguments(words, command.options));
    parsed += 1;
  }
  assert(parsed >= 30, `${parsed} of ${LINES.length}`);
});

Deno.test.each(
  [
    ["shmimTCPreceive 8886", "all interfaces"],
    ["imnetwreceive 8887 1 80", "all interfaces"],
    ["shmimTCPreceive -c ircam --bind=::1 8886", "--cpu=LIST"],
    [
      "creashmim w 4 4 --force",
      "type: shmim create w 4 4 f32 --keywords 50 --force",
    ],
    [
      "creashmim w 4 4 --type=u8 --del",
      "type: shmim create w 4 4 u8 --keywords 50 --force",
    ],
    ["milk-logshim -c set wfs 9 /data", "CPU set"],
  ] as const,
)("%s says what is not as it was", (line, note) => {
  const { notes } = becomes(line);
  assertEquals(notes.length, 1);
  assert(notes[0]?.includes(note), notes[0]);
});

Deno.test.each(
  [
    ["shmimTCPtransmit a b", "PORT is missing"],
    ["shmimTCPtransmit a b 1 2", '"2" is one argument too many'],
    ["shmimTCPtransmit -x a b 1", "takes no -x"],
    ["shmimTCPtransmit a b 1 -p", "-p needs a value"],
    ["imnetwtransmit a b 1 2", 'The mode is 0 or 1, not "2"'],
    ["dmdispbridge", "CHANNEL is missing"],
    ["Fits2shm a.fits", "STREAM is missing"],
    ["Fits2shm -c a.fits w", "one argument too many"],
    [
      "milk-FITS2shm -c a b",
      'shmim load "$(head -n 1 conf/shmim.a.name.txt)" b',
    ],
    ["creashmim w", "SIZE is missing"],
    ["clshmctl startup now", "one argument too many"],
    ["clshmctl maxpgs", "N is missing"],
    ["clshmctl stop", 'not "stop"'],
    ["clshmd", "UNIT is missing"],
  ] as const,
)("%s is wrong usage: %s", (line, reason) => {
  assertThrows(() => becomes(line), UsageError, reason);
});

Deno.test("calledBy() says that a command is not there", () => {
  const old = findOldName("milk-streamCTRL");
  assert(old !== undefined);
  assertThrows(() => calledBy(old, [], ["ls"]), UsageError, 'no "top"');
});

Deno.test.each([["-h"], ["--help"], ["help"], ["a", "b", "--help"]])(
  "calledBy() knows a call for help: %s",
  (...words) => {
    for (const old of OLD_NAMES) {
      const { help } = calledBy(old, words, []);
      assert(help !== undefined && help.length > 8, old.name);
      assert(help.includes("What changed:"));
      for (const line of help) assert([...line].length <= 80, line);
    }
  },
);
