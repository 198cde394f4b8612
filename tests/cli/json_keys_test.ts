/**
 * The keys of `--json` are a contract: which there are and of what type, of
 * every command that has the option. A snapshot shows what a change does.
 */

import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../src/commands/table.ts";
import { done, Folder, Running, shmim, until } from "../_support/cli.ts";
import { CALLS, Place } from "./_calls.ts";

/** What a value looks like: keys with types, of a list all that occur. */
function shapeOf(value: unknown): unknown {
  if (value === null) return "null";
  if (Array.isArray(value)) return [merged(value.map(shapeOf))];
  if (typeof value !== "object") return typeof value;
  return Object.fromEntries(
    Object.entries(value as object).sort(([a], [b]) => a < b ? -1 : 1)
      .map(([key, one]) => [key, shapeOf(one)]),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One shape of several. */
function merged(shapes: readonly unknown[]): unknown {
  if (shapes.length === 0) return "nothing";
  if (shapes.every(isObject)) {
    const keys = [...new Set(shapes.flatMap((one) => Object.keys(one)))];
    return Object.fromEntries(
      keys.sort().map((key) => {
        const has = shapes.filter((one) => key in one);
        const mark = has.length < shapes.length ? "?" : "";
        return [key + mark, merged(has.map((one) => one[key]))];
      }),
    );
  }
  if (shapes.every(Array.isArray)) return [merged(shapes.flat())];
  return [...new Set(shapes.map((one) => JSON.stringify(one)))]
    .map((one) => JSON.parse(one)).sort().join(" | ");
}

/** The documents of an output: one, or one a line. */
function documents(out: string): unknown[] {
  try {
    return [JSON.parse(out)];
  } catch {
    return out.trimEnd().split("\n").map((line) => JSON.parse(line));
  }
}

/** Calls that need more than a place: what goes before, and what is asked. */
const MORE: Readonly<Record<string, readonly string[]>> = {
  watch: ["watch cam --count 1"],
  write: ["write cam --pattern sine --count 3"],
  replay: ["save cam one.fits", "replay one.fits other --rate 1000"],
  restore: ["snapshot snap", "restore snap"],
  link: ["link cam alias", "link --list"],
  keyword: ["keyword cam GAIN=2", "keyword cam"],
  sysv: ["sysv limits"],
  bridge: ["bridge --list --config t.toml"],
};

/** These are asked beside a daemon, or a device. */
const BESIDE = new Set(["ctl", "shares", "client"]);

async function shapes(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const { name, load } of COMMANDS) {
    const { options } = (await load()).command;
    if (!options.some((one) => one.name === "json") || BESIDE.has(name)) {
      continue;
    }
    using place = new Place();
    const lines = MORE[name] ?? [`${name} ${CALLS[name]?.words ?? ""}`];
    const run = (line: string, ...more: string[]): Promise<string> => {
      const [command = "", ...words] = line.trim().split(" ");
      return done(
        [...place.words(command, words.join(" ")), ...more],
        place.around,
      );
    };
    for (const line of lines.slice(0, -1)) await run(line);
    const out = await run(lines.at(-1) ?? "", "--json");
    found[name] = merged(documents(out).map(shapeOf));
  }
  return found;
}

Deno.test("the keys of --json are those of the snapshot", async (t) => {
  await t.assertSnapshot(await shapes());
});

Deno.test("the keys of --json beside a daemon are those of the snapshot", async (t) => {
  using place = new Place();
  const { around } = place;
  const run = ["--run", "run"];
  await using daemon = new Running(["daemon", ...run], around);
  await until(() => daemon.err, () => daemon.out.includes("is up"));
  await done(["share", "cam", ...run], around);
  const found: Record<string, unknown> = {};
  const calls = ["ctl status", "ctl getcfg", "ctl diag", "shares"];
  for (const call of calls) {
    const { out, err } = await shmim(
      [...call.split(" "), "--json", ...run],
      around,
    );
    assert(out !== "", `${call}: ${err}`);
    found[call] = merged(documents(out).map(shapeOf));
  }
  assertEquals(await daemon.end(), 143);
  await t.assertSnapshot(found);
});

Deno.test("the keys of client --json are those of the snapshot", async (t) => {
  using folder = new Folder();
  const key = ["--key", `${folder.path}:7`];
  await using device = new Running(["device", "SIN", "2", "--serve", ...key], {
    folder,
  });
  await until("its segment", () => device.out !== "");
  const out = await done(["client", "--count", "2", "--json", ...key], {
    folder,
  });
  assertEquals(await device.end(), 143);
  await t.assertSnapshot(merged(documents(out).map(shapeOf)));
});
