/**
 * A walk through README.md and the page of the first hour on a fresh Debian:
 * a root folder of its own, made from Debian's packages, with nothing but the
 * base system and what the page says is needed. The lines are typed as they
 * stand there, by a user without privileges, in a copy of this tree without
 * anything that was built or fetched; npx is the real one.
 *
 * `deno task test:fresh` runs it: as root, with Debian's and npm's packages in
 * reach, in some minutes.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../_support/child.ts";
import { Folder, ROOT } from "../_support/cli.ts";
import { all, program, root, testWhere } from "../_support/skip.ts";
import { type Page, readPage, script } from "../docs/_page.ts";

const USER = "1000";
const HOME = "/home/observer";
/** Where the tree lies inside: what `git clone` would have made. */
const TREE = `${HOME}/shmim`;

/** Mounts what a kernel gives, in a namespace of its own, and goes inside. */
const ENTER = `
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 shmim "$root/dev/shm"
mount -t tmpfs -o mode=1777 shmim "$root/tmp"
exec /usr/sbin/chroot --userspec=${USER}:${USER} "$root" env -i "$@"`;

/** The certificates by which this machine's network is trusted, if any. */
const CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

function read(path: string): string {
  return Deno.readTextFileSync(`${ROOT}${path}`);
}

/** The packages that the first hour's page asks for. */
function packages(): string[] {
  const [, names] = /`apt-get\s+install\s+([^`]+)`/.exec(
    read("docs/first-hour.md"),
  ) ?? [];
  assert(names !== undefined, "docs/first-hour.md names no packages");
  return names.split(/\s+/);
}

/** Runs a program that must do well. */
async function must(...words: string[]): Promise<string> {
  const [command = "", ...args] = words;
  const { code, stdout, stderr } = await run(command, args);
  assertEquals(code, 0, `${words.join(" ")}: ${stderr.slice(-4000)}`);
  return stdout;
}

/** A Debian with a base system and these packages; nothing of the host's. */
async function makeRoot(folder: string): Promise<void> {
  const suite = /^VERSION_CODENAME=(\w+)/m.exec(
    Deno.readTextFileSync("/etc/os-release"),
  )?.[1] ?? "stable";
  await must(
    ...["mmdebstrap", "--quiet", "--variant=minbase"],
    ...[`--include=${packages().join(",")}`, suite, folder],
  );
  for (const file of ["/etc/resolv.conf", "/etc/hosts", CERTIFICATES]) {
    await Deno.copyFile(file, `${folder}${file}`); // the network is this one's
  }
}

/** Copies this tree: what git knows, and nothing that was made from it. */
async function copyTree(folder: string): Promise<void> {
  const listed = await must(
    ...["git", "-c", "safe.directory=*", "-C", ROOT],
    ...["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
  );
  for (const path of listed.split("\0").filter((one) => one !== "")) {
    const to = `${folder}${TREE}/${path}`;
    await Deno.mkdir(to.replace(/\/[^/]*$/, ""), { recursive: true });
    await Deno.copyFile(`${ROOT}${path}`, to);
  }
  await must("chown", "-R", `${USER}:${USER}`, `${folder}${HOME}`);
}

/** Types the lines of a page in a fresh shell, in the tree. */
async function walk(
  folder: string,
  page: Page,
): Promise<{ out: string; err: string }> {
  const variables = {
    HOME,
    PATH: "/usr/local/bin:/usr/bin:/bin",
    NO_COLOR: "1",
    NODE_EXTRA_CA_CERTS: CERTIFICATES,
  };
  const { code, stdout, stderr } = await run("unshare", [
    ...["--mount", "--pid", "--ipc", "--fork", "--kill-child"],
    ...["sh", "-c", ENTER, "sh", folder],
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    ...["bash", "-c", `cd ${TREE}\n${script(page)}`],
  ]);
  assertEquals(code, 0, `${page.path}\n${stdout}\n${stderr}`);
  return { out: stdout, err: stderr };
}

testWhere(
  "README.md and the first hour work line by line on a fresh Debian",
  all(
    root,
    program("mmdebstrap", "mmdebstrap"),
    program("git", "git"),
    program("unshare", "util-linux"),
  ),
  async () => {
    using folder = new Folder();
    const fresh = folder.file("root");
    await makeRoot(fresh);
    await copyTree(fresh);
    for (const there of ["/usr/bin/deno", "/usr/local/bin/deno", "/milk"]) {
      await Deno.lstat(fresh + there).then(
        () => assert(false, `${there} is there already`),
        (error) => assert(error instanceof Deno.errors.NotFound),
      );
    }
    const readme = await walk(fresh, readPage("README.md", read("README.md")));
    assertMatch(readme.out, /^Every frame|latency max/m);
    assertMatch(readme.out, /^cnt0 \d+ .*mean 0\.5/m);
    const path = "docs/first-hour.md";
    const hour = await walk(fresh, readPage(path, read(path)));
    assertMatch(hour.out, /^CREATED aol8_wfsref0/m);
    assertMatch(hour.err, /^cam: \d+ frames, .* in \d files, \d+ missed$/m);
    // What it left: Deno in npx's cache, what was built, and nothing else.
    const left = [...Deno.readDirSync(`${fresh}${HOME}`)].map(({ name }) =>
      name
    );
    assertEquals(left.sort(), [".cache", ".npm", "shmim"]);
  },
);
