/** README.md and docs/ hang together, and say what the program says. */

import { assert, assertEquals } from "@std/assert";
import { NATIVE_TARGETS } from "../../scripts/fuzz_native.ts";
import { Arguments, COMMON_OPTIONS } from "../../src/cli/args.ts";
import { COMMANDS } from "../../src/commands/table.ts";
import { OLD_NAMES } from "../../src/names/table.ts";
import { AT } from "../../src/stream/imagestreamio.ts";
import { columnOf, VIEWS } from "../../src/top/columns.ts";
import { KEY_LINE as TOP_KEY_LINE } from "../../src/top/draw.ts";
import { KEY_LINE as WATCH_KEY_LINE } from "../../src/watch/draw.ts";
import { PANEL_STATISTICS } from "../../src/watch/panel.ts";
import { done, Folder, ROOT } from "../_support/cli.ts";
import { readPage } from "./_page.ts";

function read(path: string): string {
  return Deno.readTextFileSync(`${ROOT}${path}`);
}

const DOCS = [...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => name)
  .filter((name) => name.endsWith(".md")).sort();
const PAGES = ["README.md", ...DOCS.map((name) => `docs/${name}`)];
const README = read("README.md");

/** A page without its blocks of code. */
function prose(path: string): string {
  return read(path).replace(/^```[\s\S]*?^```$/gm, "");
}

/** Titles of a page, as links name them. */
function anchors(path: string): Set<string> {
  return new Set(
    [...prose(path).matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
      title.toLowerCase().replace(/[^\w\- ]/g, "").replaceAll(" ", "-")
    ),
  );
}

Deno.test("docs/README.md lists every page, and each page leads to the next", () => {
  const contents = read("docs/README.md");
  const order = [...contents.matchAll(/^\d+\. \[[^\]]+\]\(([\w-]+\.md)\)/gm)]
    .map(([, page = ""]) => page);
  assertEquals(
    order.toSorted(),
    DOCS.filter((page) => page !== "README.md"),
  );
  order.forEach((page, i) => {
    const [, next] =
      /\n---\n\n\[Contents\]\(README\.md\)(?: · next: \[[^\]]+\]\((.*)\))?\n$/
        .exec(read(`docs/${page}`)) ?? [page, "nothing: it has no last line"];
    assertEquals(next, order[i + 1], page);
  });
});

Deno.test("every link of README.md and docs/ leads somewhere", () => {
  for (const page of PAGES) {
    const folder = page.replace(/[^/]*$/, "");
    for (const [, target = ""] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = "", anchor] = target.split("#");
      const path = file === ""
        ? page
        : new URL(file, `file:///${folder}`).pathname.slice(1);
      assert(
        Deno.statSync(`${ROOT}${path}`) !== undefined,
        `${page}: ${target}`,
      );
      if (anchor !== undefined) {
        assert(anchors(path).has(anchor), `${page}: no title for ${target}`);
      }
    }
  }
});

/** Every file of the project, as git would list it. */
function files(folder = ""): string[] {
  return [...Deno.readDirSync(`${ROOT}${folder}`)].flatMap(
    ({ name, isDirectory }) => {
      if (["node_modules", "build", ".git"].includes(name)) return [];
      const path = `${folder}${name}`;
      return isDirectory ? [`${path}/`, ...files(`${path}/`)] : [path];
    },
  );
}

Deno.test("every file that a page names is there", () => {
  const all = files();
  const paths = new Set(all);
  const names = new Set(all.map((path) => path.replace(/.*\//, "")));
  const places = new RegExp(
    `^(${all.filter((path) => /^[^/]+\/$/.test(path)).join("|")})`,
  );
  let seen = 0;
  for (const page of [...PAGES, "CONTRIBUTING.md"]) {
    for (const [, path = ""] of prose(page).matchAll(/`([\w./@-]+)`/g)) {
      if (/[A-Z]{4}|\.\.\./.test(path) || path.includes("build/")) continue;
      // A file beside one that was named before goes by its name alone.
      if (places.test(path)) {
        assert(paths.has(path) || paths.has(`${path}/`), `${page}: ${path}`);
      } else if (/^\w+\.(ts|c|h|py)$/.test(path)) {
        assert(names.has(path), `${page}: ${path}`);
      } else continue;
      seen++;
    }
  }
  assert(seen > 100, `${seen} paths`);
});

Deno.test("docs/hardening.md has every target of the native fuzzer", () => {
  const [, table = ""] = /\*\*C\*\*[\s\S]*?\n(\|[\s\S]*?)\n\n/.exec(
    read("docs/hardening.md"),
  ) ?? [];
  const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, one]) =>
    one
  );
  assertEquals(documented.toSorted(), NATIVE_TARGETS.toSorted());
});

