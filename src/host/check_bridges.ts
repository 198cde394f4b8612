/** Checks of what bridges and daemons need: keys, their state, peers. @module */

import { showEndpoint } from "../bridge/endpoint.ts";
import { type Finding, ill, well } from "./finding.ts";
import type { HostDoor } from "./door.ts";

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
