/**
 * The helper is no way around Deno's permissions: what a process may do to a
 * file is what its flags say, whatever the library could.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HELPER_PATH } from "../../ffi/helper.ts";
import { LIBC_PATHS } from "../../ffi/libc.ts";
import { Stream } from "../../src/stream/stream.ts";
import { moduleUrl, type Outcome, runCode } from "../_support/child.ts";
import { Folder } from "../_support/folder.ts";

const SCOPED_FFI = `--allow-ffi=${[HELPER_PATH, ...LIBC_PATHS].join(",")}`;

const IMPORTS = `
  import { Stream } from "${moduleUrl("src/stream/stream.ts")}";
  import * as files from "${moduleUrl("ffi/files.ts")}";
  import * as links from "${moduleUrl("ffi/links.ts")}";
  const attempt = async (what) => {
    try {
      console.log("done", String(await what() ?? ""));
    } catch (error) {
      console.log(error.constructor.name + ": " + error.message);
    }
  };
`;

/** A folder with a stream that holds sevens, and one beside it. */
function prepare(): { folder: Folder; path: string } & Disposable {
  const folder = new Folder();
  using stream = Stream.create("cam", {
    dir: folder.path,
    size: [4],
    type: "u8",
  });
  stream.write(new Uint8Array(4).fill(7));
  return {
    folder,
    path: stream.path,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** What a child with these flags says after trying something. */
async function attempt(flags: string[], what: string): Promise<string> {
  const outcome: Outcome = await runCode(
    `${IMPORTS}\nawait attempt(async () => { ${what} });`,
    flags,
  );
  assertEquals([outcome.code, outcome.stderr], [0, ""]);
  assertEquals(outcome.stdout.trim().split("\n").length, 1);
  return outcome.stdout.trim();
}

function requires(kind: "read" | "write", path: string): string {
  return `NotCapable: Requires ${kind} access to "${path}", run again with ` +
    `the --allow-${kind} flag`;
}

Deno.test("Stream.open() reads with the permission to read and the helper's", async () => {
  using place = prepare();
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${place.folder.path}`],
    `using stream = Stream.open("${place.path}");
     const { pixels, torn } = stream.read();
     return [stream.writable, torn, stream.keywords().length,
       stream.semaphores().length, stream.trace().length,
       stream.presence(), ...pixels].join(" ");`,
  );
  assertEquals(found, "done false false 0 10 1 same 7 7 7 7");
});

const WRITERS: readonly [string, string, (place: string) => string][] = [
  [
    "Stream.open() for writing",
    `Stream.open(PATH, { writable: true })`,
    (dir) => `${dir}/cam.im.shm`,
  ],
  [
    "removeFile()",
    `files.removeFile(PATH)`,
    (dir) => `${dir}/cam.im.shm`,
  ],
  [
    "renameFile()",
    `files.renameFile(PATH, DIR + "/other")`,
    (dir) => `${dir}/cam.im.shm`,
  ],
  [
    "makeLink()",
    `links.makeLink("cam.im.shm", DIR + "/alias.im.shm")`,
    (dir) => `${dir}/alias.im.shm`,
  ],
  [
    "OpenFile.create()",
    `files.OpenFile.create(DIR + "/new", { mode: 0o666, bytes: 10 })`,
    (dir) => `${dir}/new`,
  ],
];

for (const [name, code, named] of WRITERS) {
  Deno.test(`${name} is refused with the permission to read`, async () => {
    using place = prepare();
    const dir = place.folder.path;
    const found = await attempt(
      [SCOPED_FFI, `--allow-read=${dir}`],
      `const DIR = "${dir}", PATH = "${place.path}"; ${code};`,
    );
    assertEquals(found, requires("write", named(dir)));
    assertEquals(
      [...Deno.readDirSync(dir)].map((entry) => entry.name),
      ["cam.im.shm"],
    );
  });
}

Deno.test("renameFile() is refused without the permission to read its source", async () => {
  using place = prepare();
  const dir = place.folder.path;
  const found = await attempt(
    [SCOPED_FFI, `--allow-write=${dir}`, `--allow-read=${dir}/new`],
    `files.renameFile("${place.path}", "${dir}/new");`,
  );
  assertEquals(found, requires("read", place.path));
});

Deno.test("Stream.create() is refused with the permission to read", async () => {
  using place = prepare();
  const dir = place.folder.path;
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${dir}`],
    `Stream.create("new", { dir: "${dir}", size: [4], type: "u8" });`,
  );
  assertStringIncludes(found, `Requires write access to "${dir}/new.`);
});

const READERS: readonly [string, string][] = [
  ["Stream.open()", "Stream.open(PATH)"],
  ["statFile()", "files.statFile(PATH)"],
  ["readLink()", "files.readLink(PATH)"],
  ["realPath()", "files.realPath(PATH)"],
  ["OpenFile.open()", "files.OpenFile.open(PATH, { writable: false })"],
];

for (const [name, code] of READERS) {
  Deno.test(`${name} is refused without the permission to read`, async () => {
    using place = prepare();
    const found = await attempt(
      [SCOPED_FFI, "--allow-read=/nowhere"],
      `const PATH = "${place.path}"; ${code};`,
    );
    assertEquals(found, requires("read", place.path));
  });
}

