/** The checks of `doctor`, each on a faked host. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import "../_support/load.ts";
import type { FileFacts, HostDoor } from "../../src/host/door.ts";
import { THIS_HOST } from "../../src/host/door.ts";
import { examine } from "../../src/host/examine.ts";
import type { Finding } from "../../src/host/finding.ts";
import { NO_NEIGHBOURS } from "../../src/host/neighbours.ts";
import { cpuList, softLimit } from "../../src/host/check_system.ts";

const CPU = "/sys/devices/system/cpu";
const CLOCK = "/sys/devices/system/clocksource/clocksource0";
const GB = 1e9;

const LIMITS = "Limit                     Soft Limit           Hard Limit\n" +
  "Max open files            65536                1048576      files\n" +
  "Max locked memory         unlimited            unlimited    bytes\n";

/** The kernel's files on a host where all is well. */
const GOOD_FILES: Readonly<Record<string, string>> = {
  "/proc/self/limits": LIMITS,
  "/proc/sys/vm/max_map_count": "262144\n",
  "/proc/sys/kernel/sched_rt_runtime_us": "-1\n",
  "/proc/sys/net/core/rmem_max": "212992\n",
  "/proc/sys/net/core/wmem_max": "212992\n",
  "/proc/sys/net/ipv4/tcp_rmem": "4096\t131072\t16777216\n",
  "/proc/sys/net/ipv4/tcp_wmem": "4096\t131072\t16777216\n",
  "/proc/swaps": "Filename Type Size Used Priority\n",
  "/proc/irq/1/smp_affinity_list": "0-3\n",
  "/proc/irq/1/effective_affinity_list": "2\n",
  [`${CPU}/online`]: "0-7\n",
  [`${CPU}/isolated`]: "6-7\n",
  [`${CPU}/cpu3/cpufreq/scaling_governor`]: "performance\n",
  [`${CLOCK}/current_clocksource`]: "tsc\n",
  [`${CLOCK}/available_clocksource`]: "tsc hpet acpi_pm\n",
};

interface Fake {
  readonly text: Record<string, string | undefined>;
  readonly files: Record<string, FileFacts>;
  readonly door: Partial<HostDoor>;
}

const FOLDER: FileFacts = { kind: "folder", mode: 0o1777, owner: 0, size: 0 };

/** A host on which all is well, but for what is given. */
function host(fake: Partial<Fake> = {}): HostDoor {
  const text = { ...GOOD_FILES, ...fake.text };
  const files: Record<string, FileFacts> = {
    "/milk/shm": FOLDER,
    "/run/key": { kind: "file", mode: 0o600, owner: 7, size: 44 },
    "/run/state": { kind: "folder", mode: 0o700, owner: 7, size: 0 },
    ...fake.files,
  };
  return {
    text: (path) => text[path],
    names: (path) => [
      ...new Set(
        Object.keys(text).filter((one) => one.startsWith(`${path}/`))
          .map((one) => one.slice(path.length + 1).split("/")[0] ?? ""),
      ),
    ],
    link: () => "pid:[4026531836]",
    file: (path) => files[path],
    fileSystem: () => ({
      type: "tmpfs",
      bytes: 16 * GB,
      freeBytes: 15 * GB,
      files: 1000,
      freeFiles: 900,
      readOnly: false,
    }),
    may: () => true,
    priority: () => true,
    clock: () => ({
      synchronised: true,
      maxErrorUs: 200,
      errorUs: 10,
      taiOffset: 37,
    }),
    user: () => 7,
    helper: () => ({ path: "/lib/x.so", error: undefined }),
    versions: () => ({ deno: "2.9.6", abi: 1 }),
    reach: () => Promise.resolve(undefined),
    ...fake.door,
  };
}

const SUBJECT = {
  folder: "/milk/shm",
  state: "/run/state",
  keys: ["/run/key"],
  peers: [{ hostname: "icc", port: 8803 }],
  neighbours: NO_NEIGHBOURS,
};

function found(fake: Partial<Fake>): Promise<Finding[]> {
  return examine(host(fake), SUBJECT);
}

Deno.test("examine() finds nothing on a host where all is well", async () => {
  const findings = await found({});
  assertEquals(findings.filter(({ gravity }) => gravity !== "ok"), []);
  assertEquals([...new Set(findings.map(({ check }) => check))], [
    "helper",
    "deno",
    "stream folder",
    "space",
    "permissions",
    "swap",
    "limits",
    "locked memory",
    "real time",
    "cores",
    "interrupts",
    "clock source",
    "TAI offset",
    "clock",
    "sockets",
    "daemon",
    "key",
    "peer",
  ]);
});

