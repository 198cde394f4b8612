/** Checks of the machine: limits, cores, interrupts, clocks, sockets. @module */

import { type Finding, ill, well } from "./finding.ts";
import type { HostDoor } from "./door.ts";
import { INITIAL } from "./processes.ts";

const PRIORITY = 50;
const FEW_FILES = 1024;
const FEW_MAPS = 65530;
const LITTLE_LOCKED = 64 * 1024 * 1024;
/** A frame of 1024 x 1024 u16 should fit. */
const SOCKET_BYTES = 4 * 1024 * 1024;
const GOOD_CLOCKS = ["tsc", "arch_sys_counter", "kvm-clock"];
const MOST_NAMED = 8;

/** `0-2,5` as numbers. */
export function cpuList(text: string): number[] {
  return text.trim().split(",").flatMap((part) => {
    const [from, to = from] = part.split("-").map(Number);
    if (part === "" || from === undefined || Number.isNaN(from)) return [];
    return Array.from(
      { length: Math.max(0, (to ?? from) - from + 1) },
      (_, i) => from + i,
    );
  });
}

/** The soft limit of a line of `/proc/self/limits`. */
export function softLimit(limits: string, name: string): number | undefined {
  const value = limits.split("\n").find((line) => line.startsWith(name))
    ?.slice(name.length).trim().split(/\s+/)[0];
  if (value === undefined) return undefined;
  return value === "unlimited" ? Infinity : Number(value);
}

function amount(bytes: number): string {
  return bytes === Infinity ? "unlimited" : `${Math.round(bytes / 1024)} kB`;
}

/** Files and mappings suffice for all streams. */
export function checkLimits(door: HostDoor): Finding[] {
  const limits = door.text("/proc/self/limits") ?? "";
  const files = softLimit(limits, "Max open files");
  const maps = Number(door.text("/proc/sys/vm/max_map_count") ?? NaN);
  const findings: Finding[] = [];
  if (files !== undefined) {
    findings.push(
      files >= FEW_FILES ? well("limits", `${files} open files`) : ill(
        "limits",
        "warning",
        {
          found: `a process may open ${files} files only`,
          means: "programs that have many streams open fail with EMFILE",
          mend: "ulimit -n 65536",
        },
      ),
    );
  }
  if (maps < FEW_MAPS) {
    findings.push(ill("limits", "warning", {
      found: `a process may have ${maps} mappings only`,
      means: "programs that have many streams open fail with ENOMEM",
      mend: "sudo sysctl -w vm.max_map_count=262144",
    }));
  }
  return findings;
}

/** Memory may be locked. */
export function checkLockedMemory(door: HostDoor): Finding[] {
  const limits = door.text("/proc/self/limits") ?? "";
  const bytes = softLimit(limits, "Max locked memory");
  if (bytes === undefined) return [];
  return [
    bytes >= LITTLE_LOCKED
      ? well("locked memory", amount(bytes))
      : ill("locked memory", "note", {
        found: `only ${amount(bytes)} of memory may be locked`,
        means: "real-time programs that lock theirs fail, or are swapped out",
        mend: "echo '@realtime - memlock unlimited' | sudo tee " +
          "/etc/security/limits.d/95-shmim.conf",
      }),
  ];
}

/** Real-time priorities are granted, and not throttled. */
export function checkRealTime(door: HostDoor): Finding[] {
  if (!door.priority(PRIORITY)) {
    return [ill("real time", "warning", {
      found: "this user may have no real-time priority",
      means: "--priority is refused, and other programs delay bridges",
      mend: "echo '@realtime - rtprio 99' | sudo tee -a " +
        "/etc/security/limits.d/95-shmim.conf; sudo usermod -aG realtime $USER",
    })];
  }
  const runtime = Number(
    door.text("/proc/sys/kernel/sched_rt_runtime_us") ?? -1,
  );
  const kernel = door.text("/sys/kernel/realtime")?.trim() === "1"
    ? ", PREEMPT_RT kernel"
    : "";
  return [
    runtime < 0
      ? well("real time", `priorities are granted${kernel}`)
      : ill("real time", "note", {
        found: `priorities are granted${kernel}, and throttled to ` +
          `${runtime / 1000} ms of each second`,
        means: "a spinning real-time thread is stopped for the rest of the " +
          "second; sleeping ones never notice",
        mend: "sudo sysctl -w kernel.sched_rt_runtime_us=-1",
      }),
  ];
}

/** Cores are kept free for loops, and run at full speed. */
export function checkCores(door: HostDoor): Finding[] {
  const cpu = "/sys/devices/system/cpu";
  const online = cpuList(door.text(`${cpu}/online`) ?? "");
  const isolated = cpuList(door.text(`${cpu}/isolated`) ?? "");
  const last = online.at(-1) ?? 0;
  // Two of them for loops, where enough is left for all else.
  const free = online.length < 4 ? `${last}` : `${last - 1},${last}`;
  const findings = [
    isolated.length > 0 || online.length < 2
      ? well(
        "cores",
        isolated.length > 0
          ? `${isolated.join(",")} of ${online.length} cores are isolated`
          : "there is one: none can be isolated",
      )
      : ill("cores", "note", {
        found: `none of ${online.length} cores is isolated`,
        means: "the scheduler puts other programs beside loops and pumps; " +
          "fine unless jitter matters",
        mend: `sudo sed -i 's/^GRUB_CMDLINE_LINUX="/&isolcpus=${free} /' ` +
          "/etc/default/grub && sudo update-grub",
      }),
  ];
  const slow = online.filter((core) => {
    const path = `${cpu}/cpu${core}/cpufreq/scaling_governor`;
    return (door.text(path)?.trim() ?? "performance") !== "performance";
  });
  if (slow.length > 0) {
    findings.push(ill("cores", "warning", {
      found: `${slow.length} cores lower their clock when idle`,
      means: "they wake up slowly: latencies of frames vary",
      mend: "sudo cpupower frequency-set -g performance",
    }));
  }
  return findings;
}

