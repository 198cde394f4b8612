/** `shmim link`: one stream's name points at another. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { columns } from "../cli/output.ts";
import { DIR, JSON_OPTION } from "../cli/shared_options.ts";
import {
  type LinkOptions,
  linkStream,
  listLinks,
  removeLink,
} from "../link/link.ts";
import { streamFolder } from "../stream/names.ts";

interface Options {
  readonly action: "link" | "list" | "remove";
  readonly link: LinkOptions;
  readonly json: boolean;
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
    if (prefix !== undefined && loop !== undefined) {
      throw new UsageError("--prefix and --loop exclude each other");
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
        ...dir === undefined ? {} : { dir },
        allowMissing: args.flag("allow-missing"),
        force: args.flag("force"),
      },
    };
  },
  needs({ action, link }, scope): Needs {
    const folder = scope.folder(undefined, link.dir);
    if (action === "list") return { read: folder };
    const state = [scope.file("conf"), scope.file("LOOPNUMBER")].flat();
    return {
      read: [...folder, ...state],
      write: [...folder, ...action === "link" ? scope.file("conf") : []],
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
