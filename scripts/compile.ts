/**
 * Makes one file of the tool, or of one command, for a host that has nothing
 * else: `deno task compile --help`.
 * @module
 */

import { parseArgs } from "node:util";
import { dirname, isAbsolute, join } from "@std/path";
import config from "../deno.json" with { type: "json" };
import { suggestion } from "../src/cli/errors.ts";
import { LAZY } from "../src/cli/needs.ts";
import { findCommand } from "../src/commands/find.ts";
import { build, helperPath } from "./build.ts";
import { bundle, HELPER_NAME } from "./compile/bundle.ts";
import {
  type Extra,
  permissionFlags,
  unstableFlags,
} from "./compile/permissions.ts";
import { compileHead, FOLDER, pack } from "./compile/portable.ts";
import { compileWithDeno } from "./compile/runtime.ts";
import { findTarget, isForeign, type Target } from "./compile/targets.ts";

const USAGE = `Usage: deno task compile [OPTIONS]

Makes one file that holds Deno's runtime, the program and the helper.

  --command NAME   only this command, with its permissions and no others
  --target NAME    x86_64 or aarch64; default: this machine
  --out FILE       default: dist/shmim, or dist/shmim-NAME
  --portable       a self-extracting file around a whole deno, where Deno's
                   runtime base (denort) cannot be had
  --deno FILE      the deno inside a portable file; default: this one
  --read PATH      with --command: one more path that it may read
  --write PATH     with --command: one more path that it may write
  --net HOST:PORT  with --command: the only host that it may reach`;

interface Options extends Extra {
  readonly command?: string;
  readonly target: Target;
  readonly out: string;
  readonly portable: boolean;
  readonly deno?: string;
}

/** A path as the caller meant it: tasks run in the project's folder. */
function path(name: string): string {
  return isAbsolute(name)
    ? name
    : join(Deno.env.get("INIT_CWD") ?? Deno.cwd(), name);
}

function parse(words: string[]): Options | undefined {
  const { values } = parseArgs({
    args: words,
    options: {
      command: { type: "string" },
      target: { type: "string" },
      out: { type: "string" },
      portable: { type: "boolean", default: false },
      deno: { type: "string" },
      read: { type: "string", multiple: true },
      write: { type: "string", multiple: true },
      net: { type: "string", multiple: true },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  const { command, deno, read, write, net, portable } = values;
  const target = findTarget(values.target);
  if (command === undefined && (read ?? write ?? net) !== undefined) {
    throw new RangeError("--read, --write and --net need --command");
  }
  if (command !== undefined) findCommand(command);
  if (deno !== undefined && !portable) {
    throw new RangeError("--deno needs --portable");
  }
  if (portable && isForeign(target) && deno === undefined) {
    throw new RangeError(
      `--portable for ${target.triple} needs --deno FILE, a deno of that ` +
        "machine",
    );
  }
  const name = command === undefined ? "shmim" : `shmim-${command}`;
  return {
    target,
    portable,
    out: values.out === undefined
      ? new URL(`../dist/${name}`, import.meta.url).pathname
      : path(values.out),
    ...command === undefined ? {} : { command },
    ...deno === undefined ? {} : { deno: path(deno) },
    ...read === undefined ? {} : { read: read.map(path) },
    ...write === undefined ? {} : { write: write.map(path) },
    ...net === undefined ? {} : { net },
  };
}

/** A deno that runs on the target, or an error. */
function readDeno(file: string, target: Target): Uint8Array<ArrayBuffer> {
  const bytes = Deno.readFileSync(file);
  const view = new DataView(bytes.buffer);
  const elf = bytes.length > 64 && view.getUint32(0) === 0x7f454c46;
  if (!elf || view.getUint16(18, true) !== target.elfMachine) {
    throw new Error(`"${file}" is no program for ${target.triple}`);
  }
  return bytes;
}

/** The task has built this machine's own. */
function helperFor(target: Target): string {
  return isForeign(target) ? build(target) : helperPath(target);
}

async function makePortable(options: Options, stage: string): Promise<void> {
  const { command, target } = options;
  const program = await bundle(stage, command);
  const encoder = new TextEncoder();
  compileHead(`${stage}/head`, target);
  const file = await pack(Deno.readFileSync(`${stage}/head`), {
    version: config.version,
    files: [
      {
        name: "deno",
        bytes: readDeno(options.deno ?? Deno.execPath(), target),
        executable: true,
      },
      { name: HELPER_NAME, bytes: Deno.readFileSync(helperFor(target)) },
      ...[...program.files].sort().map(([name, text]) => ({
        name,
        bytes: encoder.encode(text),
      })),
    ],
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--no-config",
      "--no-lock",
      "--no-remote",
      "--no-npm",
      ...unstableFlags(),
      LAZY,
      ...permissionFlags(command, `${FOLDER}/${HELPER_NAME}`, options),
      `${FOLDER}/${program.entry}`,
    ],
  });
  const fresh = `${options.out}.${Deno.pid}.part`;
  try {
    Deno.writeFileSync(fresh, file, { mode: 0o755 });
    Deno.renameSync(fresh, options.out);
  } catch (error) {
    try {
      Deno.removeSync(fresh);
    } catch {
      // it was not made
    }
    throw error;
  }
}

async function makeCompiled(options: Options, stage: string): Promise<void> {
  const { command, target, out } = options;
  const program = await bundle(stage, command);
  const folder = `${stage}/program`;
  Deno.mkdirSync(folder);
  for (const [name, text] of program.files) {
    Deno.writeTextFileSync(`${folder}/${name}`, text);
  }
  Deno.copyFileSync(helperFor(target), `${folder}/${HELPER_NAME}`);
  await compileWithDeno({
    entry: `${folder}/${program.entry}`,
    include: [`${folder}/${HELPER_NAME}`],
    flags: [
      ...unstableFlags(),
      ...permissionFlags(command, undefined, options),
    ],
    target,
    out,
  });
}

async function main(): Promise<number> {
  const say = (text: string): void => {
    Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  };
  let options;
  try {
    options = parse(Deno.args);
  } catch (error) {
    const { message } = error as Error;
    // deno-lint-ignore no-console -- a build script has no Output
    console.error(`shmim: ${message}${await suggestion(error)} (--help)`);
    return 2;
  }
  if (options === undefined) {
    say(USAGE);
    return 0;
  }
  const stage = Deno.makeTempDirSync({ prefix: "shmim-compile-" });
  try {
    Deno.mkdirSync(dirname(options.out), { recursive: true });
    await (options.portable ? makePortable : makeCompiled)(options, stage);
    const megabytes = Deno.statSync(options.out).size / 1e6;
    say(`${options.out}: ${megabytes.toFixed(1)} MB`);
    return 0;
  } catch (error) {
    // deno-lint-ignore no-console
    console.error(`shmim: ${(error as Error).message}`);
    return 1;
  } finally {
    Deno.removeSync(stage, { recursive: true });
  }
}

Deno.exitCode = await main();
