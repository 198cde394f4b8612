/**
 * A root folder with nothing in it but the C library's own files: what a
 * program finds on a host where nothing was installed for it.
 * @module
 */

import { existsSync as exists } from "@std/fs";
import { Folder } from "./cli.ts";
import { program, root } from "./skip.ts";

const CHROOT = "/usr/sbin/chroot"; // by its path: `env -i` leaves no PATH
const decoder = new TextDecoder();

/** What an empty root needs of the machine. */
export function emptyRootNeeds(): string | undefined {
  return root() ?? program("unshare", "util-linux")() ??
    (exists(CHROOT) ? undefined : `no "${CHROOT}" (Debian package coreutils)`);
}

/** Mounts what a kernel gives, in a namespace of its own, and goes inside. */
const ENTER = `
mount -t proc proc "$1/proc" && mount -t tmpfs none "$1/dev" &&
mkdir "$1/dev/shm" && touch "$1/dev/null" "$1/dev/urandom" &&
mount --bind /dev/null "$1/dev/null" &&
mount --bind /dev/urandom "$1/dev/urandom" && shift && exec "$@"`;

/** The shared libraries that a program names, with the loader. */
function libraries(file: string): string[] {
  const { stdout } = new Deno.Command("ldd", { args: [file] }).outputSync();
  return [...decoder.decode(stdout).matchAll(/(\/\S+) \(0x/g)]
    .map(([, path = ""]) => path);
}

/** What is in a folder; nothing where it is removed meanwhile. */
function entries(folder: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(folder)];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** An empty root. */
export class EmptyRoot extends Folder {
  /** @param host A program whose shared libraries are put there. */
  constructor(host = Deno.execPath()) {
    super();
    for (const name of ["proc", "dev", "tmp", "home"]) {
      Deno.mkdirSync(this.file(name));
    }
    for (const library of libraries(host)) {
      const to = this.file(library.slice(1));
      Deno.mkdirSync(to.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.copyFileSync(library, to);
    }
  }

  /** All files, as they are seen inside, but for those of these folders. */
  files(but: readonly string[] = []): string[] {
    const found: string[] = [];
    const look = (folder: string): void => {
      for (const { name, isDirectory } of entries(this.path + folder)) {
        const path = `${folder}/${name}`;
        if (but.includes(path)) continue;
        if (isDirectory) look(path);
        else found.push(path);
      }
    };
    look("");
    return found.sort();
  }

  /** A command that runs inside, with these variables only. */
  command(
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Deno.Command {
    // `env` is what the host has: inside, not even PATH is set.
    const variables = Object.entries(env).map((pair) => pair.join("="));
    const enter = ["sh", "-c", ENTER, "sh", this.path];
    const go = ["env", "-i", ...variables, CHROOT, this.path, ...words];
    return new Deno.Command("unshare", {
      args: ["-m", ...enter, ...go],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }
}
