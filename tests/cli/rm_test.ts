/** `shmim rm`. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { Stream } from "../../src/stream/stream.ts";
import {
  CLI,
  done,
  Folder,
  json,
  Running,
  shmim,
  until,
} from "../_support/cli.ts";
import { program, testWhere } from "../_support/skip.ts";

function make(folder: Folder, ...names: string[]): void {
  for (const name of names) {
    Stream.create(name, { dir: folder.path, size: [4], type: "u8" }).close();
  }
}

Deno.test("shmim rm --yes removes streams", async () => {
  using folder = new Folder();
  make(folder, "a", "b", "c");
  const { code, err } = await shmim(["rm", "--yes", "a", "c"], { folder });
  assertEquals(code, 0);
  assertEquals(
    err,
    `removed ${folder.stream("a")}\nremoved ${folder.stream("c")}\n`,
  );
  assertEquals(folder.names(), ["b.im.shm"]);
});

Deno.test("shmim rm without --yes removes nothing where nobody can be asked", async () => {
  using folder = new Folder();
  make(folder, "a");
  const { code, err } = await shmim(["rm", "a"], { folder, stdin: "y\n" });
  assertEquals(code, 2);
  assertStringIncludes(err, "--yes removes without a question");
  assertEquals(folder.names(), ["a.im.shm"]);
});

/** Runs the command in a terminal of its own and types an answer. */
async function answered(folder: Folder, answer: string): Promise<string> {
  const line = `${Deno.execPath()} run -qA ${CLI} rm a --dir ${folder.path}`;
  const child = new Deno.Command("script", {
    args: ["-qec", `${line}; echo "code $?"`, "/dev/null"],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  let text = "";
  let typed = false;
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (!typed && text.includes("Remove a?")) {
      typed = true;
      await writer.write(new TextEncoder().encode(`${answer}\n`));
    }
  }
  await writer.close().catch(() => {});
  await child.status;
  return text;
}

testWhere(
  "shmim rm asks in a terminal, and takes no for an answer",
  program("script", "bsdutils"),
  async () => {
    using folder = new Folder();
    make(folder, "a");
    const said = await answered(folder, "n");
    assertStringIncludes(said, "Nothing removed");
    assertStringIncludes(said, "code 1");
    assertEquals(folder.names(), ["a.im.shm"]);
  },
);

testWhere(
  "shmim rm asks in a terminal, and takes yes for an answer",
  program("script", "bsdutils"),
  async () => {
    using folder = new Folder();
    make(folder, "a");
    const said = await answered(folder, "y");
    assertStringIncludes(said, "code 0");
    assertEquals(folder.names(), []);
  },
);

Deno.test("shmim rm refuses while the last writer lives", async () => {
  using folder = new Folder();
  make(folder, "a");
  using stream = Stream.open("a", { dir: folder.path });
  stream.poke();
  const { code, err } = await shmim(["rm", "--yes", "a"], { folder });
  assertEquals(code, 1);
  assertMatch(
    err,
    new RegExp(`its last writer \\(pid ${Deno.pid}\\) lives; --force`),
  );
  assertEquals(folder.names(), ["a.im.shm"]);
  await done(["rm", "--yes", "--force", "a"], { folder });
  assertEquals(folder.names(), []);
});

Deno.test("shmim rm refuses while a reader lives", async () => {
  using folder = new Folder();
  make(folder, "a");
  using stream = Stream.open("a", { dir: folder.path });
  await using reader = new Running(["read", "a", "--wait", "semaphore"], {
    folder,
  });
  await until(
    "its claim",
    () => stream.semaphores().some(({ readerPid }) => readerPid === reader.pid),
  );
  const { code, err } = await shmim(["rm", "-y", "a"], { folder });
  assertEquals(code, 1);
  assertStringIncludes(err, `its reader (pid ${reader.pid}) lives`);
  await reader.end("SIGTERM");
  await done(["rm", "-y", "a"], { folder });
});

Deno.test("shmim rm refuses while the owner lives, and heeds no other writer then", async () => {
  using folder = new Folder();
  make(folder, "a");
  const owner = (pid: number) => {
    using file = Deno.openSync(folder.stream("a"), { write: true });
    file.seekSync(220, Deno.SeekMode.Start); // ownerPID
    file.writeSync(new Uint8Array(new Int32Array([pid]).buffer));
  };
  owner(Deno.pid);
  const { code, err } = await shmim(["rm", "-y", "a"], { folder });
  assertEquals(code, 1);
  assertStringIncludes(err, `its owner (pid ${Deno.pid}) lives`);
  owner(1); // expressly nobody
  await done(["rm", "-y", "a"], { folder });
});

Deno.test("shmim rm of a link removes the link only", async () => {
  using folder = new Folder();
  make(folder, "a");
  using stream = Stream.open("a", { dir: folder.path });
  stream.poke(); // a living writer is no matter to a link
  Deno.symlinkSync("a.im.shm", folder.stream("alias"));
  Deno.symlinkSync("nowhere.im.shm", folder.stream("dangling"));
  await done(["rm", "-y", "alias", "dangling"], { folder });
  assertEquals(folder.names(), ["a.im.shm"]);
});

Deno.test("shmim rm removes what it can and ends with 1 for the rest", async () => {
  using folder = new Folder();
  make(folder, "a", "b");
  const { code, out, err } = await shmim(
    ["rm", "-y", "a", "none", "b", "--json"],
    { folder },
  );
  assertEquals(code, 1);
  const { removed, failures } = json(out);
  assertEquals(removed, [folder.stream("a"), folder.stream("b")]);
  assertEquals(failures.length, 1);
  assertStringIncludes(err, "none.im.shm");
  assertEquals(folder.names(), []);
});

Deno.test("shmim rm removes a damaged file only with --force", async () => {
  using folder = new Folder();
  Deno.writeTextFileSync(folder.stream("junk"), "junk");
  const { code } = await shmim(["rm", "-y", "junk"], { folder });
  assertEquals([code, folder.names().length], [1, 1]);
  await done(["rm", "-y", "-f", "junk"], { folder });
  assertEquals(folder.names(), []);
});

Deno.test("shmim rm never removes a folder", async () => {
  using folder = new Folder();
  Deno.mkdirSync(folder.stream("dir"));
  const { code } = await shmim(["rm", "-y", "-f", "dir"], { folder });
  assertEquals(code, 1);
  assert(Deno.statSync(folder.stream("dir")).isDirectory);
});

Deno.test("shmim rm ends with 2 without a name", async () => {
  const { code, err } = await shmim(["rm", "-y"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "NAME is missing");
});
