/** Stream links, by the real command. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { json } from "../_support/cli.ts";
import { Child, moduleUrl } from "../_support/child.ts";
import { Workplace } from "../load/_workplace.ts";

interface Row {
  readonly name: string;
  readonly before?: (place: Workplace) => void | Promise<void>;
  readonly command: string[];
  /** 1: it fails, says this, and nothing has changed. */
  readonly fails?: RegExp;
  /** Links afterwards. */
  readonly links?: Readonly<Record<string, string>>;
  /** Files in conf afterwards. */
  readonly conf?: Readonly<Record<string, string>>;
}

const symlink = (name: string, target: string) => (place: Workplace): void =>
  Deno.symlinkSync(target, place.streams.stream(name));

const ROWS: readonly Row[] = [
  {
    name: "a name points at a stream, relative",
    command: ["link", "cam", "wfsim"],
    links: { wfsim: "cam.im.shm" },
    conf: {
      "streamlink_wfsim.name.txt": "cam\n",
      "streamlink_wfsim.imsize.txt": "4 3 \n",
    },
  },
  {
    name: "--loop N makes it the loop's",
    command: ["link", "cam", "wfsim", "--loop", "8"],
    links: { aol8_wfsim: "cam.im.shm" },
    conf: {
      "streamlink_wfsim.name.txt": "cam\n",
      "streamlink_wfsim.imsize.txt": "4 3 \n",
    },
  },
  {
    name: "LOOPNUMBER makes it the loop's",
    before: (place) => Deno.writeTextFileSync(place.file("LOOPNUMBER"), "3\n"),
    command: ["link", "cam", "wfsim"],
    links: { aol3_wfsim: "cam.im.shm" },
  },
  {
    name: "--loop is stronger than LOOPNUMBER",
    before: (place) => Deno.writeTextFileSync(place.file("LOOPNUMBER"), "3\n"),
    command: ["link", "cam", "wfsim", "--loop", "8"],
    links: { aol8_wfsim: "cam.im.shm" },
  },
  {
    name: "-p is the prefix",
    before: (place) => Deno.writeTextFileSync(place.file("LOOPNUMBER"), "3\n"),
    command: ["link", "cam", "wfsim", "-p", "x_"],
    links: { x_wfsim: "cam.im.shm" },
  },
  {
    name: "the source may be configured",
    before: (place) => place.put("conf/streamlink_wfsim.name.txt", "cam\n"),
    command: ["link", "wfsim"],
    links: { wfsim: "cam.im.shm" },
    conf: {
      "streamlink_wfsim.name.txt": "cam\n",
      "streamlink_wfsim.imsize.txt": "4 3 \n",
    },
  },
  {
    name: "milk's dot form is read, the other one written",
    before: (place) => place.put("conf/streamlink.wfsim.name.txt", "cam\n"),
    command: ["link", "wfsim", "-p", "aol8_"],
    links: { aol8_wfsim: "cam.im.shm" },
    conf: {
      "streamlink.wfsim.name.txt": "cam\n",
      "streamlink_wfsim.name.txt": "cam\n",
      "streamlink_wfsim.imsize.txt": "4 3 \n",
    },
  },
  {
    name: "the underscore form comes before the dot form",
    before: async (place) => {
      await place.done("create", "other", "2x2", "u8");
      place.put("conf/streamlink.wfsim.name.txt", "other\n");
      place.put("conf/streamlink_wfsim.name.txt", "cam\n");
    },
    command: ["link", "wfsim"],
    links: { wfsim: "cam.im.shm" },
  },
  {
    name: "a link may be pointed elsewhere",
    before: symlink("wfsim", "other.im.shm"),
    command: ["link", "cam", "wfsim"],
    links: { wfsim: "cam.im.shm" },
  },
  {
    name: "a link to a link",
    before: symlink("alias", "cam.im.shm"),
    command: ["link", "alias", "wfsim"],
    links: { wfsim: "alias.im.shm", alias: "cam.im.shm" },
  },
  {
    name: "--allow-missing links ahead, and forgets the old size",
    before: (place) => place.put("conf/streamlink_wfsim.imsize.txt", "9 9 \n"),
    command: ["link", "later", "wfsim", "--allow-missing"],
    links: { wfsim: "later.im.shm" },
    conf: { "streamlink_wfsim.name.txt": "later\n" },
  },
  {
    name: "--force replaces a real stream",
    before: async (place) => {
      await place.done("create", "wfsim", "2x2", "u8");
    },
    command: ["link", "cam", "wfsim", "--force"],
    links: { wfsim: "cam.im.shm" },
  },

  {
    name: "a real stream",
    before: async (place) => {
      await place.done("create", "wfsim", "2x2", "u8");
    },
    command: ["link", "cam", "wfsim"],
    fails: /is no link; --force replaces the stream$/,
  },
  {
    name: "a missing source",
    command: ["link", "nope", "wfsim"],
    fails: /^shmim: No stream ".*nope\.im\.shm"; --allow-missing links to it/,
  },
  {
    name: "no configuration",
    command: ["link", "wfsim"],
    fails: /^shmim: No source is configured for "wfsim": conf\/streamlink_wfs/,
  },
  {
    name: "a circle of two",
    before: async (place) => {
      await place.done("link", "a", "b", "--allow-missing");
    },
    command: ["link", "b", "a", "--allow-missing"],
    fails: /leads back to it$/,
  },
  {
    name: "a link to itself",
    command: ["link", "cam", "cam", "--force"],
    fails: /leads back to it$/,
  },
  {
    name: "a circle that is there already",
    before: (place) => {
      symlink("a", "b.im.shm")(place);
      symlink("b", "a.im.shm")(place);
    },
    command: ["link", "a", "wfsim", "--allow-missing"],
    fails: /lead in a circle$/,
  },
  {
    name: "a LOOPNUMBER that is none",
    before: (place) => Deno.writeTextFileSync(place.file("LOOPNUMBER"), "x"),
    command: ["link", "cam", "wfsim"],
    fails: /"LOOPNUMBER" holds "x", not a loop's number$/,
  },
  {
    name: "configuration that cannot be written",
    before: (place) => Deno.writeTextFileSync(place.file("conf"), ""),
    command: ["link", "cam", "wfsim"],
    fails: /Cannot write in the folder "conf"/,
  },
];

