/** `shmim clean`. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { findLeavings, removeLeaving } from "../../src/host/leavings.ts";
import { census, pidFacts } from "../../src/host/processes.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Segment } from "../../src/sysv/segment.ts";
import { run } from "../_support/child.ts";
import {
  CLI,
  done,
  Folder,
  json,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { all, program, root, testWhere } from "../_support/skip.ts";

const ONLY = ["--only", "claims,files"]; // nothing of this machine's others

/** A pid that nobody has any more. */
async function deadPid(): Promise<number> {
  const child = new Deno.Command("true").spawn();
  await child.status;
  return child.pid;
}

/** A stream on which a killed reader holds a semaphore, and a living one. */
async function withClaims(
  folder: Folder,
): Promise<{ cam: Stream; dead: number; alive: Running }> {
  const cam = Stream.create("cam", {
    dir: folder.path,
    size: [4, 3],
    type: "u16",
  });
  const words = ["read", "cam", "--wait", "semaphore"];
  const alive = new Running(words, { folder });
  const claims = (pid: number): boolean =>
    cam.semaphores().some(({ readerPid }) => readerPid === pid);
  await until("the first claim", () => claims(alive.pid));
  await using reader = new Running(words, { folder });
  await until("the second claim", () => claims(reader.pid));
  await reader.end("SIGKILL");
  return { cam, dead: reader.pid, alive };
}

function readers(cam: Stream): number[] {
  return cam.semaphores().map(({ readerPid }) => readerPid)
    .filter((pid) => pid > 0);
}

/** Whether this test itself runs in a container. */
const alone = census(pidFacts()).hidden === undefined ? [] : ["--alone"];

Deno.test("shmim clean frees the claims of the dead, not of the living", async () => {
  using folder = new Folder();
  const { cam, dead, alive } = await withClaims(folder);
  using _ = cam;
  await using reader = alive;
  Deno.symlinkSync("cam.im.shm", folder.stream("alias"));
  assertEquals(readers(cam), [reader.pid, dead]);
  const words = ["clean", ...ONLY, ...alone];
  const plan = await done([...words, "--dry-run"], { folder });
  assertEquals(
    plan,
    `would remove claim of pid ${dead} on semaphore 1 of cam\n`,
  );
  assertEquals(readers(cam), [reader.pid, dead]);
  const { removed, kept, failures } = json(
    await done([...words, "--json"], { folder }),
  );
  assertEquals(removed, [{
    kind: "claims",
    path: folder.stream("cam"),
    pid: dead,
    number: 1,
    says: `claim of pid ${dead} on semaphore 1 of cam`,
  }]);
  assertEquals([kept, failures], [[], []]);
  assertEquals(readers(cam), [reader.pid]);
  const again = await shmim(words, { folder });
  assertEquals([again.code, again.out], [0, ""]);
  assertEquals(again.err, "Nothing left behind\n");
});

Deno.test("shmim clean removes temporary files of the dead, never a stream", async () => {
  using folder = new Folder();
  const pid = await deadPid();
  const temporary = [
    `cam.${pid}.0123abcd.tmp`,
    `.${pid}.0123abcd.link`,
    `.${pid}.0123abcd.load.im.shm`,
  ];
  const kept = [
    `cam.${Deno.pid}.0123abcd.tmp`,
    `night.${pid}.tmp`,
    `${pid}.tmp`,
    `notes.${pid}.0123abcx.tmp`,
    "cam.im.shm",
    `a.${pid}.im.shm`,
  ];
  for (const name of [...temporary, ...kept]) {
    Deno.writeTextFileSync(folder.file(name), "x");
  }
  Deno.mkdirSync(folder.file(`f.${pid}.0123abcd.tmp`));
  const out = await done(["clean", ...ONLY, ...alone], { folder });
  assertEquals(out.trimEnd().split("\n").length, 3);
  assertEquals(folder.names(), [...kept, `f.${pid}.0123abcd.tmp`].sort());
});

Deno.test("what a process made before it ended counts as left behind only then", async () => {
  using folder = new Folder();
  const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
  Deno.writeTextFileSync(folder.file(`a.${child.pid}.0123abcd.tmp`), "");
  const find = (): number =>
    findLeavings({
      folder: folder.path,
      kinds: ["files"],
      look: () => {
        const facts = pidFacts();
        return { census: census(facts, true), processes: facts.processes };
      },
    }).length;
  assertEquals(find(), 0);
  child.kill("SIGKILL");
  await child.status;
  assertEquals(find(), 1);
});

Deno.test("findLeavings() finds semaphores that no stream and no process has", () => {
  using folder = new Folder();
  const path = folder.path;
  const file = (name: string): void =>
    Deno.writeTextFileSync(folder.file(name), "");
  for (const base of ["old", "cam"]) {
    for (const end of ["00", "09", "log"]) file(`sem.${base}_sem${end}`);
  }
  file("sem.other");
  file("cam.im.shm");
  const look = (maps: boolean) => () => ({
    census: { alive: new Set<number>(), hidden: undefined },
    processes: maps ? [] : [{ pid: 1, status: undefined }],
  });
  const options = {
    folder: path,
    kinds: ["semaphores"] as const,
    semaphoreFolder: path,
  };
  const found = findLeavings({ ...options, look: look(true) });
  assertEquals(found.map((one) => [one.path, one.kept]), [
    [folder.file("sem.old_sem00"), null],
    [folder.file("sem.old_sem09"), null],
    [folder.file("sem.old_semlog"), null],
  ]);
  found.forEach((one) => assert(removeLeaving(one)));
  found.forEach((one) => assert(!removeLeaving(one), "it has gone"));
  assertEquals(folder.names(), [
    "cam.im.shm",
    "sem.cam_sem00",
    "sem.cam_sem09",
    "sem.cam_semlog",
    "sem.other",
  ]);
});