Deno.test("README.md shows the demo, watch and top, as the real program drew them", () => {
  for (const name of ["demo", "watch", "top"]) {
    const [path = ""] = new RegExp(`docs/images/${name}\\.svg`).exec(README) ??
      [];
    const picture = read(path);
    assert(/^<svg [^>]+>/.test(picture), name);
    assert(picture.length < 100_000, name);
  }
  assert(read("docs/images/demo.svg").includes("npx --yes deno@2.9.6"));
});

/** What stands in a picture, line by line. */
function drawn(name: string): string[] {
  return [
    ...read(`docs/images/${name}.svg`).matchAll(/<text[^>]*>([^]*?)<\/text>/g),
  ].map(([, text = ""]) =>
    text.replace(/<[^>]*>/g, "").replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">").replaceAll("&amp;", "&").trim()
  );
}

const STALE = "deno task pictures";

Deno.test("the picture of top has the views and columns that top has", () => {
  const texts = drawn("top");
  const titles = VIEWS.map(({ key, title }) => `${key.toUpperCase()} ${title}`);
  for (const title of titles) assert(texts.includes(title), STALE);
  const [summary] = VIEWS;
  const headings = summary?.columns.map((id) => columnOf(id).heading) ?? [];
  const at = texts.indexOf("NAME");
  assertEquals(
    texts.slice(at, at + headings.length).map((text) =>
      text.replace(/[▲▼]$/, "")
    ),
    headings,
    STALE,
  );
  assertEquals(texts.at(-1), TOP_KEY_LINE, STALE);
});

Deno.test("the picture of watch has the panel and the keys that watch has", () => {
  const texts = drawn("watch");
  const found = texts.filter((text) =>
    (PANEL_STATISTICS as readonly string[]).includes(text)
  );
  assertEquals(found, [...PANEL_STATISTICS], STALE);
  assertEquals(texts.at(-1), WATCH_KEY_LINE, STALE);
});

Deno.test("the picture of the demo has the rows that the demo prints", async () => {
  using folder = new Folder();
  const rows = (lines: readonly string[]): string[] =>
    lines.flatMap((line) => /^([a-z]+( \w+)?) {2,}\S/.exec(line)?.[1] ?? []);
  const printed = rows(
    (await done(["demo", "--seconds", "0.1"], { folder })).split("\n"),
  );
  assert(printed.length > 5, printed.join(", "));
  assertEquals(rows(drawn("demo")), printed, STALE);
});

Deno.test("README.md has every old name in its table", () => {
  const [table = ""] = /\| typed today \|[\s\S]*?\n\n/.exec(README) ?? [];
  for (const { name } of OLD_NAMES) {
    assert(new RegExp(`\`[^\`]*\\b${name}\\b`).test(table), name);
  }
  assertEquals(read("docs/names.md").includes(table), true, "the two differ");
});

