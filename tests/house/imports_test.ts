/**
 * The picture of the layers in docs/architecture.md is true.
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { dirname, join, normalize } from "@std/path";
import { fromFileUrl } from "../../std/path/from_file_url.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Rows of the picture, the highest first. */
function layers(): string[][] {
  const text = Deno.readTextFileSync(`${ROOT}docs/architecture.md`);
  const block = /```layers\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  return block.trim().split("\n").map((row) => row.trim().split(/\s+/));
}

function* sources(folder: string): Generator<string> {
  for (const entry of Deno.readDirSync(ROOT + folder)) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (entry.name.endsWith(".ts")) yield path;
  }
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(import|export)\s+(type\s)?[^;"']*?from\s+"([^"]+)"|import\("([^"]+)"\)/g;

function importsOf(path: string): Import[] {
  const text = Deno.readTextFileSync(ROOT + path).replace(
    /\/\*[\s\S]*?\*\//g,
    "",
  );
  return [...text.matchAll(IMPORT)].flatMap((match) => {
    const target = match[3] ?? match[4] ?? "";
    if (target.startsWith("@std/")) {
      return [{ from: path, to: "std/door.ts", typeOnly: false }];
    }
    if (!target.startsWith(".") || target.endsWith(".json")) return [];
    const to = normalize(join(dirname(path), target));
    return [{ from: path, to, typeOnly: match[2] !== undefined }];
  });
}

/** All files that the picture speaks of. */
function files(): string[] {
  return ["cli.ts", ...sources("src"), ...sources("ffi")];
}

Deno.test("docs/architecture.md names every folder of the sources", () => {
  const named = layers().flat();
  const folders = new Set(files().map((path) => layerName(path)));
  for (const folder of folders) {
    assert(named.includes(folder), `"${folder}" is missing in the picture`);
  }
});

/** The folder by which the picture knows a file. */
function layerName(path: string): string {
  const parts = path.split("/");
  return parts[0] === "src" ? `src/${parts[1]}` : parts[0] ?? "";
}

Deno.test("imports point downwards only", () => {
  const rows = layers();
  const row = (path: string): number =>
    rows.findIndex((names) => names.includes(layerName(path)));
  const upwards = files().flatMap(importsOf).filter(({ from, to }) =>
    layerName(from) !== layerName(to) && row(from) >= row(to)
  );
  assertEquals(upwards.map(({ from, to }) => `${from} -> ${to}`), []);
});

Deno.test("imports run in no circle", () => {
  const graph = new Map<string, string[]>();
  for (const path of files()) {
    graph.set(
      path,
      importsOf(path).filter(({ typeOnly }) => !typeOnly).map(({ to }) => to),
    );
  }
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    // The table loads the commands, and one command reads the table.
    if (path === "src/commands/table.ts" && way.length > 0) return;
    assert(!way.includes(path), `a circle: ${[...way, path].join(" -> ")}`);
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...way, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
});

Deno.test("only ffi/ names Deno.dlopen and Deno.Unsafe*", () => {
  const named = files().filter((path) =>
    !path.startsWith("ffi/") &&
    /Deno\.(dlopen|Unsafe)/.test(Deno.readTextFileSync(ROOT + path))
  );
  assertEquals(named, []);
});
