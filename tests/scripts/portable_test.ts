/**
 * The head of a portable program: where it unpacks to, whom it trusts, what it
 * leaves. A small probe stands in for Deno; the real thing is smoke_test.ts'.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { compile } from "../../scripts/build.ts";
import { compileHead, FOLDER, pack } from "../../scripts/compile/portable.ts";
import { Folder, ROOT, until } from "../_support/cli.ts";
import { all, program, root, testWhere } from "../_support/skip.ts";

const COMPILER = program("cc", "gcc");
const NOISE = crypto.getRandomValues(new Uint8Array(60_001));
const TEXT = new TextEncoder().encode("frame after frame. ".repeat(20_000));

/** A place of one test: a portable program, a home, a temporary folder. */
class Place extends Folder {
  readonly home = this.file("home");
  readonly temporary = this.file("temporary");
  readonly program = this.file("program");

  /** Where its cache is. */
  get cache(): string {
    return `${this.home}/.cache/shmim`;
  }

  /** Names in a folder, sorted; none where there is no folder. */
  list(folder: string): string[] {
    try {
      return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }
}

let made: Promise<Uint8Array<ArrayBuffer>> | undefined;

/** The portable program of all tests, made once. */
function portable(): Promise<Uint8Array<ArrayBuffer>> {
  made ??= (async () => {
    using folder = new Folder();
    compileHead(folder.file("head"), undefined, ["-DORPHAN_AGE_S=0"]);
    compile([
      "-static",
      "-o",
      folder.file("probe"),
      `${ROOT}native/test/probe_portable.c`,
    ]);
    return await pack(Deno.readFileSync(folder.file("head")), {
      version: "1.2.3",
      files: [
        {
          name: "probe",
          bytes: Deno.readFileSync(folder.file("probe")),
          executable: true,
        },
        { name: "noise", bytes: NOISE },
        { name: "text", bytes: TEXT },
        { name: "empty", bytes: new Uint8Array() },
      ],
      args: ["run", `--allow-read=${FOLDER}/text`, `${FOLDER}/text`],
    });
  })();
  return made;
}

async function place(): Promise<Place> {
  const folder = new Place();
  Deno.mkdirSync(folder.home);
  Deno.mkdirSync(folder.temporary);
  Deno.writeFileSync(folder.program, await portable(), { mode: 0o755 });
  return folder;
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function command(
  folder: Place,
  words: readonly string[],
  env: Record<string, string>,
  file = folder.program,
): Deno.Command {
  return new Deno.Command(file, {
    args: [...words],
    clearEnv: true,
    env: { TMPDIR: folder.temporary, ...env },
    cwd: "/",
    stdin: words.length > 0 ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function start(
  folder: Place,
  env: Record<string, string> = { HOME: folder.home },
  file?: string,
): Promise<Ended> {
  const { code, stdout, stderr } = await command(folder, [], env, file)
    .output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function good(
  folder: Place,
  env?: Record<string, string>,
): Promise<string> {
  const { code, out, err } = await start(folder, env);
  assertEquals([code, err], [0, ""]);
  return out;
}

/** The folder of the content in the cache. */
function content(folder: Place): string {
  const names = folder.list(folder.cache);
  assertEquals(names.length, 2, names.join(" "));
  assertMatch(names[0] ?? "", /^1\.2\.3-[0-9a-f]{40}$/);
  assertEquals(names[1], "lock");
  return `${folder.cache}/${names[0]}`;
}

testWhere(
  "portable: the files are in a private folder of the cache, and nothing is elsewhere",
  COMPILER,
  async () => {
    using folder = await place();
    const out = await good(folder);
    const path = content(folder);
    assertEquals(out, await good(folder), "the second start is as the first");
    assertEquals(
      out,
      `DENO_DIR=${path}/deno_dir\n0=${folder.program}\n1=run\n` +
        `2=--allow-read=${path}/text\n3=${path}/text\n`,
    );
    assertEquals(folder.list(path), ["empty", "noise", "probe", "text"]);
    assertEquals(Deno.readFileSync(`${path}/noise`), NOISE);
    assertEquals(Deno.readFileSync(`${path}/text`), TEXT);
    assertEquals(Deno.readFileSync(`${path}/empty`), new Uint8Array());
    const modes = [folder.cache, path, `${path}/probe`, `${path}/text`]
      .map((file) => (Deno.statSync(file).mode ?? 0) & 0o7777);
    assertEquals(modes, [0o700, 0o700, 0o700, 0o600]);
    assertEquals(folder.list(folder.home), [".cache"]);
    assertEquals(folder.list(`${folder.home}/.cache`), ["shmim"]);
    assertEquals(folder.list(folder.temporary), []);
  },
);

testWhere(
  "portable: the name of a link, the user's arguments and the exit code are kept",
  COMPILER,
  async () => {
    using folder = await place();
    Deno.symlinkSync("program", folder.file("wfsread"));
    const child = command(
      folder,
      ["cam", "a b", "", "fail"],
      { HOME: folder.home },
      folder.file("wfsread"),
    ).spawn();
    await child.stdin.close();
    const { code, stdout } = await child.output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    assertEquals(code, 7);
    assertEquals(lines[1], `0=${folder.file("wfsread")}`);
    assertEquals(lines.slice(5), ["4=cam", "5=a b", "6=", "7=fail", ""]);
  },
);

testWhere(
  "portable: a cache with a comma in its path, which would part a permission, is not used",
  COMPILER,
  async () => {
    using folder = await place();
    Deno.mkdirSync(folder.file("a,b"));
    const out = await good(folder, { XDG_CACHE_HOME: folder.file("a,b") });
    assert(out.startsWith(`DENO_DIR=${folder.temporary}/shmim-`), out);
    assertEquals(folder.list(folder.file("a,b")), []);
    const home = { HOME: folder.home, TMPDIR: folder.file("a,b") };
    assert((await good(folder, home)).includes(`=${folder.cache}/`));
    await until(
      "the private folder to go",
      () => folder.list(folder.temporary).length === 0,
    );
  },
);

testWhere("portable: ten starts at once are all well", COMPILER, async () => {
  using folder = await place();
  const all = await Promise.all(
    Array.from({ length: 10 }, () => good(folder)),
  );
  assertEquals(new Set(all).size, 1);
  content(folder);
});

testWhere(
  "portable: a start that was killed while it unpacked leaves nothing for long",
  COMPILER,
  async () => {
    using folder = await place();
    Deno.mkdirSync(`${folder.cache}/part-77-1/deno_dir`, { recursive: true });
    Deno.chmodSync(folder.cache, 0o700);
    Deno.writeTextFileSync(`${folder.cache}/part-77-1/probe`, "half");
    Deno.symlinkSync(folder.program, `${folder.cache}/part-77-1/link`);
    await good(folder);
    content(folder);
    assert(Deno.statSync(folder.program).isFile);
  },
);

testWhere(
  "portable: a file of the cache that was cut, removed, opened to others or replaced is put right",
  COMPILER,
  async () => {
    using folder = await place();
    const out = await good(folder);
    const path = content(folder);
    const damages: (() => void)[] = [
      () => Deno.truncateSync(`${path}/noise`, 10),
      () => Deno.removeSync(`${path}/probe`),
      () => Deno.chmodSync(`${path}/probe`, 0o766),
      () => Deno.chmodSync(`${path}/probe`, 0o600),
      () => {
        Deno.removeSync(`${path}/text`);
        Deno.symlinkSync("noise", `${path}/text`);
      },
    ];
    for (const damage of damages) {
      damage();
      assertEquals(await good(folder), out);
      assertEquals(Deno.readFileSync(`${content(folder)}/noise`), NOISE);
    }
  },
);

testWhere(
  "portable: a cache that others may write, or that is a link or a file, is refused in one line",
  COMPILER,
  async () => {
    const cases: [string, (folder: Place) => void, RegExp][] = [
      [
        "the cache",
        (folder) => Deno.chmodSync(folder.cache, 0o770),
        /\.cache\/shmim" can be written by others \(mode 770\): /,
      ],
      [
        "the content",
        (folder) => Deno.chmodSync(content(folder), 0o702),
        /1\.2\.3-[0-9a-f]+" can be written by others \(mode 702\): /,
      ],
      [
        "a link",
        (folder) => {
          Deno.renameSync(folder.cache, folder.file("real"));
          Deno.symlinkSync(folder.file("real"), folder.cache);
        },
        /\.cache\/shmim" is not a folder: /,
      ],
      [
        "a file",
        (folder) => {
          const path = content(folder);
          Deno.removeSync(path, { recursive: true });
          Deno.writeTextFileSync(path, "");
        },
        /1\.2\.3-[0-9a-f]+" is not a folder: /,
      ],
    ];
    for (const [name, spoil, message] of cases) {
      using folder = await place();
      await good(folder);
      spoil(folder);
      const { code, out, err } = await start(folder);
      assertEquals([code, out], [1, ""], name);
      assertMatch(err, message);
      assertMatch(err, /^shmim: [^\n]+\n$/);
      assertEquals(folder.list(folder.temporary), []);
    }
  },
);

testWhere(
  "portable: a cache of somebody else's is refused, a home of somebody else's is left alone",
  all(COMPILER, root),
  async () => {
    using folder = await place();
    await good(folder);
    const path = content(folder);
    for (const theirs of [path, folder.cache]) {
      Deno.chownSync(theirs, 65534, null);
      const { code, err } = await start(folder);
      assertEquals(code, 1);
      assertMatch(err, /^shmim: "[^"]+" belongs to user 65534, not to you: /);
    }
    Deno.removeSync(`${folder.home}/.cache`, { recursive: true });
    Deno.chownSync(folder.home, 65534, null);
    await good(folder);
    assertEquals(folder.list(folder.home), []);
  },
);

testWhere(
  "portable: without a home it uses a private folder, which goes away with it",
  COMPILER,
  async () => {
    using folder = await place();
    const gone = (what: string): Promise<unknown> =>
      until(what, () => folder.list(folder.temporary).length === 0);
    const homes: Record<string, string>[] = [
      {},
      { HOME: folder.file("missing") },
      { HOME: folder.program },
      { HOME: "relative" },
    ];
    for (const env of homes) {
      const out = await good(folder, env);
      assertMatch(
        out,
        new RegExp(`^DENO_DIR=${folder.temporary}/shmim-\\d+-\\w{6}/deno_dir`),
      );
      await gone("its folder to go");
    }
    const said = async (child: Deno.ChildProcess): Promise<string[]> => {
      const reader = child.stdout.getReader();
      const { value } = await reader.read();
      reader.releaseLock();
      assertMatch(new TextDecoder().decode(value), /^DENO_DIR=/);
      return folder.list(folder.temporary);
    };
    for (const signal of ["SIGKILL", "SIGTERM"] as const) {
      const child = command(folder, ["wait"], {}).spawn();
      const [name, ...more] = await said(child);
      assertEquals(more, []);
      const private_ = `${folder.temporary}/${name}`;
      assertEquals((Deno.statSync(private_).mode ?? 0) & 0o777, 0o700);
      // Another start takes it for no orphan.
      await good(folder, {});
      await until(
        "the other's folder to go",
        () => folder.list(folder.temporary).length === 1,
      );
      assertEquals(folder.list(folder.temporary), [name]);
      child.kill(signal);
      await child.stdin.close().catch(() => {});
      assertEquals((await child.output()).signal, signal);
      await gone(`its folder to go after ${signal}`);
    }
    // What it started goes on, and has its files.
    const child = command(folder, ["lend"], {}).spawn();
    await said(child);
    await child.status;
    assertEquals(folder.list(folder.temporary).length, 1);
    await child.stdin.close();
    await child.stdout.cancel();
    await child.stderr.cancel();
    await gone("the folder of what it started to go");
    // An orphan whose cleaner was killed, too, is swept up by the next start.
    Deno.mkdirSync(`${folder.temporary}/shmim-${Deno.uid()}-abcdef/deno_dir`, {
      recursive: true,
    });
    Deno.mkdirSync(`${folder.temporary}/shmim-else`);
    await good(folder, {});
    await until(
      "the orphan to go",
      () => folder.list(folder.temporary).length === 1,
    );
    assertEquals(folder.list(folder.temporary), ["shmim-else"]);
  },
);

testWhere(
  "portable: a file that is cut off, longer or damaged says so and leaves nothing",
  COMPILER,
  async () => {
    const whole = await portable();
    const index = Number(
      new DataView(whole.buffer).getBigUint64(whole.length - 40, true),
    );
    const flipped = (at: number): Uint8Array<ArrayBuffer> => {
      const bytes = whole.slice();
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      return bytes;
    };
    const middle = index - 30_000;
    const longer = new Uint8Array(whole.length + 1);
    longer.set(whole);
    const cases: [string, Uint8Array<ArrayBuffer>, RegExp][] = [
      ["cut", whole.subarray(0, middle), /it is cut off, or was changed/],
      ["cut by a byte", whole.subarray(0, -1), /it is cut off, or was changed/],
      ["longer", longer, /it is cut off, or was changed/],
      ["index", flipped(index + 90), /its index is damaged/],
      ["offset of the index", flipped(whole.length - 40), /index is damaged/],
      ["size of the index", flipped(whole.length - 30), /index is damaged/],
      ["content", flipped(index - 200), /its content is damaged/],
      ["last byte of the content", flipped(index - 8), /content is damaged/],
    ];
    for (const [name, bytes, message] of cases) {
      using folder = await place();
      Deno.writeFileSync(folder.program, bytes);
      for (const env of [{ HOME: folder.home }, {}]) {
        const { code, out, err } = await start(folder, env);
        assertEquals([code, out], [1, ""], name);
        assertMatch(err, message, name);
        assertMatch(err, /^shmim: this file is not whole: [^\n]+again\n$/);
        await until(
          "the private folder to go",
          () => folder.list(folder.temporary).length === 0,
        );
      }
      assert(folder.list(folder.cache).every((file) => file === "lock"));
    }
  },
);

testWhere(
  "portable: a place that may not run programs, or that is full of nothing, is passed over",
  () =>
    COMPILER() ?? root() ??
      program("unshare", "util-linux")(),
  async () => {
    using folder = await place();
    const script = 'mount -t tmpfs -o noexec none "$1" && ' +
      'mount -t tmpfs -o ro none "$2" && exec "$3"';
    const run = async (ro: string, noexec: string): Promise<Ended> => {
      const { code, stdout, stderr } = await new Deno.Command("unshare", {
        args: ["-m", "sh", "-c", script, "sh", noexec, ro, folder.program],
        clearEnv: true,
        env: {
          HOME: folder.home,
          TMPDIR: folder.temporary,
          PATH: Deno.env.get("PATH") ?? "",
        },
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    };
    Deno.mkdirSync(folder.file("other"));
    for (
      const places of [
        [folder.home, folder.file("other")],
        [folder.file("other"), folder.home],
      ] as const
    ) {
      const { code, out, err } = await run(...places);
      assertEquals([code, err], [0, ""]);
      assert(out.startsWith(`DENO_DIR=${folder.temporary}/shmim-`), out);
    }
    const { out } = await run(folder.home, folder.temporary);
    assertMatch(out, /^DENO_DIR=\/tmp\/shmim-/, out);
    const tmp = /^DENO_DIR=(.*)\/deno_dir/.exec(out)?.[1] ?? "";
    await until("the folder in /tmp to go", () => {
      try {
        Deno.statSync(tmp);
        return false;
      } catch {
        return true;
      }
    });
  },
);
