/** Checks of what streams and programs lie in. @module */

import { showEndpoint } from "../bridge/endpoint.ts";
import { type Finding, ill, well } from "./finding.ts";
import type { HostDoor } from "./door.ts";

const GB = 1e9;
const MEMORY = ["tmpfs", "ramfs"];
/** Less free memory than this is too little for one more large stream. */
const LITTLE_BYTES = 64 * 1024 * 1024;
const LITTLE_SHARE = 0.1;

function gigabytes(bytes: number): string {
  return bytes < GB
    ? `${(bytes / 1e6).toFixed(0)} MB`
    : `${(bytes / GB).toFixed(1)} GB`;
}

/** The stream folder lies in memory. */
export function checkTmpfs(door: HostDoor, folder: string): Finding {
  const system = door.fileSystem(folder);
  if (system === undefined) {
    return ill("stream folder", "broken", {
      found: `there is no folder ${folder}`,
      means: "no stream can be made or found",
      mend: `sudo mkdir -p -m 1777 ${folder}`,
    });
  }
  const { type, readOnly } = system;
  if (readOnly) {
    return ill("stream folder", "broken", {
      found: `${folder} is mounted read-only`,
      means: "no stream can be made, and none be written",
      mend: `sudo mount -o remount,rw ${folder}`,
    });
  }
  // Over /tmp a new mount would hide what running programs keep there.
  const home = folder === "/tmp" ? "/milk/shm" : folder;
  return MEMORY.includes(type)
    ? well("stream folder", `${folder} lies in memory (${type})`)
    : ill("stream folder", "warning", {
      found: `${folder} lies on a disk (${type})`,
      means: "the kernel writes frames to the disk now and then, and a " +
        "publishing program can wait for it",
      mend: `sudo mkdir -p ${home} && ` +
        `sudo mount -t tmpfs -o size=50%,mode=1777 tmpfs ${home}`,
    });
}

/** There is room for more streams. */
export function checkSpace(door: HostDoor, folder: string): Finding[] {
  const system = door.fileSystem(folder);
  if (system === undefined) return [];
  const { bytes, freeBytes, files, freeFiles, type } = system;
  const found = `${gigabytes(freeBytes)} of ${gigabytes(bytes)} are free in ` +
    folder;
  const means = "streams that do not fit cannot be made (no space left)";
  const mend = MEMORY.includes(type)
    ? `sudo mount -o remount,size=75% ${folder}`
    : `shmim clean --dir ${folder}; shmim ls --dir ${folder}`;
  if (freeBytes === 0 || (files > 0 && freeFiles === 0)) {
    return [ill("space", "broken", {
      found: freeBytes === 0
        ? `${folder} is full`
        : `${folder} has no room for another file`,
      means,
      mend,
    })];
  }
  const little = freeBytes < LITTLE_BYTES || freeBytes < LITTLE_SHARE * bytes;
  return [
    little ? ill("space", "warning", { found, means, mend }) : well(
      "space",
      found,
    ),
  ];
}

/** We may make streams, and others may not remove them. */
export function checkPermissions(door: HostDoor, folder: string): Finding[] {
  const file = door.file(folder);
  if (file === undefined || file.kind !== "folder") return [];
  const octal = file.mode.toString(8).padStart(4, "0");
  if (!door.may(folder, 7)) {
    const lacking = [[4, "list"], [2, "make streams in"], [1, "open"]] as const;
    const what = lacking.filter(([bit]) => !door.may(folder, bit))
      .map(([, verb]) => verb).join(", ");
    return [ill("permissions", "broken", {
      found: `this user may not ${what} ${folder} (mode ${octal})`,
      means: "its programs find no streams, or cannot make them",
      mend: `sudo chmod 1777 ${folder}`,
    })];
  }
  if ((file.mode & 0o1002) === 0o0002) {
    return [ill("permissions", "note", {
      found: `everybody may remove everybody's streams in ${folder} (mode ` +
        `${octal})`,
      means: "another user's rm takes a stream from under its readers",
      mend: `sudo chmod +t ${folder}`,
    })];
  }
  return [well("permissions", `${folder} may be used (mode ${octal})`)];
}