for (const row of ROWS) {
  Deno.test(`link: ${row.fails ? "refuses " : ""}${row.name}`, async () => {
    using place = new Workplace();
    await place.done("create", "cam", "4x3", "f32");
    await row.before?.(place);
    const before = place.snapshot();
    const { code, err } = await place.shmim(row.command);
    if (row.fails !== undefined) {
      assertEquals(code, 1, err);
      assertMatch(err.trimEnd(), row.fails);
      assertEquals(place.snapshot(), before);
      return;
    }
    assertEquals(code, 0, err);
    for (const [name, target] of Object.entries(row.links ?? {})) {
      assertEquals(Deno.readLinkSync(place.streams.stream(name)), target);
    }
    if (row.conf !== undefined) {
      const conf = Object.fromEntries(
        place.names("conf").map((name) => [name, place.text(`conf/${name}`)]),
      );
      assertEquals(conf, row.conf);
    }
    assertEquals(place.streams.names().filter((n) => n.startsWith(".")), []);
  });
}

Deno.test("link: a source in another folder is absolute", async () => {
  using place = new Workplace();
  using other = new Workplace();
  await other.done("create", "cam", "4x3", "f32");
  const path = other.streams.stream("cam");
  await place.done("link", path, "wfsim");
  assertEquals(Deno.readLinkSync(place.streams.stream("wfsim")), path);
  // The same folder by another spelling stays relative.
  Deno.symlinkSync(place.streams.path, place.file("shm"));
  await place.done("create", "here", "4x3", "f32");
  await place.done("link", `${place.file("shm")}/here.im.shm`, "two");
  assertEquals(
    Deno.readLinkSync(place.streams.stream("two")),
    "here.im.shm",
  );
  const circle = await place.shmim(
    ["link", "two", `${place.file("shm")}/here`, "--force"],
  );
  assertEquals(circle.code, 1);
  assertMatch(circle.err, /leads back to it/);
});

Deno.test("link --list and --remove, ls and info show links", async () => {
  using place = new Workplace();
  await place.done("create", "cam", "4x3", "f32");
  await place.done("link", "cam", "wfsim");
  await place.done("link", "later", "gap", "--allow-missing");
  const list = await place.done("link", "--list");
  assertEquals(
    list,
    "gap    -> later.im.shm  (missing)\nwfsim  -> cam.im.shm\n",
  );
  const links = json(await place.done("link", "--list", "--json"));
  assertEquals(links[1].target, "cam.im.shm");
  assertEquals(links[0].dangling, true);
  assertMatch(await place.done("ls"), /wfsim .*-> cam\.im\.shm/);
  assertMatch(
    await place.done("ls"),
    /gap .*"later\.im\.shm", which is missing/,
  );
  assertMatch(await place.done("info", "wfsim"), /link to +cam\.im\.shm/);
  const real = await place.shmim(["link", "--remove", "cam"]);
  assertEquals(real.code, 1);
  assertMatch(real.err, /is no link/);
  assertEquals((await place.shmim(["link", "--remove", "nope"])).code, 1);
  await place.done("link", "--remove", "wfsim");
  await place.done("link", "--remove", "gap");
  assertEquals(place.streams.names(), ["cam.im.shm"]);
});

Deno.test("link: readers of a name never find it missing while it moves", async () => {
  using place = new Workplace();
  await place.done("create", "a", "4x3", "f32");
  await place.done("create", "b", "4x3", "f32");
  await place.done("link", "a", "wfsim");
  await using reader = Child.start(`
    import { Stream } from ${JSON.stringify(moduleUrl("mod.ts"))};
    const path = ${JSON.stringify(place.streams.stream("wfsim"))};
    let opened = 0;
    const loop = () => {
      try {
        for (let i = 0; i < 50; i++) {
          Stream.open(path, { writable: false }).close();
          opened++;
        }
      } catch (error) {
        console.log("FAILED " + error.message);
        Deno.exit(1);
      }
      setTimeout(loop, 0);
    };
    loop();
    console.log("ready");
    for await (const _ of Deno.stdin.readable) {
      console.log("opened " + opened);
      break;
    }
    Deno.exit(0);
  `);
  assertEquals(await reader.line(), "ready");
  await using mover = Child.start(`
    import { linkStream } from ${JSON.stringify(moduleUrl("src/link/link.ts"))};
    Deno.chdir(${JSON.stringify(place.path)});
    for (let i = 0; i < 300; i++) {
      linkStream({
        source: i % 2 ? "a" : "b",
        destination: "wfsim",
        dir: ${JSON.stringify(place.streams.path)},
      });
    }
    console.log("moved");
  `);
  assertEquals(await mover.line(), "moved");
  await reader.say("how many?");
  const [word, count] = (await reader.line()).split(" ");
  assertEquals(word, "opened");
  assert(Number(count) > 0);
});
