/** `shmim compare`: two streams held against each other. @module */

import { defineCommand } from "../cli/command.ts";
import { CommandError, EXIT } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  JSON_OPTION,
  type Place,
  streamArgument,
} from "../cli/shared_options.ts";
import { comparePixels } from "../image/compare.ts";
import { wholeFrame } from "../stream/whole.ts";
import { Stream } from "../stream/stream.ts";
import { TYPES } from "../stream/types.ts";

interface Options {
  readonly a: string;
  readonly b: string;
  readonly open: Place;
  readonly tolerance: number;
  readonly json: boolean;
}

/** Index in memory as pixel coordinates. */
function place(index: number, stream: Stream): string {
  const [nx = 1, ny = 1] = stream.size;
  const pixel = Math.floor(index / TYPES[stream.type].parts);
  const coordinates = [
    pixel % nx,
    Math.floor(pixel / nx) % ny,
    Math.floor(pixel / nx / ny),
  ];
  return `(${coordinates.slice(0, stream.size.length).join(", ")})`;
}

/** The command. */
export const command = defineCommand<Options>({
  usage: ["compare A B [OPTIONS]"],
  description: "Compares the frames that are in two streams of one type and " +
    "size. Ends with 0 where all pixels are equal, with 1 where not. NaN " +
    "equals NaN.",
  options: [
    {
      name: "tolerance",
      value: "X",
      help: "differences up to X count as none (default 0)",
    },
    AXIS_ORDER,
    DIR,
    JSON_OPTION,
  ],
  examples: [["compare dm01disp03 dm01disp04", "are they the same?"]],
  samples: [["cam", "cam2"]],
  parse(args): Options {
    const [a = "", b = ""] = args.exactly("A", "B");
    return {
      a: streamArgument(a),
      b: streamArgument(b),
      open: dirOf(args),
      tolerance: args.number("tolerance", 0) ?? 0,
      json: args.flag("json"),
    };
  },
  needs({ a, b, open }, scope): Needs {
    return { read: [a, b].flatMap((name) => scope.stream(name, open.dir)) };
  },
  async run({ a, b, open, tolerance, json }, { out }): Promise<number> {
    using one = Stream.open(a, { ...open, writable: false });
    using two = Stream.open(b, { ...open, writable: false });
    if (!one.sameShape(two)) {
      throw new CommandError(
        `"${one.name}" is ${
          one.size.join("x")
        } ${one.type}, "${two.name}" is ` +
          `${two.size.join("x")} ${two.type}`,
      );
    }
    const first = await wholeFrame(one);
    const second = await wholeFrame(two);
    const found = comparePixels(first.pixels, second.pixels, tolerance);
    const same = found.different === 0;
    if (json) {
      out.json({ a: one.name, b: two.name, same, ...found });
    } else if (same) {
      out.line(`${one.name} and ${two.name} are equal: ${found.count} values`);
    } else {
      out.line(
        `${one.name} and ${two.name} differ in ${found.different} of ` +
          `${found.count} values, first at ${place(found.first ?? 0, one)}, ` +
          `by at most ${found.maxAbs ?? "NaN"}, rms ${found.rms ?? "NaN"}`,
      );
    }
    return same ? EXIT.done : EXIT.failed;
  },
});
