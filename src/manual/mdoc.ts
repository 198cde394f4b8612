/**
 * Manual pages in mdoc, of commands and topics.
 * @module
 */

import {
  COMMON_OPTIONS,
  type OptionSpec,
  optionSyntax,
} from "../cli/options.ts";
import type { Command, CommandEntry } from "../cli/command.ts";
import { type Block, type Topic, TOPICS } from "./topics.ts";

/** A page and the file that holds it. */
export interface Page {
  /** As in `man1/shmim-load.1`. */
  readonly path: string;
  /** Its source. */
  readonly text: string;
}

/** Characters of a line, before what is special in them is spelled out. */
const LINE = 64;

/** Text for a line of its own, or for a macro's line. */
function escape(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replace(/[^\x20-\x7e]/g, (one) => {
      const code = one.codePointAt(0)?.toString(16).toUpperCase() ?? "";
      return `\\[u${code.padStart(4, "0")}]`;
    })
    .replaceAll("`", "\\(ga")
    .replaceAll('"', "\\(dq")
    .replace(/(^|[\s[|])-/g, "$1\\-")
    .replaceAll("--", "-\\-")
    .replace(/^([.'])/, "\\&$1")
    .replace(/([\])|?!;:,])$/, "$1\\&"); // no delimiter of a macro's
}

/** Words of a macro's line: none of them is a macro or a delimiter. */
function args(text: string): string {
  return text.split(/\s+/).filter((word) => word !== "")
    .map((word) => `\\&${escape(word)}`).join(" ");
}

/** A sentence a line, as mdoc wants it. */
function prose(text: string): string[] {
  if (text === "") return [];
  return text.split(/(?<=[.:!?]) +(?=[A-Z`$-])/).flatMap((sentence) => {
    const lines: string[] = [];
    let line = "";
    for (const word of sentence.split(" ")) {
      if (line !== "" && line.length + word.length > LINE) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    return [...lines, line].map(escape);
  });
}

function head(name: string, section: number, summary: string): string[] {
  const month = new Date().toLocaleString("en", {
    month: "long",
    timeZone: "UTC",
  });
  const now = new Date();
  return [
    `.Dd ${month} ${now.getUTCDate()}, ${now.getUTCFullYear()}`,
    `.Dt ${name.toUpperCase()} ${section}`,
    ".Os",
    ".Sh NAME",
    `.Nm ${name}`,
    `.Nd ${escape(summary)}`,
  ];
}

function tagged(rows: readonly (readonly [string, string])[]): string[] {
  return [
    ".Bl -tag -width Ds",
    ...rows.flatMap(([term, text]) => [`.It ${args(term)}`, ...prose(text)]),
    ".El",
  ];
}

function blockLines(block: Block, i: number): string[] {
  if (typeof block === "string") {
    return [...i === 0 ? [] : [".Pp"], ...prose(block)];
  }
  if ("lines" in block) {
    return [".Bd -literal -offset indent", ...block.lines.map(escape), ".Ed"];
  }
  return tagged(block.terms);
}

function option(spec: OptionSpec): [string, string] {
  const { short, help } = spec;
  const letter = short === undefined ? "" : `-${short}, `;
  return [`${letter}${optionSyntax(spec)}`, help];
}

/** References to other pages, the last without a comma. */
function references(pages: readonly (readonly [string, number])[]): string[] {
  return pages.map(([name, section], i) =>
    `.Xr ${name} ${section}${i < pages.length - 1 ? " ," : ""}`
  );
}

function page(name: string, section: number, lines: readonly string[]): Page {
  return {
    path: `man${section}/${name}.${section}`,
    text: lines.join("\n") + "\n",
  };
}

/** The page of a command. */
export function commandPage(entry: CommandEntry, command: Command): Page {
  const name = `shmim-${entry.name}`;
  const options = [...command.options, ...COMMON_OPTIONS].map(option);
  return page(name, 1, [
    ...head(name, 1, entry.summary),
    ".Sh SYNOPSIS",
    ...command.usage.flatMap((line) => [".Nm shmim", `.Ar ${args(line)}`]),
    ".Sh DESCRIPTION",
    ...prose(command.description),
    ".Pp",
    "The options are:",
    ...tagged(options),
    ".Sh EXIT STATUS",
    "0 done, 1 failed, 2 wrong usage, 124 timed out, 128+n ended by signal n.",
    ".Sh EXAMPLES",
    ...tagged(
      command.examples.map(([line, what]) => [`shmim ${line}`, what] as const),
    ),
    ".Sh SEE ALSO",
    ...references([["shmim", 1], ["shmim-exit-codes", 7]]),
  ]);
}

/** The page of a topic. */
export function topicPage({ name, summary, blocks }: Topic): Page {
  const full = `shmim-${name}`;
  return page(full, 7, [
    ...head(full, 7, summary),
    ".Sh DESCRIPTION",
    ...blocks.flatMap(blockLines),
    ".Sh SEE ALSO",
    ...references([["shmim", 1]]),
  ]);
}

/** The page of the whole tool. */
export function toolPage(entries: readonly CommandEntry[]): Page {
  const blocksOf = (name: string): readonly Block[] =>
    TOPICS.find((topic) => topic.name === name)?.blocks ?? [];
  return page("shmim", 1, [
    ...head("shmim", 1, "shared-memory image streams"),
    ".Sh SYNOPSIS",
    ".Nm shmim",
    ".Ar COMMAND",
    ".Op Ar ARGS ...",
    ".Sh DESCRIPTION",
    ...prose(
      "Makes, shows, fills and carries the shared-memory image streams of " +
        "adaptive-optics systems. Each command has a page of its own, and " +
        "`shmim COMMAND --help` prints it; `shmim help TOPIC` explains the " +
        "rest.",
    ),
    ".Pp",
    "The commands are:",
    ...tagged(entries.map(({ name, summary }) => [name, summary] as const)),
    ...["streams", "output"].flatMap((name) => [
      `.Ss ${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      ...blocksOf(name).flatMap(blockLines),
    ]),
    ".Sh ENVIRONMENT",
    ...blocksOf("environment").flatMap(blockLines),
    ".Sh EXIT STATUS",
    ...blocksOf("exit-codes").flatMap(blockLines),
    ".Sh SEE ALSO",
    ...references([
      ...entries.map(({ name }) => [`shmim-${name}`, 1] as const).toSorted(),
      ...TOPICS.map(({ name }) => [`shmim-${name}`, 7] as const).toSorted(),
    ]),
  ]);
}

/** Every page. */
export async function allPages(
  entries: readonly CommandEntry[],
): Promise<Page[]> {
  const commands = await Promise.all(
    entries.map(async (entry) =>
      commandPage(entry, (await entry.load()).command)
    ),
  );
  return [toolPage(entries), ...commands, ...TOPICS.map(topicPage)];
}
