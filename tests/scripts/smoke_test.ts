/**
 * The single files of docs/install.md: one file on a host where nothing else is: both kinds do the daily work in an
 * empty root. Each is made once; the permissions of single commands are tried
 * on their bundles.
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { bundle, HELPER_NAME } from "../../scripts/compile/bundle.ts";
import {
  permissionFlags,
  unstableFlags,
} from "../../scripts/compile/permissions.ts";
import { Folder, ROOT, until } from "../_support/cli.ts";
import { EmptyRoot, emptyRootNeeds } from "../_support/empty_root.ts";
import { all, program, reportSkip, testWhere } from "../_support/skip.ts";

const decoder = new TextDecoder();

/** Runs `deno task compile`; returns what it said. */
async function compile(
  words: readonly string[],
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "compile", ...words],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A FITS file of 4x3 pixels, 1 to 12, as 16-bit integers. */
function fits(): Uint8Array<ArrayBuffer> {
  const card = (name: string, value: string): string =>
    `${name.padEnd(8)}= ${value.padStart(20)}`.padEnd(80);
  const header = [
    card("SIMPLE", "T"),
    card("BITPIX", "16"),
    card("NAXIS", "2"),
    card("NAXIS1", "4"),
    card("NAXIS2", "3"),
    "END",
  ].join("");
  const bytes = new Uint8Array(2 * 2880);
  bytes.set(new TextEncoder().encode(header.padEnd(2880)));
  const pixels = new DataView(bytes.buffer, 2880);
  for (let i = 0; i < 12; i++) pixels.setInt16(2 * i, i + 1);
  return bytes;
}

/** One program in an empty root, with one environment. */
class Host {
  readonly root: EmptyRoot;
  readonly env: Readonly<Record<string, string>>;

  constructor(root: EmptyRoot, env: Readonly<Record<string, string>>) {
    this.root = root;
    this.env = env;
  }

  command(words: readonly string[]): Deno.Command {
    return this.root.command(["/shmim", ...words], this.env);
  }

