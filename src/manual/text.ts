/** Topics as text of 80 columns. @module */

import { table, wrap } from "../cli/help.ts";
import { type Block, type Topic, TOPICS } from "./topics.ts";

function blockLines(block: Block): string[] {
  if (typeof block === "string") return wrap(block);
  if ("lines" in block) return block.lines.map((line) => `  ${line}`);
  return table(block.terms.map(([term, text]) => [`  ${term}`, text]));
}

/** A topic's text. */
export function topicText({ name, summary, blocks }: Topic): string[] {
  return [
    `shmim ${name} - ${summary}`,
    ...blocks.flatMap((block) => ["", ...blockLines(block)]),
  ];
}

/** The list of topics. */
export function topicList(): string[] {
  return table(TOPICS.map(({ name, summary }) => [`  ${name}`, summary]));
}
