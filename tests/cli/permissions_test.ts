/** Every command runs with its own permissions and no more. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { permissionSets } from "../../scripts/permission_sets.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { quote } from "../../src/cli/refusal.ts";
import { askSocket } from "../../src/partition/control.ts";
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
import {
  Folder,
  json,
  type Outcome,
  ROOT,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { endsDevice } from "../sysv/_support.ts";

const TMP = "/tmp"; // the sets name it

/** Runs a command under its own set only. */
function own(words: readonly string[], folder: Folder): Promise<Outcome> {
  const flags = [`-P=${words[0]}`];
  return shmim(words, { folder, flags, cwd: folder.path });
}

function good({ code, out, err }: Outcome): string {
  assertEquals(code, 0, err);
  assert(!/Requires|NotCapable/.test(err), err);
  return out;
}

let shared: Promise<void> | undefined;

/** The five commands of sharing, each under its own set, once for all. */
function sharing(): Promise<void> {
  return shared ??= (async () => {
    using folder = new Folder(TMP);
    const dirs = ["a", "b"].map((name) => folder.file(name));
    for (const dir of dirs) Deno.mkdirSync(dir);
    const size = [4, 3];
    Stream.create("cam", { dir: dirs[0] ?? "", size, type: "u8" }).close();
    const at = (
      unit: number,
    ): string[] => ["--run", folder.file("run"), "--unit", `${unit}`];
    await using first = new Running(
      ["daemon", "--dir", dirs[0] ?? "", ...at(0)],
      { folder },
    );
    await using second = new Running(
      ["daemon", "--dir", dirs[1] ?? "", ...at(1)],
      { folder },
    );
    for (const one of [first, second]) {
      await until("it is up", () => one.out.includes("is up"));
    }
    good(await own(["share", "cam", ...at(0)], folder));
    good(await own(["mount", "0:cam", ...at(1)], folder));
    const out = good(await own(["shares", "--json", ...at(1)], folder));
    assertEquals(json(out).mounts[0].state, "linked");
    good(await own(["umount", "cam", ...at(1)], folder));
    good(await own(["unshare", "cam", ...at(0)], folder));
  })();
}

/** One real case of each command. */
const CASES: Readonly<
  Record<string, (folder: Folder, cam: Stream) => Promise<void>>
> = {
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
  async daemon(folder): Promise<void> {
    const run = folder.file("run");
    await using daemon = new Running(
      ["daemon", "--run", run, "--metrics", "0"],
      { folder, flags: ["-P=daemon"] },
    );
    await daemon.says(/metrics on/);
    await until("it is up", () => daemon.out.includes("is up"));
    assertEquals(await daemon.end(), 143);
  },
  async ctl(folder): Promise<void> {
    const run = ["--run", folder.file("run")];
    good(await own(["ctl", "startup", ...run], folder));
    assertEquals(
      json(good(await own(["ctl", "getcfg", "--json", ...run], folder)))
        .partition,
      0,
    );
    good(await own(["ctl", "shutdown", ...run], folder));
  },
  async ferry(folder): Promise<void> {
    const run = ["--run", folder.file("run")];
    good(await own(["ctl", "startup", ...run], folder));
    await using ferry = new Running(
      ["ferry", "2", "--listen", "127.0.0.1", "--control", "f.sock", ...run],
      { folder, flags: ["-P=ferry"], cwd: folder.path },
    );
    await ferry.says(/stands/);
    assertEquals(await ferry.end(), 143);
    good(await own(["ctl", "shutdown", ...run], folder));
  },
  share: sharing,
  mount: sharing,
  unshare: sharing,
  umount: sharing,
  shares: sharing,
  async carry(folder, cam): Promise<void> {
    const start = async (kind: string): Promise<Running> => {
      const control = folder.file(`${kind}.sock`);
      const one = new Running(
        ["carry", kind, "127.0.0.1", "--control", control],
        { folder, flags: ["-P=carry"] },
      );
      await one.says(/stands/);
      return one;
    };
    const add = async (
      kind: string,
      name: string,
      port: number,
    ): Promise<number> => {
      const path = folder.stream(name);
      const request = { do: "add", id: name, path, port, after: "0" };
      const answer = await askSocket(
        folder.file(`${kind}.sock`),
        kind,
        request,
        5,
      );
      return (answer as { port: number }).port;
    };
    await using receiver = await start("receive");
    await using transmitter = await start("transmit");
    await add("transmit", "cam", await add("receive", "far", 0));
    await until("the stream", () => folder.names().includes("far.im.shm"));
    using far = Stream.open("far", { dir: folder.path });
    await until("the frame", () => far.cnt0 === cam.cnt0);
    assertEquals(await transmitter.end(), 143);
    assertEquals(await receiver.end(), 143);
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
  using _ = new Folder(TMP);
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
  const { code, err } = await shmim(words, { folder, flags: ["-P=info"] });
  assertEquals(code, 1);
  assertMatch(err, /Requires net access to "127\.0\.0\.1:9"/);
});