Deno.test("findLeavings() leaves a semaphore that a process has mapped", async () => {
  using folder = new Folder();
  const name = folder.file("sem.held_sem00");
  Deno.writeFileSync(name, new Uint8Array(4096));
  const child = new Deno.Command("python3", {
    args: [
      "-c",
      "import mmap,sys,time\nf=open(sys.argv[1],'r+b')\n" +
      "m=mmap.mmap(f.fileno(),4096)\nprint('x',flush=True)\ntime.sleep(60)",
      name,
    ],
    stdout: "piped",
  }).spawn();
  const find = (): number =>
    findLeavings({
      folder: folder.path,
      kinds: ["semaphores"],
      semaphoreFolder: folder.path,
      look: () => {
        const facts = pidFacts();
        // Others may not tell what they have mapped: then nothing goes.
        const some = facts.processes.filter(({ pid }) =>
          pid === child.pid || pid === Deno.pid
        );
        return { census: census(facts, true), processes: some };
      },
    }).filter(({ kept }) => kept === null).length;
  const reader = child.stdout.getReader();
  await reader.read();
  assertEquals(find(), 0);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  assertEquals(find(), 1);
});

Deno.test("findLeavings() finds segments of the dead; removeLeaving() removes them", async () => {
  using folder = new Folder();
  const code =
    `import { Segment } from "${
      new URL("../../src/sysv/segment.ts", import.meta.url).href
    }"; Segment.create({ path: ${JSON.stringify(folder.path)}, id: 1 }, ` +
    `{ size: 64 });`;
  const script = folder.file("make.ts");
  Deno.writeTextFileSync(script, code);
  const made = await run(Deno.execPath(), [
    "run",
    "-qA",
    "--config",
    new URL("../../deno.json", import.meta.url).pathname,
    script,
  ]);
  assertEquals(made.code, 0, made.stderr);
  using segment = Segment.open({ path: folder.path, id: 1 });
  const { shmid } = segment;
  const look = () => {
    const facts = pidFacts();
    return { census: census(facts, true), processes: facts.processes };
  };
  const options = { folder: folder.path, kinds: ["segments"] as const, look };
  const found = findLeavings(options).find(({ number }) => number === shmid);
  assert(found !== undefined);
  assert(removeLeaving(found));
  assert(!removeLeaving(found), "it has gone");
});

testWhere(
  "shmim clean removes nothing where another pid namespace hides the living",
  all(program("unshare", "util-linux"), root),
  async () => {
    using folder = new Folder();
    const { cam, dead, alive } = await withClaims(folder);
    using _ = cam;
    await using reader = alive;
    Deno.writeTextFileSync(folder.file(`cam.${dead}.0123abcd.tmp`), "");
    const inside = (...more: string[]) =>
      run("unshare", [
        "--pid",
        "--fork",
        "--mount-proc",
        Deno.execPath(),
        "run",
        "-qA",
        CLI,
        "clean",
        ...ONLY,
        ...more,
        "--dir",
        folder.path,
      ], { env: { NO_COLOR: "1" } });
    const { code, stdout, stderr } = await inside();
    assertEquals(code, 0, stderr);
    // Inside, the reader that lives looks as dead as the other one.
    assertMatch(stdout, new RegExp(`^kept claim of pid ${reader.pid} `, "m"));
    assertMatch(stdout, new RegExp(`^kept temporary file cam\\.${dead}`, "m"));
    assertMatch(stderr, /3 kept, for this is a container.*--alone/);
    assertEquals(readers(cam), [reader.pid, dead]);
    const { stdout: alone } = await inside("--alone", "--dry-run");
    assertMatch(alone, /^would remove claim of pid/m);
  },
);

testWhere(
  "shmim clean spares what a process in a container holds, by its pid there",
  all(program("unshare", "util-linux"), root),
  async () => {
    if (alone.length > 0) return; // that needs the host's own namespace
    using folder = new Folder();
    using cam = Stream.create("cam", {
      dir: folder.path,
      size: [4, 3],
      type: "u16",
    });
    const child = new Deno.Command("unshare", {
      args: [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        // Its pid is a small number that only the container knows.
        "sh",
        "-c",
        `'${Deno.execPath()}' run -qA '${CLI}' read cam --wait semaphore ` +
        `--dir '${folder.path}' & wait`,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      await until("its claim", () => readers(cam).length > 0);
      const out = await shmim(["clean", ...ONLY], { folder });
      assertEquals(out.err, "Nothing left behind\n", out.out);
      assertEquals(readers(cam).length, 1);
    } finally {
      child.kill("SIGKILL");
      await child.status;
    }
  },
);

Deno.test("shmim clean says in one line what it does not take", async () => {
  using folder = new Folder();
  for (const words of [["cam"], ["--only", "streams"], ["--dryrun"]]) {
    const { code, err } = await shmim(["clean", ...words], { folder });
    assertEquals(code, 2);
    assertEquals(err.trimEnd().split("\n").length, 1);
  }
});
