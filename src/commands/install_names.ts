/** `shmim install-names`: the names that people know. @module */

import { join, resolve } from "@std/path";
import { fromFileUrl } from "../../std/path/from_file_url.ts";
import { variable } from "../../ffi/access.ts";
import { makeLink } from "../../ffi/links.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import { LAZY, type Needs, type Scope } from "../cli/needs.ts";
import { CALLED_AS } from "../cli/program.ts";
import { quote } from "../cli/refusal.ts";
import { JSON_OPTION } from "../cli/shared_options.ts";
import { OLD_NAMES } from "../names/table.ts";
import { COMMANDS } from "./table.ts";

interface Options {
  readonly dir: string;
  readonly force: boolean;
  readonly json: boolean;
}

/** What became of a name. */
interface Installed {
  readonly name: string;
  readonly path: string;
  readonly result: "made" | "kept" | "replaced" | "foreign" | "left out";
  readonly reason?: string;
}

/** A portable program tells where it lies. */
const FILE_VARIABLE = "SHMIM_FILE";

/** In the second line of a wrapper: the file is ours. */
const MARK = "# shmim install-names";

/** Whether the program lies in one file, with the sources bundled. */
const BUNDLED = import.meta.url.endsWith(".js");

/** The one file that this program is, where it is one. */
function oneFile(): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  return BUNDLED ? variable(FILE_VARIABLE) : undefined;
}

/** A wrapper that hands its name on, and needs no more leave than the tool. */
function wrapper(name: string): string {
  const cli = fromFileUrl(new URL("../../cli.ts", import.meta.url));
  return `#!/bin/sh
${MARK}: ${name}
deno=${quote(Deno.execPath())}
[ -x "$deno" ] || deno=deno
exec "$deno" run -q -A ${LAZY} ${quote(cli)} ${CALLED_AS} ${name} "$@"
`;
}

/** What is there: as it would be made now, made by us, somebody else's. */
type Found = "none" | "same" | "ours" | "foreign";

/** How a name is made, and what is there. */
interface Maker {
  make(name: string, path: string): void;
  look(name: string, path: string): Found;
}

function lookAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const WRAPPERS: Maker = {
  make(name, path): void {
    Deno.writeTextFileSync(path, wrapper(name), {
      createNew: true,
      mode: 0o755,
    });
  },
  look(name, path): Found {
    const info = lookAt(path);
    if (info === undefined) return "none";
    if (!info.isFile || info.size > 65536) return "foreign";
    const text = Deno.readTextFileSync(path);
    if (text === wrapper(name)) return "same";
    return text.split("\n")[1] === `${MARK}: ${name}` ? "ours" : "foreign";
  },
};

function links(file: string): Maker {
  return {
    make: (_, path) => makeLink(file, path),
    look(_, path): Found {
      const info = lookAt(path);
      if (info === undefined) return "none";
      if (!info.isSymlink) return "foreign";
      return Deno.readLinkSync(path) === file ? "same" : "foreign";
    },
  };
}

/** Makes a name beside its place and moves it there: nobody finds half. */
function put(maker: Maker, name: string, path: string): void {
  const part = `${path}.${Deno.pid}.part`;
  maker.make(name, part);
  try {
    Deno.renameSync(part, path);
  } catch (error) {
    Deno.removeSync(part);
    throw error;
  }
}

function install(
  name: string,
  maker: Maker,
  { dir, force }: Options,
): Installed {
  const path = join(resolve(dir), name);
  const there = maker.look(name, path);
  if (there === "same") return { name, path, result: "kept" };
  if (there === "none") {
    maker.make(name, path); // refuses what has come since
    return { name, path, result: "made" };
  }
  if (lookAt(path)?.isDirectory) {
    return { name, path, result: "foreign", reason: "it is a folder" };
  }
  if (there === "foreign" && !force) {
    const reason = "it is not shmim's; --force replaces it";
    return { name, path, result: "foreign", reason };
  }
  put(maker, name, path);
  return { name, path, result: "replaced" };
}

function makerFor(): Maker {
  const file = oneFile();
  if (file !== undefined) return links(file);
  if (!BUNDLED) return WRAPPERS;
  throw new CommandError(
    "This program does not know its own file: start it by its path",
  );
}

function tell(all: readonly Installed[], dir: string, { out }: Io): void {
  for (const { path, result, reason } of all) {
    if (result === "foreign") out.line(`left ${path}: ${reason}`);
    else if (result === "made" || result === "replaced") {
      out.line(`${result} ${path}`);
    }
  }
  const count = (wanted: Installed["result"]): number =>
    all.filter(({ result }) => result === wanted).length;
  const without = all.filter(({ result }) => result === "left out");
  if (without.length > 0) {
    out.say(
      `left out, for want of the command: ${
        without.map(({ name }) => name).join(", ")
      }`,
    );
  }
  out.say(
    `${dir}: ${count("made")} made, ${count("replaced")} replaced, ` +
      `${count("kept")} as they were, ${count("foreign")} left alone`,
  );
}

/** The folder, and what links there lead to. */
function files({ dir }: Options, scope: Scope): string[] {
  const file = oneFile();
  return [resolve(dir), ...file === undefined ? [] : [file]]
    .flatMap((path) => scope.file(path));
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["install-names DIR [--force]"],
  description: "Lets the commands that people know call this tool: in DIR, " +
    "symbolic links to a single file, or small wrappers around a checkout. " +
    "Each takes its old arguments; NAME --help says what it does now. A file " +
    "of somebody else is left alone (exit 1). Put DIR before milk's folder " +
    "in the PATH.",
  options: [
    { name: "force", short: "f", help: "replace files of somebody else" },
    JSON_OPTION,
  ],
  examples: [["install-names ~/.local/bin", "dmdispbridge and 21 others"]],
  samples: [["/tmp/names"]],
  parse(args): Options {
    const [dir = ""] = args.exactly("DIR");
    return { dir, force: args.flag("force"), json: args.flag("json") };
  },
  needs(options, scope): Needs {
    return {
      read: files(options, scope),
      write: files(options, scope),
      variables: [],
      ...BUNDLED ? { env: [FILE_VARIABLE] } : { helper: false },
    };
  },
  run(options, io): number {
    const { dir, json } = options;
    const info = lookAt(resolve(dir));
    if (info === undefined) {
      throw new CommandError(`No folder "${dir}": make it first`);
    }
    const maker = makerFor();
    const known = COMMANDS.map(({ name }) => name);
    const all = OLD_NAMES.map(({ name, command }) =>
      known.includes(command) ? install(name, maker, options) : {
        name,
        path: join(resolve(dir), name),
        result: "left out" as const,
        reason: `there is no command "${command}"`,
      }
    );
    if (json) io.out.json(all);
    else tell(all, resolve(dir), io);
    const foreign = all.some(({ result }) => result === "foreign");
    return foreign ? EXIT.failed : EXIT.done;
  },
});
