/** `shmim poke`: publishes once more without new pixels. @module */

import { defineCommand } from "../cli/command.ts";
import { EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  DIR,
  JSON_OPTION,
  type NamedStream,
  namedStream,
} from "../cli/shared_options.ts";
import { Stream } from "../stream/stream.ts";

interface Options extends NamedStream {
  readonly json: boolean;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["poke NAME [OPTIONS]"],
  description: "Publishes the frame that is in a stream once more: the " +
    "counter moves, the semaphores are posted, the pixels stay.",
  options: [DIR, JSON_OPTION],
  examples: [["poke dm01disp03", "wake whoever waits for that stream"]],
  samples: [["cam"]],
  parse(args): Options {
    return {
      ...namedStream(args),
      json: args.flag("json"),
    };
  },
  needs({ name, open }, scope): Needs {
    const files = scope.stream(name, open.dir);
    return { read: files, write: files };
  },
  run({ name, open, json }, { out }): number {
    using stream = Stream.open(name, { ...open, writable: true });
    const { cnt0 } = stream.poke();
    if (json) out.json({ name: stream.name, cnt0 });
    else out.say(`${stream.path}: cnt0 is ${cnt0}`);
    return EXIT.done;
  },
});