Deno.test("listFolder() is refused without the permission to read", async () => {
  using place = prepare();
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${place.path}`],
    `files.listFolder("${place.folder.path}");`,
  );
  assertEquals(found, requires("read", place.folder.path));
});

Deno.test("Stream.open() does not follow a link out of what may be read", async () => {
  using place = prepare();
  using inside = new Folder();
  Deno.symlinkSync(place.path, inside.stream("alias"));
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${inside.path}`],
    `Stream.open("${inside.stream("alias")}");`,
  );
  assertEquals(found, requires("read", place.path));
});

Deno.test("Stream.open() does not follow a linked folder out of what may be read", async () => {
  using place = prepare();
  using inside = new Folder();
  Deno.symlinkSync(place.folder.path, `${inside.path}/sub`);
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${inside.path}`],
    `Stream.open("${inside.path}/sub/cam.im.shm");`,
  );
  assertEquals(found, requires("read", place.path));
});

Deno.test("Stream.open() only reads where the link's target may not be written", async () => {
  using place = prepare();
  using inside = new Folder();
  Deno.symlinkSync(place.path, inside.stream("alias"));
  const flags = [
    SCOPED_FFI,
    `--allow-read=${inside.path},${place.folder.path}`,
    `--allow-write=${inside.path}`,
  ];
  const alias = inside.stream("alias");
  assertEquals(
    await attempt(
      flags,
      `using stream = Stream.open("${alias}"); return stream.writable;`,
    ),
    "done false",
  );
  assertEquals(
    await attempt(flags, `Stream.open("${alias}", { writable: true });`),
    requires("write", place.path),
  );
});

Deno.test("makeLink() does not lead out of what the process may use", async () => {
  using place = prepare();
  using inside = new Folder();
  const flags = [
    SCOPED_FFI,
    `--allow-read=${inside.path}`,
    `--allow-write=${inside.path}`,
  ];
  // Deno's own calls follow a link without another question.
  for (const target of ["/etc/hostname", "../../etc/hostname", place.path]) {
    const found = await attempt(
      flags,
      `links.makeLink("${target}", "${inside.stream("alias")}");`,
    );
    assertStringIncludes(found, "NotCapable: Requires read access to");
  }
  assertEquals([...Deno.readDirSync(inside.path)], []);
});

Deno.test("makeLink() links what the process may use", async () => {
  using place = prepare();
  const dir = place.folder.path;
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${dir}`, `--allow-write=${dir}`],
    `links.makeLink("cam.im.shm", "${dir}/alias.im.shm");
     using stream = Stream.open("${dir}/alias.im.shm");
     return stream.read().cnt0;`,
  );
  assertEquals(found, "done 1");
});

Deno.test("Everything but view() works with a scoped ffi permission", async () => {
  using place = prepare();
  const dir = place.folder.path;
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${dir}`, `--allow-write=${dir}`],
    `using stream = Stream.create("new", {
       dir: "${dir}", size: [2, 2, 2], type: "u8", keywords: 1,
     });
     const frames = stream.frames({ mode: "adaptive", timeoutMs: 30000 });
     const next = frames.next();
     stream.setKeywords([{ name: "K", type: "L", value: 5n, comment: "" }]);
     stream.write(new Uint8Array(4).fill(3), { slice: 1 });
     const { value } = await next;
     await frames.return();
     const wait = stream.wait({ timeoutMs: 30000 });
     stream.poke();
     const { processExists } = await import("${moduleUrl("ffi/libc.ts")}");
     return [await wait, value.pixels.join(""), stream.keywords()[0].value,
       stream.semaphores()[0].readerPid, stream.foreignWrites,
       stream.presence(), stream.reopen().cnt0, stream.clockOffset >= 0,
       processExists(Deno.pid)].join(" ");`,
  );
  assertEquals(found, "done true 00003333 5 0 0 same 2 true true");
});

Deno.test("Stream.view() needs the full ffi permission", async () => {
  using place = prepare();
  const flags = [`--allow-read=${place.folder.path}`];
  const code = `using stream = Stream.open("${place.path}");
    return stream.view().join("");`;
  assertStringIncludes(
    await attempt([SCOPED_FFI, ...flags], code),
    "NotCapable: Requires ffi access",
  );
  assertEquals(
    await attempt(["--allow-ffi", ...flags], code),
    "done 7777",
  );
});

Deno.test("Stream.open() is refused without the permission for the helper", async () => {
  using place = prepare();
  const found = await attempt(
    [`--allow-read=${place.folder.path}`],
    `Stream.open("${place.path}");`,
  );
  assert(found.startsWith("NotCapable: Requires ffi access"), found);
  assertStringIncludes(found, HELPER_PATH);
});

Deno.test("Stream.open() asks for nothing on the way to its answer", async () => {
  using place = prepare();
  // --no-prompt is set, a question would be a refusal: name by name.
  const found = await attempt(
    [SCOPED_FFI, `--allow-read=${place.path},${place.folder.path}`],
    `using stream = Stream.open("cam", { dir: "${place.folder.path}" });
     return stream.read().pixels[0];`,
  );
  assertEquals(found, "done 7");
});
