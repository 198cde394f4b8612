/**
 * Every command runs with the very line that `shmim permissions` prints; with
 * less it refuses before anything has changed; with more it narrows itself.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Arguments } from "../../src/cli/args.ts";
import { exactNeeds, flags } from "../../src/cli/needs.ts";
import { quote } from "../../src/cli/refusal.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import { flat, HANDSHAKE, Recorder } from "../_support/bridge.ts";
import {
  done,
  Folder,
  json,
  PATIENCE_MS,
  ROOT,
  Running,
  shmim,
} from "../_support/cli.ts";
import { printedLine, shellVariables } from "./_printed.ts";
import { PERMISSION_CASES, type PermissionCase } from "./_permission_cases.ts";

const decoder = new TextDecoder();

/** A folder to work in, one elsewhere, and a peer that hangs up. */
class Place implements AsyncDisposable {
  readonly folder: Folder = new Folder();
  readonly elsewhere: Folder = new Folder();
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #serving: Promise<void>;

  constructor() {
    const make = (
      folder: Folder,
      name: string,
      keywords = 0,
    ): void => {
      const dir = folder.path;
      using stream = Stream.create(name, {
        dir,
        size: [4, 3],
        type: "u16",
        keywords,
      });
      stream.write(flat(1));
    };
    make(this.folder, "cam");
    make(this.folder, "spare");
    make(this.folder, "noted", 2);
    make(this.elsewhere, "cam");
    Deno.symlinkSync(this.elsewhere.stream("cam"), this.folder.stream("alias"));
    Deno.symlinkSync(this.folder.stream("cam"), this.elsewhere.file("link"));
    Deno.writeFileSync(this.folder.file("in.raw"), new Uint8Array(24));
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      await connection.read(new Uint8Array(1)).catch(() => {});
      connection.close();
    }
  }

  get port(): number {
    return (this.#listener.addr as Deno.NetAddr).port;
  }

  words(name: string, { words }: PermissionCase): string[] {
    return [name, ...words.map((word) => word.replace("PORT", `${this.port}`))];
  }

  /** Everything in both folders, to the byte. */
  snapshot(): string[] {
    const look = (path: string): string[] =>
      [...Deno.readDirSync(path)].flatMap(({ name }) => {
        const file = `${path}/${name}`;
        const { isSymlink, isDirectory, mode } = Deno.lstatSync(file);
        if (isSymlink) return [`${file} -> ${Deno.readLinkSync(file)}`];
        if (isDirectory) return [`${file}/`, ...look(file)];
        return [`${file} ${mode} ${Deno.readFileSync(file).toHex()}`];
      });
    return [this.folder, this.elsewhere].flatMap(({ path }) => look(path))
      .sort();
  }

  /** The line that is printed for a call here. */
  printedLine(words: readonly string[]): Promise<string> {
    const { folder } = this;
    return printedLine({ streams: folder, path: folder.path }, words);
  }

  /** Runs a line as a shell does. */
  async run(
    line: string,
    says?: RegExp,
  ): Promise<{ code: number; out: string; err: string }> {
    const child = new Deno.Command("sh", {
      args: ["-c", `exec ${line}`],
      cwd: this.folder.path,
      env: shellVariables(this.folder),
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const end = (signal: Deno.Signal): void => {
      try {
        child.kill(signal);
      } catch {
        // it has ended
      }
    };
    const timer = setTimeout(() => end("SIGKILL"), PATIENCE_MS);
    let err = "";
    const talk = (async () => {
      let told = false;
      for await (const chunk of child.stderr) {
        err += decoder.decode(chunk);
        if (says?.test(err) && !told) {
          told = true;
          end("SIGTERM");
        }
      }
    })();
    let out = "";
    for await (const chunk of child.stdout) out += decoder.decode(chunk);
    await talk;
    const { code } = await child.status;
    clearTimeout(timer);
    return { code, out, err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving;
    this.folder[Symbol.dispose]();
    this.elsewhere[Symbol.dispose]();
  }
}

/** Three at a time. */
async function each<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  await Promise.all([1, 2, 3].map(async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) {
      await work(item);
    }
  }));
}

/** A line with one permission less: a flag, or one of its values. */
interface Less {
  readonly kind: string;
  readonly value: string | undefined;
  readonly line: string;
}

function lessOf(line: string): Less[] {
  return [...line.matchAll(/ '?--allow-(\w+)=([^ ']+)'?/g)].flatMap(
    ([flag, kind = "", list = ""]) => {
      const values = list.split(",");
      const one: Less = {
        kind,
        value: undefined,
        line: line.replace(flag, ""),
      };
      // Any of libc's places will do: its list is not taken apart.
      const parts = kind === "ffi" || values.length === 1 ? [] : values;
      return [
        one,
        ...parts.map((value) => {
          const rest = values.filter((other) => other !== value).join(",");
          return {
            kind,
            value,
            line: line.replace(flag, flag.replace(list, rest)),
          };
        }),
      ];
    },
  );
}

Deno.test("every command has a case for its permissions", () => {
  for (const { name } of COMMANDS) {
    assert(
      name in PERMISSION_CASES,
      `"${name}" is missing in tests/cli/_permission_cases.ts: add the words ` +
        "of a real call, and its exit code where that is not 0",
    );
  }
});

