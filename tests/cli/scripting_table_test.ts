/**
 * What scripts rely on, of every command of the table: plain text where nobody
 * looks, no colour where NO_COLOR says so, data that parses, a reader that
 * leaves early, ends by signals.
 */

import { assert, assertEquals } from "@std/assert";
import type { Command } from "../../src/cli/command.ts";
import { ChannelFiles } from "../../src/channels/state.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { Stream } from "../../src/stream/stream.ts";
import { CLI, type Outcome, Running, shmim, until } from "../_support/cli.ts";
import { freePorts } from "../_support/ports.ts";
import { program, testWhere } from "../_support/skip.ts";
import { Terminal } from "../_support/terminal.ts";
import { CALLS, type Case, Place } from "./_calls.ts";

/** A sign that a call has begun: what it says, or what it does. */
type Alive = RegExp | ((place: Place) => boolean);

function counts(name: string, least: bigint): Alive {
  return ({ folder }) => {
    try {
      using stream = Stream.open(name, { dir: folder.path, writable: false });
      return stream.cnt0 >= least;
    } catch {
      return false; // it is not there yet
    }
  };
}

function claims({ folder }: Place): boolean {
  using cam = Stream.open("cam", { dir: folder.path, writable: false });
  return cam.semaphores().some(({ readerPid }) => readerPid > 0);
}

/** Calls that go on until a signal comes; somebody writes `cam` meanwhile. */
const LASTING: readonly (readonly [string, Alive])[] = [
  ["read cam --wait poll --count 1000000", /cnt0/],
  ["watch cam --json", /cnt0/],
  ["write other --pattern sine --rate 20", counts("other", 3n)],
  ["stat cam --duration 600 --wait semaphore", claims],
  ["copy cam other --follow", counts("other", 3n)],
  ["convert cam DAO --format dao --follow", claims],
  ["load ref.raw.fits loaded --watch", /LOADED/], // after CREATED
  ["record cam night --duration 600", claims],
  ["transmit cam 127.0.0.1 1", /again|refused/],
  ["receive 0", /listening/],
  [
    "bridge cam --listen 127.0.0.1:FREE --foreground",
    ({ folder }) =>
      new ChannelFiles(folder.state, "cam").state().report !== undefined,
  ],
  ["device SIN 2 --serve --key .:8", /\n/],
  ["client --key .:7", /SIN/],
  ["daemon --run run", /is up/],
  ["carry receive 127.0.0.1 --control c.sock", /stands/],
  ["ferry 2 --listen 127.0.0.1 --control f.sock --run run", /stands/],
];

/** What must be there before one of them begins. */
const BEFORE: Readonly<Record<string, string>> = {
  client: "device SIN 2 --serve --key .:7",
  ferry: "daemon --run run",
};

/** Runs all of them, three at a time, and gathers what is wrong. */
async function each<T>(
  all: readonly T[],
  check: (one: T) => Promise<void>,
): Promise<void> {
  const waiting = [...all];
  const wrong: string[] = [];
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      for (
        let one = waiting.shift();
        one !== undefined;
        one = waiting.shift()
      ) {
        await check(one).catch((error: Error) =>
          wrong.push(`${JSON.stringify(one)}: ${error.message}`)
        );
      }
    }),
  );
  assertEquals(wrong, [], wrong.join("\n\n"));
}

const NAMES = COMMANDS.map(({ name }) => name);

function call(name: string): Case {
  return CALLS[name] ?? { words: "" };
}

function takesJson({ options }: Command): boolean {
  return options.some(({ name }) => name === "json");
}

