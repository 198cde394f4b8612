/**
 * Every command line of README.md and docs/ is run, as it stands there, by
 * real processes on a host of the page's own; or it is marked with the reason
 * why not, and those are few.
 */

import { assert, assertStringIncludes } from "@std/assert";
import { ROOT } from "../_support/cli.ts";
import { reportSkip, testWhere } from "../_support/skip.ts";
import { type Page, readPage } from "../docs/_page.ts";
import { play, STAGE_NEEDS, type StageOptions } from "../docs/_stage.ts";

const PAGES: readonly Page[] = [
  "README.md",
  ...[...Deno.readDirSync(`${ROOT}docs`)].map(({ name }) => name)
    .filter((name) => name.endsWith(".md")).sort().map((name) =>
      `docs/${name}`
    ),
].map((path) => readPage(path, Deno.readTextFileSync(`${ROOT}${path}`)));

/** What is around a page, and what its lines must have said. */
interface Around extends StageOptions {
  /** Patterns of what it prints. */
  readonly says?: readonly RegExp[];
}

/** A receiver, once it listens: 8803 is 2263 to the kernel. */
const RECEIVER = [
  "shmim receive 8803 --bind 192.168.2.3 --allow 192.168.2.2 &",
  "for n in $(seq 300); do grep -q ':2263 ' /proc/net/tcp && break; sleep 0.1; done",
];

const CHECKOUT = { cwd: "/path/to/shmim" } as const;

/** What pages take for granted: streams, a file, a host that answers. */
const AROUND: Readonly<Record<string, Around>> = {
  "README.md": {
    ...CHECKOUT,
    without: ["shmim"],
    says: [/^Every frame that was checked arrived/m, /^cnt0 \d+ .*mean 0\.5/m],
  },
  "docs/first-hour.md": {
    ...CHECKOUT,
    without: ["shmim"],
    says: [
      /^CREATED aol8_wfsref0/m,
      /^KEPT aol8_wfsref0/m,
      /^cam: \d+ frames, .* in \d files, \d+ missed$/m,
      /^again: \d+ frames/m,
      /cnt0 is 2$/m,
      /, 0 broken$/m,
    ],
  },
  "docs/bridging.md": {
    ...CHECKOUT,
    before: [
      "(umask 077; echo sixteen bytes at least > ~/.shmim-key)",
    ],
    says: [/^● dm01disp03 +-> 192\.168\.2\.2:8803 +up /m],
  },
  "docs/dao.md": {
    before: ["shmim create /tmp/wfs.im.shm 120x100 u16 --format dao"],
    says: [/^format +dao/m],
  },
  "docs/doctor.md": {
    before: [
      ...RECEIVER,
      "(umask 077; echo sixteen bytes at least > bridge.key)",
    ],
    says: [/, 0 broken$/m],
  },
  "docs/install.md": CHECKOUT,
  "docs/names.md": { says: [/dm01disp06\.im\.shm: cnt0 is 2$/m] },
  "docs/partitions.md": {
    before: ["mkdir -p /rtc/shm", "shmim create wfs 50x50 f32"],
  },
  "docs/permissions.md": {
    ...CHECKOUT,
    before: ["shmim create dm01disp06 50x50 f32"],
  },
  "docs/troubleshooting.md": {
    ...CHECKOUT,
    before: [
      "shmim create cam 50x40 f32",
      ": > /milk/shm/broken.im.shm",
      "echo sixteen bytes at least > ~/.shmim-key",
      ...RECEIVER,
    ],
  },
  "docs/top.md": { before: ["shmim create dm01disp06 50x50 f32"] },
  "docs/watch.md": {
    before: [
      "for one in camsci camwfs dm01disp; do shmim create $one 300x300 f32; done",
      "shmim save camsci camsci_dark.fits",
      "shmim write camsci --pattern sine --rate 20 &",
    ],
  },
};

/** Pages whose lines a test of their own runs, and holds more against. */
const OF_THEIR_OWN: Readonly<Record<string, string>> = {
  "docs/recording.md": "tests/record/docs_test.ts",
};

/** How many pages run at once: most of their time they wait. */
const AT_ONCE = 4;
/** How many blocks may be left out. */
const MOST_LEFT = 12;

const ONLY = Deno.env.get("SHMIM_PAGES")?.split(",");

testWhere(
  "every command line of README.md and docs/ runs",
  STAGE_NEEDS,
  async () => {
    const waiting = PAGES.filter(({ lines, path }) =>
      lines.length > 0 && OF_THEIR_OWN[path] === undefined &&
      (ONLY === undefined || ONLY.includes(path))
    ).toSorted((a, b) => b.lines.length - a.lines.length);
    const failures: string[] = [];
    const worker = async (): Promise<void> => {
      for (let page = waiting.shift(); page; page = waiting.shift()) {
        const { path } = page;
        const began = performance.now();
        const { code, out, err } = await play(page, AROUND[path]);
        if (ONLY !== undefined) {
          // deno-lint-ignore no-console
          console.log(
            path,
            code,
            Math.round(performance.now() - began),
            out,
            err,
          );
        }
        const missing = (AROUND[path]?.says ?? []).filter((pattern) =>
          !pattern.test(out) && !pattern.test(err)
        );
        if (code !== 0 || missing.length > 0) {
          failures.push(
            `${path}: ended with ${code}, lacks ${missing}\n${out}\n${err}`,
          );
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    if (failures.length > 0) throw new Error(failures.join("\n\n"));
  },
);

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
  for (const [path, file] of Object.entries(OF_THEIR_OWN)) {
    assertStringIncludes(Deno.readTextFileSync(`${ROOT}${file}`), path);
  }
  for (const { path, elsewhere } of PAGES) {
    for (const { reason: file, at } of elsewhere) {
      const test = Deno.readTextFileSync(`${ROOT}${file}`);
      assertStringIncludes(test, path, `${path}:${at}`);
    }
  }
});