const SYSTEM = host().fileSystem("/milk/shm");
assert(SYSTEM !== undefined);
const SPACE = SYSTEM;

/** What is wrong, which check says so, how grave, and with which words. */
const ILLS: readonly [
  Partial<Fake>,
  string,
  Finding["gravity"],
  RegExp,
  RegExp,
][] = [
  [
    { door: { fileSystem: () => ({ ...SPACE, type: "ext4" }) } },
    "stream folder",
    "warning",
    /lies on a disk \(ext4\)/,
    /mount -t tmpfs .*\/milk\/shm$/,
  ],
  [
    { door: { fileSystem: () => undefined } },
    "stream folder",
    "broken",
    /no folder \/milk\/shm/,
    /^sudo mkdir/,
  ],
  [
    { door: { fileSystem: () => ({ ...SPACE, readOnly: true }) } },
    "stream folder",
    "broken",
    /read-only/,
    /remount,rw/,
  ],
  [
    { door: { fileSystem: () => ({ ...SPACE, freeBytes: GB }) } },
    "space",
    "warning",
    /1\.0 GB of 16\.0 GB/,
    /remount,size/,
  ],
  [
    { door: { fileSystem: () => ({ ...SPACE, freeBytes: 0 }) } },
    "space",
    "broken",
    /is full/,
    /remount,size/,
  ],
  [
    { door: { fileSystem: () => ({ ...SPACE, freeFiles: 0 }) } },
    "space",
    "broken",
    /no room for another file/,
    /./,
  ],
  [
    { door: { may: (_, what) => (what & 2) === 0 } },
    "permissions",
    "broken",
    /may not make streams in \/milk\/shm/,
    /chmod 1777/,
  ],
  [
    { files: { "/milk/shm": { ...FOLDER, mode: 0o777 } } },
    "permissions",
    "note",
    /everybody's streams/,
    /chmod \+t/,
  ],
  [
    { text: { "/proc/swaps": "Filename\n/dev/sda2 partition 1 0 -2\n" } },
    "swap",
    "note",
    /1 swap/,
    /swappiness/,
  ],
  [
    {
      text: { "/proc/self/limits": LIMITS.replace("65536  ", "256    ") },
    },
    "limits",
    "warning",
    /256 files/,
    /ulimit -n/,
  ],
  [
    { text: { "/proc/sys/vm/max_map_count": "1000" } },
    "limits",
    "warning",
    /1000 mappings/,
    /max_map_count/,
  ],
  [
    {
      text: { "/proc/self/limits": LIMITS.replace("unlimited", "65536") },
    },
    "locked memory",
    "note",
    /64 kB/,
    /memlock/,
  ],
  [
    { door: { priority: () => false } },
    "real time",
    "warning",
    /no real/,
    /rtprio/,
  ],
  [
    { text: { "/proc/sys/kernel/sched_rt_runtime_us": "950000" } },
    "real time",
    "note",
    /950 ms of each second/,
    /sched_rt_runtime_us=-1/,
  ],
  [
    { text: { [`${CPU}/isolated`]: "\n" } },
    "cores",
    "note",
    /none of 8 cores/,
    /isolcpus=6,7/,
  ],
  [
    { text: { [`${CPU}/isolated`]: "\n", [`${CPU}/online`]: "0-1\n" } },
    "cores",
    "note",
    /none of 2 cores/,
    /isolcpus=1 /,
  ],
  [
    { text: { [`${CPU}/cpu3/cpufreq/scaling_governor`]: "powersave\n" } },
    "cores",
    "warning",
    /1 cores lower/,
    /cpupower/,
  ],
  [
    { text: { "/proc/irq/42/smp_affinity_list": "5-6\n" } },
    "interrupts",
    "warning",
    /interrupts 42 go to isolated/,
    /echo 0,1,2,3,4,5 .*irq\/\$n\/smp/,
  ],
  [
    { text: { [`${CLOCK}/current_clocksource`]: "hpet\n" } },
    "clock source",
    "warning",
    /from hpet/,
    /echo tsc/,
  ],
  [
    {
      door: { clock: () => ({ ...host().clock(), taiOffset: 0 }) },
    },
    "TAI offset",
    "warning",
    /does not know/,
    /leapsectz/,
  ],
  [
    {
      door: { clock: () => ({ ...host().clock(), synchronised: false }) },
    },
    "clock",
    "warning",
    /nobody disciplines/,
    /chrony/,
  ],
  [
    { text: { "/proc/sys/net/ipv4/tcp_rmem": "4096 131072 1048576" } },
    "sockets",
    "warning",
    /receive 1024 kB ahead only/,
    /tcp_rmem/,
  ],
  [
    { door: { link: () => "pid:[4026532449]" } },
    "container",
    "note",
    /container/,
    /--pid=host/,
  ],
  [
    { files: { "/run/state": { ...FOLDER, owner: 7, mode: 0o755 } } },
    "daemon",
    "broken",
    /not private/,
    /chmod 700/,
  ],
  [
    { text: { "/run/state/dm00.bridge.json": '{"pid": 4711}' } },
    "daemon",
    "warning",
    /no process runs any more for dm00/,
    /\/run\/state/,
  ],
  [
    {
      files: {
        "/run/key": { kind: "file", mode: 0o644, owner: 7, size: 44 },
      },
    },
    "key",
    "broken",
    /others may read/,
    /chmod 600/,
  ],
  [
    {
      files: { "/run/key": { kind: "file", mode: 0o600, owner: 7, size: 0 } },
    },
    "key",
    "broken",
    /is empty/,
    /urandom/,
  ],
  [
    { door: { reach: () => Promise.resolve("no answer") } },
    "peer",
    "broken",
    /icc:8803 cannot be reached: no answer/,
    /receive 8803/,
  ],
  [
    { door: { versions: () => ({ deno: "2.7.1", abi: 1 }) } },
    "deno",
    "broken",
    /2\.7\.1 is older/,
    /npm install/,
  ],
  [
    { door: { helper: () => ({ path: "/x", error: "Cannot load" }) } },
    "helper",
    "broken",
    /Cannot load/,
    /deno task build/,
  ],
];