  async run(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.command(words).output();
    assertEquals(code, 0, `${words.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  /** A frame crosses from one folder to another. */
  async bridge(): Promise<void> {
    const receiver = this.command(["receive", "0", "--dir", "/tmp/there"])
      .spawn();
    let said = "";
    const reading = (async () => {
      for await (const chunk of receiver.stderr) said += decoder.decode(chunk);
    })();
    const drained = receiver.stdout.cancel();
    const listening = await until(
      () => `a port in: ${said}`,
      () => /listening on 127\.0\.0\.1:(\d+)/.exec(said),
    );
    const transmitter = this.command([
      "transmit",
      "ref",
      "127.0.0.1",
      listening[1] ?? "",
      "--dir",
      "/tmp/here",
    ]).spawn();
    const silent = [transmitter.stdout.cancel(), transmitter.stderr.cancel()];
    try {
      await until(() => `the stream in: ${said}`, () => {
        try {
          return Deno.statSync(this.root.file("tmp/there/ref.im.shm")).size > 0;
        } catch {
          return false;
        }
      });
      await this.run("poke", "ref", "--dir", "/tmp/here");
      await until("the frame", async () => {
        const out = await this.run("info", "ref", "--dir", "/tmp/there");
        return !/cnt0 +0\b/.test(out);
      });
    } finally {
      transmitter.kill("SIGTERM");
      receiver.kill("SIGTERM");
      const codes = [await transmitter.status, await receiver.status];
      await Promise.all([drained, reading, ...silent]);
      assertEquals(codes.map(({ code }) => code), [143, 143], said);
    }
  }
}

/** The daily work. */
async function work(host: Host): Promise<void> {
  const { root } = host;
  for (const folder of ["tmp/here", "tmp/there"]) {
    Deno.mkdirSync(root.file(folder));
  }
  Deno.writeFileSync(root.file("tmp/ref.fits"), fits());
  const here = ["--dir", "/tmp/here"];
  assertMatch(await host.run("--version"), /^shmim \d/);
  await host.run("create", "cam", "4x3", "u16", ...here);
  await host.run("write", "cam", "--pattern", "sine", ...here);
  assertStringIncludes(await host.run("info", "cam", ...here), "u16");
  await host.run("load", "/tmp/ref.fits", "ref", ...here);
  const numbers = await host.run("read", "ref", "--format", "text", ...here);
  assertEquals(
    numbers.match(/\d+/g)?.map(Number).slice(-12),
    Array.from({ length: 12 }, (_, i) => i + 1),
    numbers,
  );
  await host.run("link", "ref", "dm01", ...here);
  assertEquals(
    Deno.readLinkSync(root.file("tmp/here/dm01.im.shm")),
    "ref.im.shm",
  );
  await host.bridge();
  const there = ["--dir", "/tmp/there"];
  assertEquals(
    await host.run("read", "ref", "--format", "text", ...there),
    numbers,
  );
  // A name that people know is a link to the file, and takes its old words.
  Deno.mkdirSync(root.file("tmp/names"));
  await host.run("install-names", "/tmp/names");
  assertEquals(
    Deno.readLinkSync(root.file("tmp/names/milk-shmimpoke")),
    "/shmim",
  );
  const poked = await host.root.command(
    ["/tmp/names/milk-shmimpoke", "ref", ...here],
    host.env,
  ).output();
  // Long options of the new command need their "=" there.
  assertEquals(poked.code, 2, decoder.decode(poked.stderr));
  const [name, value] = here;
  const again = await host.root.command(
    ["/tmp/names/milk-shmimpoke", "ref", `${name}=${value}`],
    host.env,
  ).output();
  assertEquals(again.code, 0, decoder.decode(again.stderr));
  Deno.removeSync(root.file("tmp/names"), { recursive: true });
  // What the load and the link keep is in the working directory.
  for (const folder of ["tmp/here", "tmp/there", "conf", "loadedSM"]) {
    Deno.removeSync(root.file(folder), { recursive: true });
  }
  Deno.removeSync(root.file("tmp/ref.fits"));
}

const NEEDS = all(program("cc", "gcc"), emptyRootNeeds);

testWhere(
  "compile --portable makes a file that works in an empty root",
  NEEDS,
  async () => {
    using root = new EmptyRoot();
    const made = await compile(["--portable", "--out", root.file("shmim")]);
    assertEquals([made.code, made.err], [0, ""]);
    assertMatch(made.out, /^\/\S+\/shmim: \d+\.\d MB\n$/);
    const before = root.files();

    // With a home: everything is in one folder of its cache.
    await work(new Host(root, { HOME: "/home" }));
    assertEquals(root.files(["/home/.cache"]), before);
    assertEquals(
      [...Deno.readDirSync(root.file("home/.cache/shmim"))].length,
      2,
    );
    Deno.removeSync(root.file("home/.cache"), { recursive: true });

    // Without: nothing is left. And a link's name is the program's.
    Deno.symlinkSync("shmim", root.file("wfsread"));
    const { stdout } = await root.command(["/wfsread", "--version"]).output();
    assertMatch(decoder.decode(stdout), /^shmim \d/);
    Deno.removeSync(root.file("wfsread"));
    await until("the private folder to go", () => {
      return root.files().length === before.length;
    });
    assertEquals(root.files(), before);
  },
);

testWhere(
  "compile makes a file that works in an empty root",
  NEEDS,
  async () => {
    using root = new EmptyRoot();
    const made = await compile(["--out", root.file("shmim")]);
    if (made.code !== 0) {
      assertMatch(
        made.err,
        /^shmim: Deno's runtime base \(denort [\d.]+\) cannot be had: [^\n]+; name a local copy with DENORT_BIN, or make a portable program with --portable\n$/,
      );
      assert(!root.names().includes("shmim"));
      reportSkip("the compiled kind", made.err.trim());
      return;
    }
    await work(new Host(root, { HOME: "/home" }));
    await work(new Host(root, {}));
  },
);

Deno.test("compile refuses wrong usage in one line, and makes nothing", async () => {
  using folder = new Folder();
  const out = ["--out", folder.file("shmim")];
  const cases: [string[], RegExp][] = [
    [["--command", "transmitt"], /"transmitt"; did you mean "transmit"\?/],
    [["--net", "rtc:8803"], /--read, --write and --net need --command/],
    [["--target", "sparc"], /no target "sparc": there are x86_64-unknown-/],
    [["--deno", "/bin/sh"], /--deno needs --portable/],
    [
      ["--portable", "--target", foreign()],
      /needs --deno FILE, a deno of that machine/,
    ],
    [["--nonsense"], /Unknown option '--nonsense'/],
  ];
  for (const [words, message] of cases) {
    const { code, err } = await compile([...words, ...out]);
    assertEquals(code, 2, err);
    assertMatch(err, message);
    assertMatch(err, /^shmim: [^\n]+ \(--help\)\n$/);
  }
  assertEquals(folder.names(), []);
});

function foreign(): string {
  return Deno.build.arch === "x86_64" ? "aarch64" : "x86_64";
}

Deno.test("a program of one command has that command's files and permissions only", async () => {
  using folder = new Folder("/tmp");
  using elsewhere = new Folder("/var/tmp");
  Deno.mkdirSync(folder.file("stage"));
  const { entry, files } = await bundle(folder.file("stage"), "create");
  const names = [...files.keys()];
  assert(names.some((name) => name.startsWith("create-")), names.join(" "));
  assert(
    !names.some((name) => /^(rm|transmit|watch|load)-/.test(name)),
    names.join(" "),
  );
  for (const [name, text] of files) {
    Deno.writeTextFileSync(folder.file(name), text);
  }
  Deno.copyFileSync(
    `${ROOT}native/build/${HELPER_NAME}`,
    folder.file(HELPER_NAME),
  );
  const run = async (...words: string[]): Promise<[number, string]> => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "--no-prompt",
        "--no-config",
        ...unstableFlags(),
        ...permissionFlags("create", folder.file(HELPER_NAME)),
        folder.file(entry),
        ...words,
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    return [code, decoder.decode(stdout) + decoder.decode(stderr)];
  };
  assertMatch((await run("--version"))[1], /^shmim \d/);
  const made = await run("cam", "4", "u8", "--dir", folder.path);
  assertEquals(made[0], 0, made[1]);
  assert(folder.names().includes("cam.im.shm"));
  const [code, said] = await run("cam", "4", "u8", "--dir", elsewhere.path);
  assertEquals(code, 1);
  assertMatch(said, /^shmim: Requires (read|write) access to "\/var\/tmp/);
  assertEquals(elsewhere.names(), []);
});