/** What no script wants to read. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

function requirePlain({ out, err }: Outcome, what: string): void {
  assert(!CONTROL.test(out), `${what} prints ${JSON.stringify(out)}`);
  assert(!CONTROL.test(err), `${what} says ${JSON.stringify(err)}`);
}

Deno.test("every command has a call here", () => {
  assertEquals(Object.keys(CALLS).sort(), NAMES.toSorted());
});

Deno.test("every command prints plain text into a pipe, and its --json parses", async () => {
  await each(COMMANDS, async ({ name, load }) => {
    using place = new Place();
    const { words, code = 0 } = call(name);
    const plain = await shmim(place.words(name, words), place.around);
    assertEquals(plain.code, code, plain.err);
    requirePlain(plain, name);
    if (code !== 0) {
      assertEquals(plain.err.trimEnd().split("\n").length, 1, plain.err);
    }
    if (!takesJson((await load()).command) || code !== 0) return;
    using fresh = new Place();
    const once = name === "watch" ? `${words} --count 1` : words;
    const result = await shmim(
      [...fresh.words(name, once), "--json"],
      fresh.around,
    );
    assertEquals(result.code, 0, result.err);
    requirePlain(result, `${name} --json`);
    try {
      JSON.parse(result.out);
    } catch {
      const lines = result.out.split("\n").filter((line) => line !== "");
      lines.forEach((line) => JSON.parse(line)); // one object a line
    }
  });
});

Deno.test("every command is done where its reader has gone", async () => {
  await each(
    NAMES.filter((name) => call(name).code === undefined),
    async (name) => {
      using place = new Place();
      const line = ["run", "-qA", CLI, ...place.words(name, call(name).words)];
      const { folder, cwd, env } = place.around;
      const { stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", '"$@" | true; echo "${PIPESTATUS[0]}"', "bash"]
          .concat(Deno.execPath(), line),
        cwd: cwd ?? "/",
        env: { MILK_SHM_DIR: folder?.path ?? "", ...env },
        stdin: "null",
        stderr: "piped",
      }).output();
      const text = new TextDecoder();
      assertEquals(text.decode(stdout), "0\n", text.decode(stderr));
    },
  );
});

testWhere(
  "no command colours a terminal with NO_COLOR",
  program("tmux", "tmux"),
  async () => {
    using place = new Place();
    const { folder, cwd, env } = place.around;
    await using terminal = await Terminal.open({
      columns: 150,
      rows: 50,
      cwd: cwd ?? "/",
      env: { ...env, MILK_SHM_DIR: folder?.path ?? "", NO_COLOR: "1" },
    });
    for (const name of ["ls", "watch", "top", "bridge", "stat", "doctor"]) {
      const words = place.words(name, call(name).words);
      await terminal.type(
        `clear; '${Deno.execPath()}' run -qA '${CLI}' ${words.join(" ")}; ` +
          `echo "<${name} $?>"`,
      );
      await until(
        `the end of ${name}`,
        async () =>
          new RegExp(`^<${name} \\d>`, "m").test(await terminal.text()),
      );
      const screen = await terminal.cells();
      const coloured = screen.flat().filter(({ front, back }) =>
        front !== undefined || back !== undefined
      );
      assertEquals(coloured, [], name);
    }
  },
);

Deno.test("a signal is the exit code of every command that lasts", async () => {
  const signals = [
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const;
  const all = LASTING.map((one, i) =>
    [...one, ...signals[i % 3] ?? signals[0]] as const
  );
  await each(all, async ([line, alive, signal, code]) => {
    using place = new Place();
    using cam = Stream.open("cam", { dir: place.folder.path });
    const start = (line: string): Running => {
      const free = line.replace("FREE", () => String(freePorts(1)));
      const [name = "", ...words] = free.split(" ");
      return new Running(place.words(name, words.join(" ")), place.around);
    };
    const [name = ""] = line.split(" ");
    const before = BEFORE[name];
    await using first = before === undefined ? undefined : start(before);
    if (first !== undefined) {
      await until(() => `${before}: ${first.err}`, () => first.out !== "");
    }
    await using running = start(line);
    let n = 0;
    await until(() => `${line} to begin: ${running.out + running.err}`, () => {
      cam.poke();
      // What is watched changes, by its content.
      if (name === "load" && running.out !== "") place.writeFits(++n);
      return alive instanceof RegExp
        ? alive.test(running.out + running.err)
        : alive(place);
    });
    // Without a listener of ours the kernel would end it, with the same code.
    assertEquals(
      await running.endBy(signal),
      { code, byKernel: false },
      running.err,
    );
    assert(!claims(place), "a semaphore is claimed still");
    if (first !== undefined) await first.end();
  });
});
