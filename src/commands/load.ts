/** `shmim load`: a FITS file into a stream, where that is called for. @module */

import { resolve } from "@std/path";
import { pause } from "../../ffi/clock.ts";
import { defineCommand, type Io } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs } from "../cli/needs.ts";
import { statFile } from "../../ffi/files.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import { parseFitsName, parseHduChoice } from "../fits/mod.ts";
import { fileMark } from "../load/hash.ts";
import {
  loadFits,
  type LoadOptions,
  loadPlace,
  type LoadResult,
  loadState,
} from "../load/load.ts";
import { CONF_FOLDER, STATE_FOLDER } from "../load/state.ts";
import { isStreamPath, requireName } from "../stream/names.ts";
import { StreamInUseError, streamUser } from "../stream/remove.ts";
import { Stream } from "../stream/stream.ts";
import { parseType } from "../stream/types.ts";

interface Options {
  readonly load: LoadOptions;
  readonly json: boolean;
  readonly watch: boolean;
  /** Removes nothing that somebody uses. */
  readonly unused: boolean;
}

const LOOK_MS = 250;

function tell(result: LoadResult, options: Options, { out }: Io): void {
  if (options.json) {
    out.json(result, options.watch);
    return;
  }
  const would = options.load.dryRun ? "would be " : "";
  for (const note of result.notes) out.say(`shmim: ${note}`);
  out.line(`${would}${result.result} ${result.stream} (${result.reason})`);
}

/** What the FITS file looks like now; "" where there is none. */
function markNow(load: LoadOptions): string {
  const name = load.fits ?? loadState(load).configuredFits()?.name;
  return name === undefined ? "" : fileMark(parseFitsName(name).path).text;
}

/** Loads again whenever the FITS file changes, until a signal comes. */
async function watch(options: Options, io: Io): Promise<void> {
  const load = { ...options.load, signal: io.signal };
  let seen: string | undefined;
  let said: string | undefined;
  const complain = (message: string): void => {
    if (message !== said) io.out.say(`shmim: ${message}`);
    said = message;
  };
  while (!io.signal.aborted) {
    try {
      const now = markNow(load);
      if (now === "") complain("waiting for the FITS file");
      else if (now !== seen) {
        tell(await loadFits(load), options, io);
        seen = now;
        said = undefined;
      }
    } catch (error) {
      if (io.signal.aborted) return;
      if (error instanceof Deno.errors.NotCapable) throw error;
      complain((error as Error).message); // perhaps it is half-written
    }
    await pause(LOOK_MS);
  }
}

/** Refuses to remove a stream that somebody uses. */
function requireUnused(load: LoadOptions): void {
  const { path } = loadPlace(load);
  if (statFile(path) === undefined) return;
  using stream = Stream.open(path, { writable: false });
  const found = streamUser(stream);
  if (found === undefined) return;
  throw new StreamInUseError(
    `Cannot remove "${path}": its ${found.role} (pid ${found.pid}) lives; ` +
      "to load into it type: shmim load without -r; to remove it all the " +
      "same: shmim load -r",
    found.pid,
  );
}