Deno.test("examine() says of each ill what it is, what it means, what mends it", async () => {
  for (const [fake, check, gravity, what, mend] of ILLS) {
    const findings = await found(fake);
    const ills = findings.filter((one) =>
      one.gravity !== "ok" && one.check === check
    );
    assertEquals(ills.length, 1, `${check}: ${what}`);
    const [ill] = ills;
    assertEquals(ill?.gravity, gravity, check);
    assertMatch(ill?.found ?? "", what);
    assertMatch(ill?.mend ?? "", mend);
    assert(ill?.means !== "", "it says what it means");
    assert(ill?.mend !== "", "and what mends it");
    assert(!/[\n]/.test(ill?.mend ?? ""), "the command is one line");
  }
});

Deno.test("examine() says nothing of what a kernel does not tell", async () => {
  const text = Object.fromEntries(
    Object.keys(GOOD_FILES).map((path) => [path, undefined]),
  );
  const findings = await found({ text });
  assertEquals(
    findings.filter(({ gravity }) =>
      gravity === "broken" || gravity === "warning"
    ),
    [],
  );
});

Deno.test("examine() looks at the real host", async () => {
  const folder = Deno.makeTempDirSync();
  try {
    const findings = await examine(THIS_HOST, {
      folder,
      state: `${folder}/none`,
      keys: [`${folder}/none`],
      peers: [],
      neighbours: NO_NEIGHBOURS,
    });
    const of = (check: string): Finding | undefined =>
      findings.find((one) => one.check === check);
    assertEquals(of("helper")?.gravity, "ok");
    assertEquals(of("deno")?.gravity, "ok");
    assertEquals(of("key")?.gravity, "broken");
    assertEquals(of("permissions")?.found.includes(folder), true);
    assert(of("cores") !== undefined);
    assert(of("limits") !== undefined);
  } finally {
    Deno.removeSync(folder);
  }
});

Deno.test("cpuList() and softLimit() read what the kernel writes", () => {
  assertEquals(cpuList("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8]);
  assertEquals(cpuList("\n"), []);
  assertEquals(softLimit(LIMITS, "Max open files"), 65536);
  assertEquals(softLimit(LIMITS, "Max locked memory"), Infinity);
  assertEquals(softLimit(LIMITS, "Max nothing"), undefined);
});
