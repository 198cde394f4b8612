/**
 * A host of its own for the lines of a page: namespaces for files, processes,
 * network and System V objects, over the machine's own files. Whatever a page
 * does there (`/milk/shm`, `/etc`, fixed ports, programs in the background) is
 * gone afterwards, and pages do not see each other.
 * @module
 */

import { ROOT } from "../_support/cli.ts";
import { all, type Need, program, root } from "../_support/skip.ts";
import { type Page, script } from "./_page.ts";

/** Puts an overlay over a folder: what is written there stays in memory. */
const ENTER = String.raw`
set -e
over=$1 tree=$2 deno=$3 cache=$4; shift 4
inside=$over/root
mount -t tmpfs shmim "$over"
mkdir "$inside" "$over/up" "$over/work" "$over/tree" "$over/tree-work"
layer() { # LOWER UPPER WORK TARGET
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
}
layer / "$over/up" "$over/work" "$inside"
mount -t proc proc "$inside/proc"
mount --rbind /dev "$inside/dev"
mount --rbind /sys "$inside/sys"
mount -t tmpfs shmim "$inside/dev/shm"
mount -t tmpfs shmim "$inside/tmp"
mkdir -p "$inside/milk/shm" "$inside/icc/shm" "$inside/home/observer" "$inside/path/to/shmim"
mount -t tmpfs shmim "$inside/milk/shm"
mount -t tmpfs shmim "$inside/icc/shm"
layer "$tree" "$over/tree" "$over/tree-work" "$inside/path/to/shmim"
for folder in "$deno" "$cache"; do # they may lie in /tmp, or on another disk
  mkdir -p "$inside$folder"
  mount --bind "$folder" "$inside$folder"
done
ip link set lo up
for address in 192.168.2.2 192.168.2.3; do ip addr add "$address/32" dev lo; done
# Who dials the one is the other, as between two hosts.
ip route replace local 192.168.2.2 dev lo src 192.168.2.3 table local
ip route replace local 192.168.2.3 dev lo src 192.168.2.2 table local
hostname rtc
printf '127.0.0.1 localhost\n192.168.2.2 rtc\n192.168.2.3 icc\n' > "$inside/etc/hosts"
exec /usr/sbin/chroot "$inside" env -i "$@"`;

/** What stands in for what a page takes for granted. */
const PROGRAMS: Readonly<Record<string, string>> = {
  // Commands that a page runs keep their permissions, which takes half the
  // time; the README's alias does not.
  shmim: `#!/bin/sh
case \${1:-} in
  "" | -* | help | permissions) ;;
  *) command=$1; shift; set -- "$command" --no-narrow "$@" ;;
esac
exec deno run -q -A /path/to/shmim/cli.ts "$@"
`,
  // There is no network; .ci/run and the walk call the real one.
  npx: `#!/bin/sh
[ "$1 $2" = "--yes deno@${Deno.version.deno}" ] || exit 1
shift 2
exec deno "$@"
`,
  sudo: '#!/bin/sh\nexec "$@"\n', // whoever types here is root
};

/** What a page may need of the machine. */
export const STAGE_NEEDS: Need = all(
  root,
  program("bash", "bash"),
  program("unshare", "util-linux"),
  program("ip", "iproute2"),
);

/** How a page is run. */
export interface StageOptions {
  /** Programs of {@linkcode PROGRAMS} that are not there. */
  readonly without?: readonly string[];
  /** Working directory; a new one where nothing is said. */
  readonly cwd?: string;
  /** Lines that are typed before those of the page. */
  readonly before?: readonly string[];
}

/** What became of a page. */
export interface Played {
  /** 0 where each line did what it should. */
  readonly code: number;
  /** What it printed. */
  readonly out: string;
  /** What it said beside that; its last lines tell where it failed. */
  readonly err: string;
}

/** How long a page may take. */
const PATIENCE_S = 300;

/** Runs the lines of a page. */
export async function play(
  page: Page,
  { without = [], cwd = "/tmp/work", before = [] }: StageOptions = {},
): Promise<Played> {
  const over = await Deno.makeTempDir({ prefix: "shmim-stage-" });
  const deno = Deno.execPath();
  const cache = Deno.env.get("DENO_DIR") ??
    `${Deno.env.get("HOME") ?? ""}/.cache/deno`;
  const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  const programs = Object.entries(PROGRAMS)
    .filter(([name]) => !without.includes(name))
    .map(([name, text]) =>
      `printf %s ${quote(text)} > /tmp/bin/${name}; chmod +x /tmp/bin/${name}`
    );
  const variables = {
    HOME: "/home/observer",
    PATH: `/tmp/bin:${deno.replace(/\/[^/]*$/, "")}:/usr/local/sbin:` +
      "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
    NO_COLOR: "1",
    USER: "root",
    DENO_DIR: cache,
    MILK_SHM_DIR: "/milk/shm",
    SHMIM_STATE_DIR: "/tmp/rtc-state",
    MAGAOX_ROLE: "RTC",
  };
  try {
    const { code, stdout, stderr } = await new Deno.Command("timeout", {
      args: [
        ...["-k", "5", String(PATIENCE_S), "unshare", "--mount", "--net"],
        ...["--pid", "--ipc", "--uts", "--fork", "--kill-child"],
        ...["sh", "-c", ENTER, "sh", over, ROOT.replace(/\/$/, "")],
        ...[deno.replace(/\/[^/]*$/, ""), cache],
        ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
        ...["bash", "-c"],
        `mkdir -p /tmp/bin /tmp/work && ${programs.join(" && ")} && ` +
        `cd ${cwd}\n${script(page, before)}`,
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder();
    return { code, out: text.decode(stdout), err: text.decode(stderr) };
  } finally {
    await Deno.remove(over, { recursive: true });
  }
}