Deno.test("no permission of any command's samples is unscoped", async () => {
  for (const { name, load } of COMMANDS) {
    const { command } = await load();
    for (const words of command.samples) {
      const options = command.parse(new Arguments(words, command.options));
      for (const flag of flags(await exactNeeds(command, options))) {
        assertMatch(flag, /^--allow-(ffi|read|write|net|run|env)=[^*]+$/, name);
      }
    }
  }
});

Deno.test.each(COMMANDS.map(({ name }) => name))(
  "shmim %s needs each permission of its line, and no more",
  async (name) => {
    const permissionCase = PERMISSION_CASES[name];
    assert(permissionCase !== undefined);
    await using place = new Place();
    if (permissionCase.words.includes("in.fits")) {
      const { folder } = place;
      await done(["save", "cam", folder.file("in.fits")], { folder });
    }
    const words = place.words(name, permissionCase);
    const line = await place.printedLine(words);
    assert(!/ -A |--allow-all/.test(line), line);
    const before = place.snapshot();
    const spare = permissionCase.spare?.map((item) =>
      item.replace("ELSEWHERE", place.elsewhere.stream("cam"))
    );
    const needed = lessOf(line).filter(({ kind, value }) =>
      spare === undefined || !spare.includes(`${kind}=${value}`)
    );
    assert(needed.length >= (permissionCase.least ?? 3), line);
    await each(needed, async (less) => {
      const { code, out, err } = await place.run(less.line);
      assertEquals([code, out], [1, ""], `${less.line}\n${err}`);
      assertMatch(
        err,
        /^shmim: Requires (\w+) access to "[^\n]*", run again with '?--allow-\1=[^\n]*\n$/,
      );
      assertEquals(/--allow-(\w+)/.exec(err)?.[1], less.kind, err);
      const call = ["shmim permissions", ...words.map(quote)].join(" ");
      assert(err.endsWith(`(the whole line: ${call})\n`), err);
    });
    assertEquals(place.snapshot(), before, "a refused run left something");

    const probe = line
      .replace("--no-prompt", "--no-prompt -q --unstable-net")
      .replace(
        / [^ ]*cli\.ts .*/,
        ` ${ROOT}tests/_support/permission_probe.ts`,
      );
    await using idle = new Place(); // its port is the other one
    const { out, err } = await place.run(
      [
        probe,
        place.folder.stream("cam"),
        place.elsewhere.path,
        place.port,
        idle.port,
      ].join(" "),
    );
    const possible: string[] = json(out || JSON.stringify(err));
    const isNet = (what: string): boolean => /^(connect|listen)/.test(what);
    assertEquals(possible.filter(isNet), permissionCase.net ?? []);
    const isWrite = (what: string): boolean => /^(write|helper)/.test(what);
    if (!line.includes("--allow-write=")) {
      assertEquals(possible.filter(isWrite), []);
    }
    const rest = possible.filter((what) => !isNet(what) && !isWrite(what));
    assertEquals(rest, permissionCase.other ?? []);
    if (permissionCase.allOfTmp !== true) {
      assertEquals(possible.filter((what) => what.includes("elsewhere")), []);
    }

    await using fresh = new Place();
    if (permissionCase.words.includes("in.fits")) {
      const { folder } = fresh;
      await done(["save", "cam", folder.file("in.fits")], { folder });
    }
    const again = await fresh.printedLine(fresh.words(name, permissionCase));
    const ran = await fresh.run(again, permissionCase.says);
    assertEquals(ran.code, permissionCase.code ?? 0, again + ran.err);
    assert(!/Requires|NotCapable/.test(ran.err), again + ran.err);
  },
);

/** Transmits a link that is pointed elsewhere meanwhile. */
async function transmitMovedLink(
  place: Place,
  flags: readonly string[],
): Promise<Running> {
  const { folder, elsewhere } = place;
  const alias = folder.stream("alias");
  Deno.removeSync(alias);
  Deno.symlinkSync("cam.im.shm", alias);
  await using recorder = new Recorder();
  const transmitter = new Running(
    ["transmit", "alias", "127.0.0.1", `${recorder.port}`, ...flags],
    { folder, flags: ["-A"] },
  );
  const recording = await recorder.connection();
  await recording.take(HANDSHAKE + 24);
  Deno.removeSync(alias);
  Deno.symlinkSync(elsewhere.stream("cam"), alias);
  await transmitter.says(/Requires read access|re-?opened|again|new/i);
  return transmitter;
}

Deno.test("a program with all permissions reads what its command needs, and no more", async () => {
  await using place = new Place();
  await using narrowed = await transmitMovedLink(place, []);
  await narrowed.says(
    /Requires read access to "[^"]*cam\.im\.shm", beyond what [^\n]*--no-narrow/,
  );
  assertEquals(await narrowed.ended(), 1);
});

Deno.test("--no-narrow keeps the permissions that a program was started with", async () => {
  await using place = new Place();
  await using running = await transmitMovedLink(place, ["--no-narrow"]);
  assert(!running.err.includes("Requires"), running.err);
  assertEquals(await running.end(), 143);
});

Deno.test("files that only all permissions open keep their command working", async () => {
  await using place = new Place();
  const { folder } = place;
  const words = ["write", "cam", "/dev/stdin"];
  const all = { folder, flags: ["-A"] };
  await done(words, { ...all, stdin: new Uint8Array(24) });
  const { code, err } = await shmim(["permissions", ...words], { folder });
  assertEquals(code, 1);
  assertMatch(err, /^shmim: Deno opens "\/dev\/stdin" with all [^\n]+\n$/);
});
