/** Every command runs with its own permissions and no more. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { permissionSets } from "../../scripts/permission_sets.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Segment } from "../../src/sysv/segment.ts";
import {
  flat,
  framesOf,
  HANDSHAKE,
  handshake,
  join,
  Recorder,
  Sender,
  wireFrame,
} from "../_support/bridge.ts";
import { Folder, json, ROOT, Running, shmim, until } from "../_support/cli.ts";
import { endsDevice } from "../sysv/_support.ts";
import { good, own, type OwnCases, TMP } from "./_own_set.ts";
import { PARTITION_CASES } from "./_partition_cases.ts";

/** One real case of each command. */
const CASES: OwnCases = {
  ...PARTITION_CASES,
  async create(folder): Promise<void> {
    good(await own(["create", "new", "4x3", "f32"], folder));
    good(await own(["create", "new", "4x3", "u8", "--force"], folder));
    assert(folder.names().includes("new.im.shm"));
  },
  async ls(folder): Promise<void> {
    Deno.symlinkSync(folder.stream("cam"), folder.stream("alias"));
    const out = good(await own(["ls", "--json", "--watch", "0"], folder));
    assertEquals(
      json(out).map(({ name, error }: { name: string; error?: string }) => [
        name,
        error,
      ]),
      [["alias", undefined], ["cam", undefined]],
    );
  },
  async info(folder): Promise<void> {
    const out = good(await own(["info", "cam", "--json"], folder));
    assertEquals(json(out).cnt0, 1);
  },
  async read(folder, cam): Promise<void> {
    assertMatch(good(await own(["read", "cam"], folder)), /^cnt0 1 /);
    await using reader = new Running(["read", "cam", "--wait", "semaphore"], {
      folder,
      flags: ["-P=read"],
    });
    await until(
      "its claim",
      () => cam.semaphores().some(({ readerPid }) => readerPid === reader.pid),
    );
    cam.poke();
    assertEquals(await reader.ended(), 0);
    assertEquals(reader.err, "");
  },
  async write(folder, cam): Promise<void> {
    good(await own(["write", "cam", "--pattern", "sine"], folder));
    Deno.writeFileSync(folder.file("a.raw"), new Uint8Array(24).fill(1));
    good(await own(["write", "cam", folder.file("a.raw")], folder));
    assertEquals(cam.cnt0, 3n);
  },
  async poke(folder, cam): Promise<void> {
    good(await own(["poke", "cam"], folder));
    assertEquals(cam.cnt0, 2n);
  },
  async keyword(folder, cam): Promise<void> {
    using noted = Stream.create("noted", {
      dir: folder.path,
      size: [1],
      type: "u8",
      keywords: 2,
    });
    good(await own(["keyword", "noted", "A=1"], folder));
    assertEquals(
      json(good(await own(["keyword", "cam", "--json"], folder))),
      [],
    );
    assertEquals([noted.keywords()[0]?.value, cam.cnt0], [1n, 1n]);
  },
  async stat(folder): Promise<void> {
    const words = ["stat", "cam", "--duration", "0.1", "--wait", "semaphore"];
    good(await own(words, folder));
  },
  async watch(folder): Promise<void> {
    good(await own(["watch", "cam", "--once"], folder));
  },
  async top(folder): Promise<void> {
    const out = good(await own(["top", "--json", "--watch", "0"], folder));
    assertEquals(json(out)[0].name, "cam");
  },
  async compare(folder): Promise<void> {
    good(await own(["compare", "cam", "cam"], folder));
  },
  async convert(folder): Promise<void> {
    const name = `conv${crypto.randomUUID().slice(0, 8)}`; // semaphores, too
    good(await own(["convert", "cam", name], folder));
    assert(folder.names().includes(`${name}.im.shm`));
    good(await own(["rm", "--yes", name], folder));
    assert(
      ![...Deno.readDirSync("/dev/shm")].some((e) => e.name.includes(name)),
    );
  },
  async copy(folder, cam): Promise<void> {
    good(await own(["copy", "cam", "made"], folder));
    assert(folder.names().includes("made.im.shm"));
    await using follower = new Running(["copy", "cam", "made", "--follow"], {
      folder,
      flags: ["-P=copy"],
    });
    await until(
      "its claim",
      () =>
        cam.semaphores().some(({ readerPid }) => readerPid === follower.pid),
    );
    cam.poke();
    using made = Stream.open("made", { dir: folder.path });
    await until("the frame", () => made.cnt0 === 2n);
    assertEquals(await follower.end(), 143);
  },
  async load(folder): Promise<void> {
    good(await own(["save", "cam", "cam.fits"], folder));
    good(await own(["load", "cam.fits", "ref"], folder));
    assert(folder.names().includes("ref.im.shm"));
  },
  async save(folder): Promise<void> {
    good(await own(["save", "cam", "cam.fits"], folder));
    assert(folder.names().includes("cam.fits"));
  },
  async record(folder, cam): Promise<void> {
    const log = folder.file("log");
    await using recorder = new Running(
      ["record", "cam", log, "--cubes", "1", "--frames", "2", "--gzip"],
      { folder, flags: ["-P=record"] },
    );
    let ended = false;
    recorder.ended().then(() => ended = true);
    await until("its end", () => {
      cam.write(flat(9));
      return ended;
    });
    const [name = ""] = [...Deno.readDirSync(log)].map(({ name }) => name);
    assertMatch(name, /^cam_.*\.fits\.gz$/, recorder.err);
    good(await own(["record", "--recover", log], folder));
  },
  async replay(folder): Promise<void> {
    good(
      await shmim(["save", "cam", "cam.fits"], { folder, cwd: folder.path }),
    );
    good(await own(["replay", "cam.fits", "new", "--rate", "99"], folder));
    assert(folder.names().includes("new.im.shm"));
  },
  async snapshot(folder): Promise<void> {
    good(await own(["snapshot", folder.file("kept")], folder));
    assert(folder.names().includes("kept"));
  },
  async restore(folder): Promise<void> {
    const kept = folder.file("kept");
    good(await shmim(["snapshot", kept], { folder }));
    assertEquals(good(await own(["restore", kept], folder)), "filled cam\n");
  },
  async link(folder): Promise<void> {
    good(await own(["link", "cam", "wfsim"], folder));
    assertEquals(Deno.readLinkSync(folder.stream("wfsim")), "cam.im.shm");
    good(await own(["link", "--list"], folder));
    good(await own(["link", "--remove", "wfsim"], folder));
  },
  async rm(folder): Promise<void> {
    good(await own(["rm", "--yes", "--force", "cam"], folder));
    assertEquals(folder.names(), []);
  },
  async transmit(folder, cam): Promise<void> {
    await using recorder = new Recorder();
    await using transmitter = new Running([
      "transmit",
      "cam",
      "127.0.0.1",
      String(recorder.port),
      "--stats-json",
      folder.file("stats"),
    ], { folder, flags: ["-P=transmit"] });
    const recording = await recorder.connection();
    await recording.take(HANDSHAKE + 24);
    cam.write(flat(9));
    await until(
      "the frame",
      () => framesOf(recording.bytes).at(-1)?.cnt0 === 2n,
    );
    assertEquals(await transmitter.end(), 143);
    assertEquals(json(Deno.readTextFileSync(folder.file("stats"))).frames, 2);
    assert(!transmitter.err.includes("warning"), transmitter.err);
  },
  async receive(folder, cam): Promise<void> {
    await using receiver = new Running(["receive", "0"], {
      folder,
      flags: ["-P=receive"],
    });
    const [, port] = await receiver.says(/listening on 127\.0\.0\.1:(\d+)/);
    using sender = await Sender.connect(Number(port));
    await sender.send(join(handshake(), wireFrame(flat(9), 5n)));
    await until("the frame", () => cam.cnt0 === 2n);
    using other = await Sender.connect(Number(port));
    await other.send(handshake({ name: "made" }));
    await receiver.says(/sends "made"/);
    assert(folder.names().includes("made.im.shm"));
    assertEquals(await receiver.end(), 143);
  },
  async device(folder): Promise<void> {
    const key = ["--key", `${folder.path}:1`];
    const words = ["device", "SIN", "2", ...key, "--stream", "sine"];
    using _ = endsDevice({ path: folder.path, id: 1 });
    const { code, err } = await shmim(words, {
      folder,
      flags: ["-P=device"],
      stdin: "status\nexit\n",
    });
    assertEquals(code, 0, err);
    good(await own([...words, "--background"], folder));
    const attached = await shmim(["device", "--attach", ...key], {
      folder,
      flags: ["-P=device"],
      stdin: "exit\n",
    });
    assertEquals(attached.code, 0, attached.err);
    assertEquals(folder.names(), ["cam.im.shm"]);
  },
  async client(folder): Promise<void> {
    const key = ["--key", `${folder.path}:1`];
    const words = ["device", "SIN", "2", ...key, "--serve"];
    await using device = new Running(words, { folder });
    await until("its segment", () => device.out.includes("\n"));
    good(await own(["client", "--count", "1", ...key], folder));
    assertEquals(await device.end(), 143);
  },
  async sysv(folder): Promise<void> {
    using segment = Segment.create({ path: folder.path, id: 1 }, { size: 1 });
    assertMatch(good(await own(["sysv", "ls"], folder)), / \w+ +600 /);
    good(await own(["sysv", "limits"], folder));
    good(await own(["sysv", "rm", String(segment.shmid)], folder));
  },
  async bridge(folder): Promise<void> {
    await using recorder = new Recorder();
    const state = folder.file("state");
    const around = {
      folder,
      flags: ["-P=bridge"],
      env: {
        SHMIM_STATE_DIR: state,
        PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/bin:/bin`,
      },
    };
    const to = `127.0.0.1:${recorder.port}`;
    const started = await shmim(["bridge", "cam", "--to", to], around);
    assertEquals(started.code, 0, started.err);
    // The process that carries it has no more than its channel needs.
    const { pid } = json(good(
      await shmim(["bridge", "--status", "--json"], around),
    ))[0];
    const words = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
    assert(words.includes(`--allow-net=${to}`), words.join(" "));
    assert(!words.some((word) => /^-A|^--allow-(all|run)/.test(word)));
    good(await shmim(["bridge", "--stop", "cam"], around));
  },
  async doctor(folder): Promise<void> {
    const out = good(await own(["doctor", "--json"], folder));
    assertEquals(json(out).broken, false);
  },
  async clean(folder): Promise<void> {
    good(await own(["clean", "--dry-run"], folder));
    good(await own(["clean", "--only", "claims,files"], folder));
    assertEquals(folder.names(), ["cam.im.shm"]);
  },
  async demo(folder): Promise<void> {
    const { code, out, err } = await own(["demo", "--seconds", "0.2"], folder);
    assertEquals(code, 0, err);
    assertMatch(out, /^different +0$/m);
  },
  async "install-names"(folder): Promise<void> {
    // The set cannot name the folder: the caller adds it.
    const { code, err } = await own(["install-names", "."], folder);
    assertEquals(code, 1);
    assertMatch(err, /^shmim: Requires read access to "/);
    const flags = [
      "-P=install-names",
      `--allow-read=${folder.path}`,
      `--allow-write=${folder.path}`,
    ];
    const words = ["install-names", folder.path];
    good(await shmim(words, { folder, flags }));
    assert(folder.names().includes("Fits2shm"));
  },
  async completion(folder): Promise<void> {
    const out = good(await own(["completion", "bash"], folder));
    assertStringIncludes(out, "complete -F _shmim shmim");
  },
  async man(folder): Promise<void> {
    const { code, err } = await own(["man", "."], folder);
    assertEquals(code, 1);
    assertMatch(err, /^shmim: Requires read access to "/);
    const flags = [
      "-P=man",
      `--allow-read=${folder.path}`,
      `--allow-write=${folder.path}`,
    ];
    good(await shmim(["man", folder.path], { folder, flags }));
    assert(folder.names().includes("man1"));
  },
  async permissions(folder): Promise<void> {
    const out = good(await own(["permissions", "info", "cam"], folder));
    const program = ROOT.replace(/\/$/, "");
    assertStringIncludes(
      out,
      `--allow-read=${program},${folder.stream("cam")} `,
    );
  },
};

Deno.test("deno.json has a permission set and a test for every command", () => {
  const { permissions } = json(Deno.readTextFileSync(`${ROOT}deno.json`));
  for (const { name } of COMMANDS) {
    assert(name in permissions, `no set for ${name}`);
    assert(name in CASES, `no test for ${name}`);
  }
});

Deno.test("deno.json has the permission sets that the commands ask for", async () => {
  const { permissions } = json(Deno.readTextFileSync(`${ROOT}deno.json`));
  for (const [name, set] of Object.entries(await permissionSets())) {
    assertEquals(
      permissions[name],
      JSON.parse(JSON.stringify(set)),
      `${name}: deno run -A scripts/permission_sets.ts`,
    );
  }
});

Deno.test.each(COMMANDS.map(({ name }) => name))(
  "shmim %s runs under its own permission set only",
  async (name) => {
    using folder = new Folder(TMP);
    using cam = Stream.create("cam", {
      dir: folder.path,
      size: [4, 3],
      type: "u16",
      keywords: 0,
    });
    cam.write(flat(1));
    await CASES[name]?.(folder, cam);
  },
);

Deno.test.each([
  ["ls", ["create", "x", "4", "u8"]],
  ["info", ["create", "x", "4", "u8"]],
  ["info", ["poke", "cam"]],
  ["ls", ["write", "cam", "--pattern", "zero"]],
  ["info", ["rm", "--yes", "cam"]],
  ["permissions", ["poke", "cam"]],
])(
  "the permission set of shmim %s is no leave to write: %s",
  async (set, words) => {
    using folder = new Folder(TMP);
    Stream.create("cam", { dir: folder.path, size: [4], type: "u8" }).close();
    const before = Deno.readFileSync(folder.stream("cam"));
    const { code, err } = await shmim(words, { folder, flags: [`-P=${set}`] });
    assertEquals(code, 1);
    assertMatch(err, /^shmim: Requires write access to [^\n]+\n$/);
    assertEquals(folder.names(), ["cam.im.shm"]);
    assertEquals(Deno.readFileSync(folder.stream("cam")), before);
  },
);

Deno.test("the permission sets do not reach streams elsewhere", async () => {
  for (const set of ["info", "read", "ls"]) {
    const { code, err } = await shmim(
      ["info", "/var/lib/x.im.shm"],
      { flags: [`-P=${set}`] },
    );
    assertEquals(code, 1);
    assertStringIncludes(err, "Requires read access to");
  }
});

Deno.test("the permission set of shmim info reaches no network", async () => {
  using folder = new Folder(TMP);
  Stream.create("cam", { dir: folder.path, size: [4], type: "u8" }).close();
  const words = ["transmit", "cam", "127.0.0.1", "9", "--wait", "poll"];
  // All else that it needs is added.
  const flags = ["-P=info", "--allow-env", "--allow-write=/tmp"];
  const { code, err } = await shmim(words, { folder, flags });
  assertEquals(code, 1);
  assertMatch(err, /Requires net access to "127\.0\.0\.1:9"/);
});