/** Runs the line that `shmim permissions` prints, as a shell would. */
async function printed(
  words: readonly string[],
  folder: Folder,
): Promise<{ line: string; outcome: Outcome }> {
  const { code, out, err } = await shmim(["permissions", ...words], { folder });
  assertEquals(code, 0, err);
  const here = Deno.execPath().replace(/\/[^/]*$/, "");
  const { code: status, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", out],
    env: {
      MILK_SHM_DIR: folder.path,
      PATH: `${here}:${Deno.env.get("PATH") ?? ""}`,
      NO_COLOR: "1",
    },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    line: out,
    outcome: {
      code: status,
      out: decoder.decode(stdout),
      bytes: stdout as Uint8Array<ArrayBuffer>,
      err: decoder.decode(stderr),
    },
  };
}

const PRINTED: string[][][] = [
  [["create", "new", "4x3", "f32"]],
  [["create", "s>tf32>it's", "4", "3"]],
  [["ls", "--watch", "0"]],
  [["ls", "c*", "--json", "--watch", "0"]],
  [["info", "cam"]],
  [["info", "alias"]],
  [["read", "cam"]],
  [["read", "alias", "--wait", "semaphore", "--timeout", "0.01"]],
  [["read", "cam", "--out", "FOLDER/out.txt"]],
  [["write", "cam", "--pattern", "sine"]],
  [["write", "alias", "FOLDER/in.raw"]],
  [["poke", "cam", "--dir", "FOLDER"]],
  [["poke", "FOLDER/cam.im.shm"]],
  [["rm", "--yes", "--force", "alias"]],
];

Deno.test.each(PRINTED)(
  "shmim permissions prints a line that runs: %s",
  async (words = []) => {
    using folder = new Folder();
    using cam = Stream.create("cam", {
      dir: folder.path,
      size: [4, 3],
      type: "u16",
    });
    Deno.symlinkSync("cam.im.shm", folder.stream("alias"));
    Deno.writeFileSync(folder.file("in.raw"), new Uint8Array(24));
    const { line, outcome } = await printed(
      words.map((word) => word.replace("FOLDER", folder.path)),
      folder,
    );
    assert(!/Requires|NotCapable/.test(outcome.err), line + outcome.err);
    const expected = words.includes("--timeout") ? 124 : 0;
    assertEquals(outcome.code, expected, line + outcome.err);
    assert(!line.includes("--allow-all") && !/ -A /.test(line), line);
    if (["info", "ls"].includes(words[0] ?? "")) {
      assert(!line.includes("--allow-write"), line);
    }
    assertEquals(cam.closed, false);
  },
);

Deno.test("shmim permissions gives a bridge its host and port only", async () => {
  using folder = new Folder();
  Stream.create("cam", { dir: folder.path, size: [4], type: "u8" }).close();
  const line = async (...words: string[]) =>
    (await shmim(["permissions", ...words], { folder })).out;
  assertStringIncludes(
    await line("transmit", "cam", "rtc", "8803"),
    " --allow-net=rtc:8803 ",
  );
  assertStringIncludes(
    await line("transmit", "cam", "::1", "8803"),
    "--allow-net=[::1]:8803",
  );
  assertStringIncludes(
    await line("receive", "8803", "--bind", "192.168.2.2"),
    " --allow-net=192.168.2.2:8803 ",
  );
  const polls = await line("transmit", "cam", "rtc", "1", "--wait", "poll");
  assert(!polls.includes("--allow-write"), polls);
});

Deno.test("shmim permissions: a transmitter runs with the line that is printed", async () => {
  using folder = new Folder();
  using cam = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  cam.write(flat(1));
  await using recorder = new Recorder(0, "::1");
  const port = String(recorder.port);
  const words = ["transmit", "cam", "::1", port, "--no-reconnect"];
  const run = printed(words, folder);
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE + 24);
  await recording.close();
  const { outcome } = await run;
  assertEquals(outcome.code, 1);
  assertStringIncludes(outcome.err, `The connection to [::1]:${port} was lost`);
});

Deno.test("quote() quotes for a shell only where that is needed", () => {
  assertEquals(
    quote("--allow-read=/tmp/a.im.shm"),
    "--allow-read=/tmp/a.im.shm",
  );
  assertEquals(quote("s>tf32>a b"), "'s>tf32>a b'");
  assertEquals(quote("it's"), `'it'\\''s'`);
  assertEquals(quote(""), "''");
  assertEquals(quote("$HOME"), "'$HOME'");
});
