/** Checks of the folder that streams lie in. @module */

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
