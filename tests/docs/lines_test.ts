/**
 * Every command line of README.md and docs/ is run, as it stands there, by
 * real processes on a host of the page's own; or it is marked with the reason
 * why not, and those are few.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT } from "../_support/cli.ts";
import { reportSkip, testWhere } from "../_support/skip.ts";
import { type Page, readPage } from "./_page.ts";
import { play, STAGE_NEEDS, type StageOptions } from "./_stage.ts";

const PAGES: readonly Page[] = [
  "README.md",
  ...[...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".md")).sort().map((name) =>
      `docs/${name}`
    ),
].map((path) => readPage(path, Deno.readTextFileSync(`${ROOT}${path}`)));

/** What a page does without, and where it is typed. */
const PLACES: Readonly<Record<string, StageOptions>> = {
  "README.md": { without: ["shmim"], cwd: "/path/to/shmim" },
  "docs/first-hour.md": { without: ["shmim"], cwd: "/path/to/shmim" },
};

/** How many pages run at once: most of their time they wait. */
const AT_ONCE = 4;
/** How many blocks may be left out. */
const MOST_LEFT = 12;

const ONLY = Deno.env.get("SHMIM_PAGES")?.split(",");

testWhere("every command line of README.md and docs/ runs", STAGE_NEEDS, async () => {
  const waiting = PAGES.filter(({ lines, path }) =>
    lines.length > 0 && (ONLY === undefined || ONLY.includes(path))
  ).toSorted((a, b) => b.lines.length - a.lines.length);
  const failures: string[] = [];
  const worker = async (): Promise<void> => {
    for (let page = waiting.shift(); page; page = waiting.shift()) {
      const { path } = page;
      const began = performance.now();
      const { code, out, err } = await play(page, PLACES[path]);
      if (ONLY !== undefined) {
        console.log(path, code, Math.round(performance.now() - began), out, err);
      }
      if (code !== 0) failures.push(`${path}: ended with ${code}\n${out}\n${err}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (failures.length > 0) throw new Error(failures.join("\n\n"));
});

Deno.test("few command lines are not run, each with a reason", () => {
  const left = PAGES.flatMap(({ path, left }) =>
    left.map((one) => ({ path, ...one }))
  );
  for (const { path, at, reason } of left) {
    reportSkip(`${path}:${at}`, reason);
    assert(reason.length > 10, `${path}:${at}: "${reason}" is no reason`);
  }
  assert(left.length <= MOST_LEFT, `${left.length} blocks are left out`);
});

Deno.test("what another test runs, it names", () => {
  for (const { path, elsewhere } of PAGES) {
    for (const { reason: file, at } of elsewhere) {
      const test = Deno.readTextFileSync(`${ROOT}${file}`);
      assertStringIncludes(test, path, `${path}:${at}`);
    }
  }
});