/** Interrupts stay away from isolated cores. */
export function checkInterrupts(door: HostDoor): Finding[] {
  const isolated = new Set(
    cpuList(door.text("/sys/devices/system/cpu/isolated") ?? ""),
  );
  if (isolated.size === 0) return [];
  const numbers = (door.names("/proc/irq") ?? [])
    .filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b));
  const bad = numbers.filter((number) => {
    const list = door.text(`/proc/irq/${number}/effective_affinity_list`) ??
      door.text(`/proc/irq/${number}/smp_affinity_list`) ?? "";
    return cpuList(list).some((core) => isolated.has(core));
  });
  if (bad.length === 0) {
    return [well(
      "interrupts",
      `none of ${numbers.length} goes to an isolated core`,
    )];
  }
  const online = cpuList(door.text("/sys/devices/system/cpu/online") ?? "");
  const rest = online.filter((core) => !isolated.has(core)).join(",");
  const named = bad.slice(0, MOST_NAMED).join(", ") +
    (bad.length > MOST_NAMED ? ", …" : "");
  return [ill("interrupts", "warning", {
    found: `interrupts ${named} go to isolated cores`,
    means: "each one holds up the loop that runs there",
    mend: `for n in ${
      bad.slice(0, MOST_NAMED).join(" ")
    }; do echo ${rest} | sudo tee /proc/irq/$n/smp_affinity_list; done`,
  })];
}

/** The clock is quick to read. */
export function checkClockSource(door: HostDoor): Finding[] {
  const folder = "/sys/devices/system/clocksource/clocksource0";
  const source = door.text(`${folder}/current_clocksource`)?.trim();
  if (source === undefined) return [];
  if (GOOD_CLOCKS.includes(source)) return [well("clock source", source)];
  const others = door.text(`${folder}/available_clocksource`) ?? "";
  const better = GOOD_CLOCKS.find((one) => others.split(/\s+/).includes(one));
  return [ill("clock source", "warning", {
    found: `the clock is read from ${source}`,
    means: "every time stamp is a system call of a microsecond or more",
    mend: better === undefined
      ? "dmesg | grep -i clocksource"
      : `echo ${better} | sudo tee ${folder}/current_clocksource`,
  })];
}

/** Times in streams mean what they say. */
export function checkTime(door: HostDoor): Finding[] {
  const { synchronised, taiOffset, maxErrorUs } = door.clock();
  return [
    taiOffset > 0
      ? well("TAI offset", `${taiOffset} s`)
      : ill("TAI offset", "warning", {
        found: "the kernel does not know how far TAI is ahead of UTC",
        means: "times that streams keep in TAI are those of UTC here, 37 s " +
          "off those of a host that knows",
        mend: "echo 'leapsectz right/UTC' | sudo tee -a " +
          "/etc/chrony/chrony.conf && sudo systemctl restart chrony",
      }),
    synchronised
      ? well("clock", `synchronised, ${maxErrorUs} µs off at most`)
      : ill("clock", "warning", {
        found: "nobody disciplines this host's clock",
        means: "times of different hosts cannot be compared, nor latencies " +
          "between them",
        mend: "sudo systemctl enable --now chrony",
      }),
  ];
}

/** Frames fit into the buffers of sockets. */
export function checkSockets(door: HostDoor): Finding[] {
  const net = "/proc/sys/net";
  return (["rmem", "wmem"] as const).flatMap((kind) => {
    const plain = Number(door.text(`${net}/core/${kind}_max`) ?? NaN);
    const tcp = Number(
      door.text(`${net}/ipv4/tcp_${kind}`)?.trim().split(/\s+/)[2] ?? NaN,
    );
    const which = kind === "rmem" ? "receive" : "send";
    const most = Number.isNaN(tcp) ? plain : tcp;
    if (Number.isNaN(most)) return [];
    return most >= SOCKET_BYTES
      ? [well("sockets", `TCP may ${which} ${amount(most)} ahead`)]
      : [ill("sockets", "warning", {
        found: `TCP may ${which} ${amount(most)} ahead only`,
        means: "large frames wait for the other host several times",
        mend: Number.isNaN(tcp)
          ? `sudo sysctl -w net.core.${kind}_max=16777216`
          : `sudo sysctl -w net.ipv4.tcp_${kind}='4096 131072 16777216'`,
      })];
  });
}

/** Streams in memory stay there. */
export function checkSwap(door: HostDoor): Finding[] {
  const swaps = door.text("/proc/swaps")?.trim().split("\n").slice(1) ?? [];
  if (swaps.length === 0) return [well("swap", "none: streams stay in memory")];
  return [ill("swap", "note", {
    found: `${swaps.length} swap spaces are in use`,
    means: "streams that are rarely touched can be swapped out, and the " +
      "first frame after that waits for the disk",
    mend: "sudo sysctl -w vm.swappiness=1",
  })];
}

/** All processes can be seen. */
export function checkContainer(door: HostDoor): Finding[] {
  const namespace = door.link("/proc/self/ns/pid");
  if (namespace === undefined || namespace === INITIAL) return [];
  return [ill("container", "note", {
    found: "this is a container with pids of its own",
    means: "readers and writers outside of it look dead; clean removes " +
      "nothing here unless it is told --alone",
    mend: "docker run --pid=host IMAGE   # podman alike",
  })];
}