/** All text of the program, with strings in one piece and `…` for what varies. */
function source(): string {
  const parts: string[] = [];
  const look = (folder: string): void => {
    for (const { name, isDirectory } of Deno.readDirSync(`${ROOT}${folder}`)) {
      if (isDirectory) look(`${folder}/${name}`);
      else if (name.endsWith(".ts")) parts.push(read(`${folder}/${name}`));
    }
  };
  for (const folder of ["src", "ffi"]) look(folder);
  const whole = parts.join("\n").replace(/["'`]\s*\+\s*["'`]/g, "");
  // Twice: what is chosen inside of ${} counts, too.
  const plain = whole.replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, "…");
  return `${whole}\n${plain}`.replace(/\\(["'`])/g, "$1");
}

Deno.test("docs/troubleshooting.md quotes messages that the program has", () => {
  const text = source();
  const quoted = [
    ...read("docs/troubleshooting.md").matchAll(
      /^\*\*(`[^*]+`(?:(?:,| or)?\s+)?)+\*\*/gm,
    ),
  ].flatMap(([line]) => [...line.matchAll(/`([^`]+)`/g)])
    .map(([, message = ""]) => message)
    .filter((message) => message.includes(" "));
  assert(quoted.length >= 20, `${quoted.length} messages`);
  for (const message of quoted) {
    for (const part of message.split(/"?…"?:?|[;:] /)) {
      const words = part.trim();
      if (words.length < 5) continue;
      assert(text.includes(words), `"${words}" of "${message}"`);
    }
  }
});

Deno.test("docs/formats.md has the offsets of the code", () => {
  const page = read("docs/formats.md");
  const [, table = ""] = /## Metadata([\s\S]*?)A timespec/.exec(page) ?? [];
  const documented = [...table.matchAll(/^\| (\d+) \| (\S+) \|/gm)].map((
    [, at],
  ) => Number(at));
  assertEquals(documented, Object.values(AT));
});

/** Words of a command line in a page's text; `undefined` for a placeholder. */
function words(text: string): string[] | undefined {
  if (/[…|<>*{}$]|\[/.test(text)) return undefined;
  return (text.match(/'[^']*'|"[^"]*"|\S+/g) ?? []).map((word) =>
    word.replace(/^(['"])(.*)\1$/, "$2")
  );
}

Deno.test("commands in the text of README.md and docs/ exist, and take their options", async () => {
  const commands = new Map(
    await Promise.all(
      COMMANDS.map(async (entry) =>
        [entry.name, (await entry.load()).command] as const
      ),
    ),
  );
  let parsed = 0;
  for (const page of PAGES) {
    if (page === "docs/wire.md") continue; // names of its protocol
    for (const [, text = ""] of prose(page).matchAll(/`shmim ([^`]+)`/g)) {
      const line = text.replaceAll(/\s+/g, " ");
      const [name = "", ...rest] = words(line) ?? [line.split(" ")[0] ?? ""];
      if (/^(-|[A-Z]|help$|…)/.test(name)) continue;
      const command = commands.get(name);
      assert(command !== undefined, `${page}: shmim ${line}`);
      const known = [...command.options, ...COMMON_OPTIONS].flatMap((
        option,
      ) => [
        `--${option.name}`,
        option.short === undefined ? "" : `-${option.short}`,
      ]);
      if (name === "permissions") continue; // its options are another's
      for (const [, option = ""] of line.matchAll(/ (--?[a-z][\w-]*)/g)) {
        assert(known.includes(option), `${page}: shmim ${line}: ${option}`);
      }
      if (words(line) === undefined) continue;
      try {
        command.parse(new Arguments(rest, command.options));
        parsed++;
      } catch {
        // a word is left out in the text, such as `shmim info`
      }
    }
  }
  assert(parsed > 30, `${parsed} were whole`);
});

Deno.test("a block that another test runs has the words that this test has", () => {
  let seen = 0;
  for (const page of PAGES) {
    for (
      const { reason: file, text, at } of readPage(page, read(page)).elsewhere
    ) {
      const test = read(file);
      if (test.includes("readTextFileSync(`${ROOT}" + page)) { // it takes them
        seen++;
        continue;
      }
      const typed = text.split("\n").map((line) => line.replace(/(^| )#.*/, ""))
        .join(" ").split(/\s+/).filter((word) => word !== "");
      for (const word of typed) {
        assert(test.includes(word), `${page}:${at}: ${word} is not in ${file}`);
        seen++;
      }
    }
  }
  assert(seen > 5, `${seen} words`);
});

Deno.test("no block of TypeScript is left out without a reason", () => {
  const ignored = PAGES.flatMap((page) =>
    [...read(page).matchAll(/^```ts (?:ignore)(.*)$/gm)].map((
      [, reason = ""],
    ) => ({ page, reason }))
  );
  for (const { page, reason } of ignored) assert(reason.length > 5, page);
  assert(ignored.length <= 2, JSON.stringify(ignored));
});