/** A file, and what it leads to where it is a link. */
function withTarget(path: string): string[] {
  try {
    const real = Deno.realPathSync(path);
    return real === resolve(path) ? [path] : [path, real];
  } catch {
    return [path]; // not there, or not to be looked at
  }
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["load FITS STREAM [OPTIONS]", "load -c [-p PREFIX] STREAM [OPTIONS]"],
  description:
    "Loads a FITS file into a stream where that is called for: the " +
    "file changed since the last load, the stream's content changed since, " +
    "there is no such stream, or -f. FITS may name an HDU and a section, as " +
    "in file.fits[SCI,2][*,*,3:3]. With -c the file is the one that " +
    "conf/shmim_STREAM.name.txt names. A stream of the same type and size is " +
    "filled in place. State is kept in loadedSM/ and conf/ of the current " +
    "folder.",
  options: [
    { name: "configured", short: "c", help: "the file named in conf/" },
    { name: "prefix", short: "p", value: "PREFIX", help: "goes before STREAM" },
    { name: "force", short: "f", help: "load in any case" },
    {
      name: "remove",
      short: "r",
      help: "first remove the stream and all its state",
    },
    { name: "unused", help: "-r only where nobody uses the stream" },
    { name: "hdu", value: "HDU", help: "number, EXTNAME or EXTNAME,EXTVER" },
    { name: "slice", value: "K", help: "one slice of a cube, from 0" },
    { name: "flatten", help: "all axes beyond the second become one" },
    { name: "type", value: "TYPE", help: "data type of the stream" },
    { name: "keywords", value: "MODE", help: "all (default) or none" },
    { name: "strict", help: "keywords that do not fit are an error" },
    { name: "verify", help: "CHECKSUM and DATASUM must hold" },
    { name: "dry-run", help: "say what would be done, and why" },
    { name: "watch", help: "again whenever the file changes" },
    DIR,
    JSON_OPTION,
  ],
  examples: [[
    "load -c -p aol8_ wfsref0",
    "the loop's reference, if it changed",
  ]],
  samples: [["ref.fits", "wfsref0"]],
  parse(args): Options {
    const configured = args.flag("configured");
    const [first = "", second] = configured
      ? args.exactly("STREAM")
      : args.exactly("FITS", "STREAM");
    const stream = second ?? first;
    if (!isStreamPath(stream)) requireName(stream);
    const prefix = args.text("prefix");
    if (prefix !== undefined) requireName(prefix);
    if (!configured) parseFitsName(first);
    const dir = args.text("dir");
    const hdu = args.text("hdu");
    const slice = args.integer("slice", 0);
    const type = args.text("type");
    if (args.flag("watch") && (args.flag("dry-run") || args.flag("remove"))) {
      throw new UsageError("--watch goes with neither --dry-run nor -r");
    }
    return {
      json: args.flag("json"),
      watch: args.flag("watch"),
      unused: args.flag("unused"),
      load: {
        ...configured ? {} : { fits: first },
        stream,
        ...prefix === undefined ? {} : { prefix },
        ...dir === undefined ? {} : { dir },
        force: args.flag("force"),
        remove: args.flag("remove"),
        ...hdu === undefined ? {} : { hdu: parseHduChoice(hdu) },
        ...slice === undefined ? {} : { slice },
        ...args.flag("flatten") ? { flatten: true } : {},
        ...type === undefined ? {} : { type: parseType(type) },
        keywords: (args.choice("keywords", ["all", "none"]) ?? "all") === "all",
        strict: args.flag("strict"),
        verify: args.flag("verify"),
        dryRun: args.flag("dry-run"),
      },
    };
  },
  needs({ load, unused }, scope): Needs {
    const state = [CONF_FOLDER, STATE_FOLDER].flatMap((path) =>
      scope.file(path)
    );
    // The usual folders need no look at names and configuration.
    const general = scope === GENERAL;
    const stream = general ? load.stream : loadPlace(load).path;
    // The folder, and what a stream that is there already has elsewhere.
    const folder = [
      ...scope.folder(stream, load.dir),
      ...scope.stream(stream, load.dir),
    ];
    const fits = load.fits ??
      (general ? undefined : loadState(load).configuredFits()?.name);
    const source = fits === undefined
      ? []
      : withTarget(parseFitsName(fits).path).flatMap((path) =>
        scope.file(path)
      );
    const read = [...folder, ...state, ...source];
    // A link to a file can be written through: conf/shmim_STREAM.fits needs
    // the permission to write the file, which nobody makes use of. Without it
    // there is no link.
    return load.dryRun ? { read, libc: unused } : {
      read,
      write: [...folder, ...state, ...source],
      spare: source,
      libc: unused,
    };
  },
  async run(options, io): Promise<number> {
    if (options.unused && options.load.remove) requireUnused(options.load);
    if (options.watch) await watch(options, io);
    else {
      const load = { ...options.load, signal: io.signal };
      tell(await loadFits(load), options, io);
    }
    return EXIT.done;
  },
});