/** The helper loads. */
export function checkHelper(door: HostDoor): Finding {
  const { path, error } = door.helper();
  return error === undefined
    ? well("helper", `interface ${door.versions().abi}, ${path}`)
    : ill("helper", "broken", {
      found: error,
      means: "no stream can be opened at all",
      mend: "deno task build",
    });
}

const OLDEST_DENO = [2, 9] as const;

/** Deno is new enough. */
export function checkDeno(door: HostDoor): Finding {
  const { deno } = door.versions();
  const [major = 0, minor = 0] = deno.split(".").map(Number);
  const [first, second] = OLDEST_DENO;
  return major > first || (major === first && minor >= second)
    ? well("deno", deno)
    : ill("deno", "broken", {
      found: `Deno ${deno} is older than ${OLDEST_DENO.join(".")}`,
      means: "permissions and Workers do not behave as this program expects",
      mend: "npm install -g deno@2.9.6",
    });
}

/** Keys of bridges are secret. */
export function checkKey(door: HostDoor, path: string): Finding {
  const file = door.file(path);
  if (file === undefined || file.kind !== "file") {
    return ill("key", "broken", {
      found: `there is no key ${path}`,
      means: "bridges that need it do not start",
      mend: `(umask 077; head -c 32 /dev/urandom | base64 > ${path})`,
    });
  }
  const octal = file.mode.toString(8).padStart(4, "0");
  if ((file.mode & 0o077) !== 0) {
    return ill("key", "broken", {
      found: `others may read the key ${path} (mode ${octal})`,
      means: "who has it may write into your streams; it is refused so",
      mend: `chmod 600 ${path}`,
    });
  }
  if (!door.may(path, 4)) {
    return ill("key", "broken", {
      found: `this user may not read the key ${path}`,
      means: "bridges that need it do not start",
      mend: `sudo chown ${door.user()} ${path}`,
    });
  }
  return file.size > 0
    ? well("key", `${path} is readable by its owner only`)
    : ill("key", "broken", {
      found: `the key ${path} is empty`,
      means: "bridges that need it do not start",
      mend: `(umask 077; head -c 32 /dev/urandom | base64 > ${path})`,
    });
}

/** What bridges and daemons keep is this user's own. */
export function checkState(door: HostDoor, folder: string): Finding {
  const file = door.file(folder);
  if (file === undefined) {
    return well("daemon", `no state in ${folder}: nothing runs for this user`);
  }
  const private_ = file.kind === "folder" && file.owner === door.user() &&
    (file.mode & 0o077) === 0;
  if (!private_) {
    return ill("daemon", "broken", {
      found: `the state folder ${folder} is not private to this user`,
      means: "others could lead what is written there elsewhere: bridges " +
        "refuse to start",
      mend: file.owner === door.user()
        ? `chmod 700 ${folder}`
        : `sudo mv ${folder} ${folder}.old`,
    });
  }
  const dead = (door.names(folder) ?? []).flatMap((name) => {
    if (!name.endsWith(".json")) return [];
    const pid = pidIn(door.text(`${folder}/${name}`) ?? "");
    const lives = pid === undefined ||
      door.text(`/proc/${pid}/comm`) !== undefined;
    return lives ? [] : [name.replace(/\.(bridge\.)?json$/, "")];
  });
  return dead.length === 0
    ? well("daemon", `${folder} is in order`)
    : ill("daemon", "warning", {
      found: `no process runs any more for ${dead.join(", ")}`,
      means: "these bridges or daemons ended without a word; nothing is " +
        "carried",
      mend: `ls -l ${folder}/*.log`,
    });
}

function pidIn(text: string): number | undefined {
  try {
    const { pid } = JSON.parse(text) as { pid?: unknown };
    return typeof pid === "number" && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** A peer answers. */
export async function checkPeer(
  door: HostDoor,
  hostname: string,
  port: number,
): Promise<Finding> {
  const reason = await door.reach(hostname, port);
  const where = showEndpoint(hostname, port);
  return reason === undefined
    ? well("peer", `${where} answers`)
    : ill("peer", "broken", {
      found: `${where} cannot be reached: ${reason}`,
      means: "a bridge to it cannot be up; its host is off, its receiver is " +
        "not started, or a firewall is between",
      mend: `ssh ${hostname} shmim receive ${port}`,
    });
}
