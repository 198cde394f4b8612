/** `shmim completion`: what a shell offers behind each word. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { offeredCommands } from "../completion/model.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { TYPES } from "../stream/types.ts";
import { COMMANDS } from "./table.ts";

const SHELLS = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
} as const;

type Shell = keyof typeof SHELLS;

function isShell(word: string): word is Shell {
  return Object.hasOwn(SHELLS, word);
}

interface Options {
  readonly shell: Shell;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["completion bash|zsh|fish"],
  description:
    "Prints a script that lets a shell complete commands, options, " +
    "names of streams, data types and whatever else an option takes, made " +
    "from the table of commands. Its first lines say how to use it.",
  options: [],
  examples: [
    ["completion bash > ~/.shmim.bash", "then: source ~/.shmim.bash"],
    ["completion fish > ~/.config/fish/completions/shmim.fish", "for fish"],
  ],
  samples: [["bash"]],
  parse(args): Options {
    const [shell = ""] = args.exactly("bash, zsh or fish");
    if (!isShell(shell)) {
      throw new UsageError(
        `completion takes bash, zsh or fish, not "${shell}"`,
        { unknown: [shell, Object.keys(SHELLS)] },
      );
    }
    return { shell };
  },
  needs(): Needs {
    return { helper: false, variables: [] };
  },
  async run({ shell }, { out }): Promise<number> {
    const commands = await offeredCommands(COMMANDS);
    const lines = SHELLS[shell](commands, Object.keys(TYPES));
    out.line(lines.join("\n"));
    return EXIT.done;
  },
});
