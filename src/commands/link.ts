/** `shmim link`: one stream's name points at another. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import { GENERAL, type Needs, type Scope, withTarget } from "../cli/needs.ts";
import { columns } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import {
  configuredSource,
  type LinkOptions,
  linkPlace,
  linkStream,
  listLinks,
  LOOP_FILE,
  removeLink,
} from "../link/link.ts";
import { CONF_FOLDER } from "../load/state.ts";
import { requireName, streamFolder } from "../stream/names.ts";

interface Options {
  readonly action: "link" | "list" | "remove";
  readonly link: LinkOptions;
  readonly json: boolean;
}

/** Where source and destination are, where that is not the usual folder. */
function placesOf(
  action: Options["action"],
  link: LinkOptions,
  scope: Scope,
): string[] {
  if (scope === GENERAL) return []; // looks at nothing
  const own = scope.folder(linkPlace(link).path);
  if (action === "remove") return own;
  let { source } = link;
  try {
    source ??= configuredSource(link);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return source === undefined ? own : [
    ...own,
    ...scope.stream(source, link.dir),
    // The same folder by another name is seen to be the same.
    ...scope.folder(source, link.dir).flatMap(withTarget),
  ];
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "link SOURCE DEST [OPTIONS]",
    "link DEST [OPTIONS]",
    "link --list",
    "link --remove DEST",
  ],
  description:
    "Points the name DEST at the stream SOURCE; without SOURCE, at " +
    "the one that conf/streamlink_DEST.name.txt names. DEST is the exact " +
    "name, unless --loop N is given or the current folder has a file " +
    "LOOPNUMBER: then it is aolN_DEST. A real stream of that name is left " +
    "alone. Readers never see a gap.",
  options: [
    { name: "loop", value: "N", help: "the loop: DEST becomes aolN_DEST" },
    {
      name: "default-loop",
      value: "N",
      help: "the loop where there is no LOOPNUMBER",
    },
    { name: "exact", help: "DEST as it is, whatever LOOPNUMBER says" },
    { name: "prefix", short: "p", value: "PREFIX", help: "goes before DEST" },
    { name: "allow-missing", help: "link to a stream that is not there yet" },
    { name: "force", short: "f", help: "replace a real stream" },
    { name: "list", help: "list the links" },
    { name: "remove", value: "DEST", help: "remove a link" },
    DIR,
    JSON_OPTION,
  ],
  examples: [["link imcam wfsim --loop 8", "aol8_wfsim is imcam from now on"]],
  samples: [["cam", "wfsim"], ["--list"]],
  parse(args): Options {
    const remove = args.text("remove");
    const listed = args.flag("list");
    const dir = args.text("dir");
    const prefix = args.text("prefix");
    const loop = args.integer("loop", 0, 9999);
    if (prefix !== undefined) requireName(prefix);
    if (prefix !== undefined && loop !== undefined) {
      throw new UsageError("--prefix and --loop exclude each other");
    }
    const exact = args.flag("exact");
    const defaultLoop = args.integer("default-loop", 0, 9999);
    if (
      exact && [prefix, loop, defaultLoop].some((one) => one !== undefined)
    ) {
      throw new UsageError("--exact goes with no prefix and no loop");
    }
    if (listed && remove !== undefined) {
      throw new UsageError("--list and --remove exclude each other");
    }
    const words = listed || remove !== undefined
      ? args.exactly()
      : args.words.length === 1
      ? args.exactly("DEST")
      : args.exactly("SOURCE", "DEST");
    const source = words.length === 2 ? words[0] : undefined;
    return {
      action: listed ? "list" : remove !== undefined ? "remove" : "link",
      json: args.flag("json"),
      link: {
        ...source === undefined ? {} : { source },
        destination: remove ?? words.at(-1) ?? "",
        ...prefix === undefined ? {} : { prefix },
        ...loop === undefined ? {} : { loop },
        ...defaultLoop === undefined ? {} : { defaultLoop },
        exact,
        ...dir === undefined ? {} : { dir },
        allowMissing: args.flag("allow-missing"),
        force: args.flag("force"),
      },
    };
  },
  needs({ action, link }, scope): Needs {
    const folder = scope.folder(undefined, link.dir);
    if (action === "list") return { read: folder };
    const conf = scope.file(CONF_FOLDER);
    const read = [...folder, ...conf, ...scope.file(LOOP_FILE)];
    const places = placesOf(action, link, scope);
    return {
      read: [...read, ...places],
      write: [...folder, ...action === "link" ? conf : [], ...places],
    };
  },
  run({ action, link, json }, { out }): number {
    if (action === "list") {
      const links = listLinks(link.dir);
      if (json) out.json(links);
      else if (links.length === 0) {
        out.say(`No links in ${streamFolder(link.dir)}`);
      } else {
        const rows = links.map(({ name, target, dangling }) => [
          name,
          `-> ${target}`,
          dangling ? "(missing)" : "",
        ]);
        for (const line of columns(rows)) out.line(line);
      }
      return EXIT.done;
    }
    if (action === "remove") {
      const path = removeLink(link);
      if (json) out.json({ removed: path });
      else out.say(`removed ${path}`);
      return EXIT.done;
    }
    const made = linkStream(link);
    if (json) out.json(made);
    else {
      out.say(
        `${made.path} -> ${made.target}${made.dangling ? " (missing)" : ""}`,
      );
    }
    return EXIT.done;
  },
});
