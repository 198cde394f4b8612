/** The program answers to the names that people know. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { findCommand } from "../../src/commands/find.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { OLD_NAMES } from "../../src/names/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import {
  done,
  Folder,
  json,
  type Outcome,
  ROOT,
  shmim,
  until,
  variables,
} from "../_support/cli.ts";
import { freePorts } from "../_support/ports.ts";
import { endsDevice } from "../sysv/_support.ts";

const HERE = new Set(COMMANDS.map(({ name }) => name));
const THERE = OLD_NAMES.filter(({ command }) => HERE.has(command))
  .map(({ name }) => name);

const decoder = new TextDecoder();

/** A folder with the names in it, and streams. */
class Place extends Folder {
  readonly bin = this.file("bin");

  static async make(): Promise<Place> {
    const place = new Place();
    Deno.mkdirSync(place.bin);
    await done(["install-names", place.bin]);
    return place;
  }

  /** A line as it is typed. */
  command(line: string): Deno.Command {
    return new Deno.Command("sh", {
      args: ["-c", line],
      cwd: this.path,
      env: {
        ...variables(this),
        PATH: `${this.bin}:${Deno.env.get("PATH") ?? ""}`,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }

  async types(line: string): Promise<Pick<Outcome, "code" | "out" | "err">> {
    const { code, stdout, stderr } = await this.command(line).output();
    return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
  }

  /** Types a line that must do well. */
  async does(line: string): Promise<string> {
    const { code, out, err } = await this.types(line);
    assertEquals(code, 0, `${line}: ${err}`);
    return out + err;
  }

  stat(name: string): Stream {
    return Stream.open(name, { dir: this.path, writable: false });
  }
}

Deno.test("shmim install-names makes wrappers, keeps them, and leaves what is not its own", async () => {
  using folder = new Folder();
  Deno.writeTextFileSync(folder.file("client"), "#!/bin/sh\necho mine\n");
  Deno.symlinkSync("/nowhere", folder.file("device"));
  Deno.mkdirSync(folder.file("creashmim"));
  const { code, out, err } = await shmim(["install-names", folder.path]);
  assertEquals(code, 1);
  for (const name of ["client", "device"]) {
    assertStringIncludes(
      out,
      `left ${folder.file(name)}: it is not shmim's; --force replaces it\n`,
    );
  }
  assertStringIncludes(out, `made ${folder.file("Fits2shm")}\n`);
  const made = THERE.length - 3;
  assertStringIncludes(err, `${made} made, 0 replaced, 0 as they were, 3 left`);
  assertMatch(Deno.readTextFileSync(folder.file("client")), /echo mine/);
  assertEquals(folder.names(), [...THERE].sort());

  // A wrapper of another checkout is ours; with --force all are.
  const wrapper = folder.file("Fits2shm");
  const text = Deno.readTextFileSync(wrapper);
  Deno.writeTextFileSync(wrapper, `${text}# older\n`);
  Deno.removeSync(folder.file("creashmim"));
  const again = await shmim(["install-names", folder.path, "-f"]);
  assertEquals(again.code, 0, again.out);
  assertStringIncludes(again.err, `1 made, 3 replaced, ${made - 1} as they`);
  assertEquals(Deno.readTextFileSync(wrapper), text);
  assertEquals((Deno.statSync(wrapper).mode ?? 0) & 0o777, 0o755);
  assertEquals(folder.names(), [...THERE].sort());
});

Deno.test("shmim install-names --json says what became of each name", async () => {
  using folder = new Folder();
  const all = json(await done(["install-names", folder.path, "--json"]));
  assertEquals(all.length, OLD_NAMES.length);
  for (const { name, result, path } of all) {
    assertEquals(result, THERE.includes(name) ? "made" : "left out");
    assertEquals(path, folder.file(name));
  }
  const { code, err } = await shmim(["install-names", folder.file("none")]);
  assertEquals(code, 1);
  assertMatch(err, /^shmim: No folder "[^"]*none": make it first\n$/);
});

/** Each name as it is typed, on something real. */
const TYPED: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  async creashmim(place): Promise<void> {
    await place.does("creashmim w 4 3 --type=u16 --kw=5");
    using w = place.stat("w");
    assertEquals([w.size, w.type], [[4, 3], "u16"]);
    await place.does("creashmim w 4 3 --type=u16 --kw=5"); // kept
    const other = await place.types("creashmim w 9 9 --force");
    assertEquals(other.code, 1);
    assertStringIncludes(
      other.err,
      "type: shmim create w 9 9 f32 --keywords 50 --force",
    );
    using same = place.stat("w");
    assertEquals(same.size, [4, 3]);
  },
  async "milk-shmim-zero"(place): Promise<void> {
    await place.does("milk-shmim-zero cam");
    using cam = place.stat("cam");
    assertEquals(cam.cnt0, 2n);
    assert(cam.read().pixels.every((value) => Number(value) === 0));
  },
  async "milk-shmimpoke"(place): Promise<void> {
    await place.does("milk-shmimpoke cam");
    using cam = place.stat("cam");
    assertEquals(cam.cnt0, 2n);
  },
  async "milk-shmim-rm"(place): Promise<void> {
    const used = await place.types("milk-shmim-rm cam"); // this test writes it
    assertEquals(used.code, 1);
    assertStringIncludes(used.err, "--force removes it all the same");
    await place.does("milk-shmim-rm cam --force");
    assert(!place.names().includes("cam.im.shm"));
  },
  async "milk-shm2FITS"(place): Promise<void> {
    await place.does("milk-shm2FITS cam cam.fits");
    assertEquals(Deno.statSync(place.file("cam.fits")).size % 2880, 0);
  },
  async Fits2shm(place): Promise<void> {
    await place.does("milk-shm2FITS cam ref.fits");
    const out = await place.does("Fits2shm ref.fits wfsref0");
    assertMatch(out, /^CREATED wfsref0 /);
    assertMatch(await place.does("Fits2shm -c wfsref0"), /^KEPT wfsref0 /);
    assertMatch(
      await place.does("Fits2shm -c -p aol8_ wfsref0"),
      /^CREATED aol8_wfsref0 /,
    );
    assertMatch(await place.does("Fits2shm -f ref.fits wfsref0"), /^LOADED /);
    // Of a stream that somebody uses -r takes nothing.
    const used = await place.types("Fits2shm -r ref.fits cam");
    assertEquals(used.code, 1);
    assertStringIncludes(used.err, "last writer");
    assertStringIncludes(used.err, "shmim load -r");
    assertMatch(await place.does("Fits2shm -r ref.fits wfsref0"), /^CREATED /);
  },
  async "milk-FITS2shm"(place): Promise<void> {
    await place.does("milk-shm2FITS cam a.fits");
    for (const result of ["CREATED", "LOADED"]) {
      assertMatch(
        await place.does("milk-FITS2shm a.fits ims10"),
        new RegExp(`^${result} ims10 `),
      );
    }
    assertMatch(await place.does("milk-FITS2shm -u a.fits ims10"), /^KEPT /);
    assertMatch(
      await place.does("milk-FITS2shm -u -c -p aol3_ ims10 ims10"),
      /^CREATED aol3_ims10 /,
    );
  },
  async "milk-streamlink"(place): Promise<void> {
    Deno.mkdirSync(place.file("conf"));
    Deno.writeTextFileSync(place.file("LOOPNUMBER"), "8\n");
    Deno.writeTextFileSync(
      place.file("conf/streamlink.wfsim.name.txt"),
      "cam\n",
    );
    await place.does("milk-streamlink wfsim");
    await place.does("milk-streamlink -p aol8_ wfsim");
    for (const name of ["wfsim", "aol8_wfsim"]) {
      assertEquals(Deno.readLinkSync(place.stream(name)), "cam.im.shm");
    }
    // A real stream of that name stays.
    await place.does("creashmim real 4 3");
    Deno.writeTextFileSync(place.file("conf/streamlink.real.name.txt"), "cam");
    const { code, err } = await place.types("milk-streamlink real");
    assertEquals(code, 1);
    assertStringIncludes(err, "--force replaces the stream");
    assert(Deno.lstatSync(place.stream("real")).isFile);
    await place.does("milk-streamlink real --force");
    assert(Deno.lstatSync(place.stream("real")).isSymlink);
  },
  async "aolfunc_StreamLink"(place): Promise<void> {
    Deno.mkdirSync(place.file("conf"));
    Deno.writeTextFileSync(
      place.file("conf/streamlink_wfsim.name.txt"),
      "cam\n",
    );
    await place.does("aolfunc_StreamLink wfsim");
    Deno.writeTextFileSync(place.file("LOOPNUMBER"), "8\n");
    await place.does("aolfunc_StreamLink wfsim");
    for (const name of ["aol7_wfsim", "aol8_wfsim"]) {
      assertEquals(Deno.readLinkSync(place.stream(name)), "cam.im.shm");
    }
  },
  shmimTCPreceive: (place) => bridges(place, "shmimTCPreceive -p 60 0", ""),
  async shmimTCPtransmit(place): Promise<void> {
    const transmit = "shmimTCPtransmit -c -p 60 cam 127.0.0.1 ";
    await bridges(place, "imnetwreceive 0 1 80", transmit);
    // What it stops are bridges by name; there is none.
    const { code, err } = await place.types("shmimTCPtransmit -k cam");
    assertEquals(code, 1);
    assertStringIncludes(err, 'There is no channel "cam" here');
  },
  imnetwreceive: (place) => bridges(place, "imnetwreceive 0", ""),
  async imnetwtransmit(place): Promise<void> {
    const transmit = "imnetwtransmit cam 127.0.0.1 ";
    await bridges(place, "shmimTCPreceive 0", transmit, " 1");
    await bridges(place, "shmimTCPreceive 0", transmit, " 0 80");
  },
  async device(place): Promise<void> {
    using _ = endsDevice({ path: place.path, id: 68 });
    const said = await place.does("echo exit | device SIN 2.0");
    assertMatch(said, /SIN/);
  },
  async "run_device"(place): Promise<void> {
    using _ = endsDevice({ path: place.path, id: 68 });
    await place.does("run_device SIN 2.0");
    assertMatch(await place.does("client --count 1"), /SIN 2 s/);
  },
  async client(place): Promise<void> {
    const { code, err } = await place.types("client");
    assertEquals(code, 1);
    assertStringIncludes(err, "starts a device");
  },
  async dmdispbridge(place): Promise<void> {
    // Without a table it says where it looked, and which one is an example.
    const { code, err } = await place.types(
      "HOME=$PWD dmdispbridge dm01disp03",
    );
    assertEquals(code, 1);
    assertStringIncludes(err, "docs/examples/magaox.toml is an example");
    await dispbridge(place);
  },
  async "milk-streamCTRL"(place): Promise<void> {
    assertMatch(await place.does("milk-streamCTRL"), /^cam +u16 +4x3 /m);
  },
  async "milk-logshim"(place): Promise<void> {
    Deno.mkdirSync(place.file("log"));
    const logger = place.command("exec milk-logshim cam 2 log").spawn();
    const ended = logger.output();
    await until("a file of the log", () => {
      const files = [...Deno.readDirSync(place.file("log"))];
      if (files.some(({ name }) => /^cam.*fits$/.test(name))) return true;
      using cam = Stream.open("cam", { dir: place.path });
      cam.poke();
      return false;
    });
    logger.kill("SIGINT");
    const { code, stderr } = await ended;
    assertEquals(code, 130, decoder.decode(stderr));
  },
  async clshmctl(place): Promise<void> {
    const run = "--run=run";
    assertMatch(await place.does(`clshmctl startup ${run}`), /is up/);
    await place.does(`clshmctl maxpgs 4096 ${run}`);
    assertMatch(await place.does(`clshmctl getcfg ${run}`), /4096/);
    await place.does(`clshmctl maxdpgs 24 ${run}`);
    await place.does(`clshmctl timeout 30 ${run}`);
    const set = JSON.parse(await place.does(`clshmctl getcfg --json ${run}`));
    assertEquals(
      [set.maxpgs, set.maxdpgs, set.timeoutS ?? set.timeout],
      [4096, 24, 30],
    );
    assertMatch(await place.does(`clshm_diag ${run}`), /\bup$/m);
    assertMatch(await place.does(`clshmctl shutdown ${run}`), /is shut down/);
  },
  async "clshm_diag"(place): Promise<void> {
    const { code, err } = await place.types("clshm_diag --run=run");
    assertEquals(code, 1);
    assertStringIncludes(err, "ctl startup");
  },
  async clshmd(place): Promise<void> {
    const daemon = place.command("exec clshmd 0 --run=run").spawn();
    let said = "";
    const reading = (async () => {
      for await (const chunk of daemon.stdout) said += decoder.decode(chunk);
    })();
    const silent = daemon.stderr.cancel();
    await until(() => said, () => said.includes("is up"));
    daemon.kill("SIGTERM");
    assertEquals((await daemon.status).code, 143);
    await Promise.all([reading, silent]);
  },
};

/** Both roles of dmdispbridge, with a table, on one machine. */
async function dispbridge(place: Place): Promise<void> {
  Deno.writeTextFileSync(
    place.file("t.toml"),
    `[hosts.icc]
address = "localhost"
[hosts.rtc]
address = "127.0.0.1"
[channels.tweeter]
streams = "dm01disp{00..11}"
from = "icc"
to = "rtc"
size = [50, 50]
type = "f32"
port = ${freePorts(4)}
`,
  );
  // What runs in the background means the same places, from another folder.
  const as = (role: string): string =>
    `mkdir -p ${role} && SHMIM_CONFIG=t.toml MAGAOX_ROLE=${role} ` +
    `SHMIM_STATE_DIR=${role}-state MILK_SHM_DIR=${role} `;
  const roles = ["RTC", "ICC"].map(as);
  const [rtc = "", icc = ""] = roles;
  try {
    for (const role of roles) {
      await place.does(`${role} dmdispbridge dm01disp03`);
    }
    const at = (role: string): Stream =>
      Stream.open("dm01disp03", { dir: place.file(role) });
    using source = at("ICC");
    using target = at("RTC");
    await until("a frame", () => {
      source.poke();
      return target.cnt0 > 1n;
    });
    assertStringIncludes(
      await place.does(`${icc} shmimTCPtransmit -k dm01disp03`),
      "dm01disp03: stopped",
    );
    const status = await place.types(
      `${rtc} dmdispbridge dm01disp03 --status --json`,
    );
    assertMatch(status.out, /"condition": ?"waiting"/);
  } finally {
    for (const role of roles) {
      await place.types(`${role} dmdispbridge dm01disp03 --stop`);
    }
  }
}

/** A frame crosses; on loopback, but the old name listens everywhere. */
async function bridges(
  place: Place,
  receive: string,
  transmit: string,
  behind = "",
): Promise<void> {
  Deno.mkdirSync(place.file("there"), { recursive: true });
  const receiver = place.command(`exec ${receive} --dir=there`).spawn();
  let said = "";
  const reading = (async () => {
    for await (const chunk of receiver.stderr) said += decoder.decode(chunk);
  })();
  const drained = receiver.stdout.cancel();
  let transmitter: Deno.ChildProcess | undefined;
  try {
    const [, port] = await until(
      () => said,
      () => /listening on 0\.0\.0\.0:(\d+)/.exec(said),
    );
    assertStringIncludes(said, "listens on all interfaces, as it always did");
    if (transmit === "") return;
    transmitter = place.command(`exec ${transmit}${port}${behind}`).spawn();
    const silent = [transmitter.stdout.cancel(), transmitter.stderr.cancel()];
    await until(() => said, () => {
      try {
        using cam = Stream.open("cam", {
          dir: place.file("there"),
          writable: false,
        });
        return cam.cnt0 > 0n;
      } catch {
        return false;
      }
    });
    transmitter.kill("SIGTERM");
    await Promise.all(silent);
  } finally {
    receiver.kill("SIGTERM");
    const codes = await Promise.all(
      [receiver, transmitter].flatMap((one) => one?.status ?? []),
    );
    await Promise.all([drained, reading]);
    for (const { code } of codes) assertEquals(code, 143, said);
  }
}

Deno.test("every old name whose command is here has a case", () => {
  for (const { name } of OLD_NAMES) assert(name in TYPED, name);
});

Deno.test.each(THERE.filter((name) => name in TYPED))(
  "%s runs as typed",
  async (name) => {
    using place = await Place.make();
    using cam = Stream.create("cam", {
      dir: place.path,
      size: [4, 3],
      type: "u16",
    });
    cam.write(new Uint16Array(12).fill(7));
    await TYPED[name]?.(place);
    assertEquals(cam.closed, false);
  },
);

Deno.test("an old name without its words is wrong usage, with its help at hand", async () => {
  using place = await Place.make();
  const { code, out, err } = await place.types("shmimTCPtransmit cam");
  assertEquals([code, out], [2, ""]);
  assertEquals(err, "shmim: HOST is missing (shmimTCPtransmit --help)\n");
  const help = await place.does("shmimTCPtransmit --help");
  assertStringIncludes(help, "now shmim transmit");
  // The error of the new command is that of its own words.
  const late = await place.types("milk-shmim-rm cam --frce");
  assertEquals(late.code, 2);
  assertStringIncludes(late.err, '"--force"? (shmim rm --help)');
  assertEquals(findCommand("rm").name, "rm");
});

const DOCS = Deno.readTextFileSync(`${ROOT}docs/names.md`);

Deno.test("docs/names.md tells of every old name", () => {
  for (const { name } of OLD_NAMES) {
    assert(new RegExp(`\`(\\./)?${name}[ \`]`).test(DOCS), name);
  }
});
