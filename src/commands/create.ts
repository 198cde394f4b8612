/** `shmim create`: makes a stream. @module */

import { type Arguments, integerFrom } from "../cli/args.ts";
import { defineCommand } from "../cli/command.ts";
import { CommandError, UsageError } from "../cli/errors.ts";
import type { Needs } from "../cli/needs.ts";
import {
  AXIS_ORDER,
  DIR,
  dirOf,
  FORMAT,
  formatOf,
  JSON_OPTION,
  sizeFrom,
  streamArgument,
} from "../cli/shared_options.ts";
import { describeStream } from "../stream/describe.ts";
import { StreamExistsError } from "../stream/format.ts";
import { parseMilkName, requireName } from "../stream/names.ts";
import { Stream } from "../stream/stream.ts";
import type { CreateOptions } from "../stream/stream_options.ts";
import { isType, parseType } from "../stream/types.ts";

interface Options {
  readonly name: string;
  readonly create: CreateOptions;
  readonly json: boolean;
}

/** `50 50` or `50x50`, with the type behind it or in milk's name. */
function sizeAndType(
  words: readonly string[],
  milkType: string | undefined,
): Pick<CreateOptions, "size" | "type"> {
  const rest = [...words];
  const last = rest.at(-1);
  const named = last !== undefined && isType(last) ? rest.pop() : undefined;
  if (named === undefined && last !== undefined && /[^\dx]/.test(last)) {
    parseType(last); // says which types there are
  }
  const type = named ?? milkType;
  if (rest.length === 0) throw new UsageError("SIZE is missing, as in 50x40");
  if (type === undefined) throw new UsageError("TYPE is missing, as in f32");
  return { size: sizeFrom(rest.join("x")), type: parseType(type) };
}

function existing(args: Arguments): CreateOptions["existing"] & string {
  if (args.flag("force") && args.flag("reuse")) {
    throw new UsageError("--force and --reuse exclude each other");
  }
  if (args.flag("force")) return "replace";
  return args.flag("reuse") ? "reuse" : "refuse";
}

/** The command. */
export const command = defineCommand<Options>({
  usage: [
    "create NAME SIZE TYPE [OPTIONS]",
    'create "s>tf32>NAME" 50 50 [OPTIONS]',
  ],
  description:
    "Makes a stream. SIZE is x by y (by z), the fastest axis first. " +
    "TYPE is one of u8 i8 u16 i16 u32 i32 u64 i64 f16 f32 f64 c64 c128; " +
    "spellings such as FLT, UI16 and float32 are understood. An existing " +
    "stream is left alone.",
  options: [
    FORMAT,
    AXIS_ORDER,
    {
      name: "depth",
      value: "N",
      help: "frames that a DAO stream keeps (default 1)",
    },
    { name: "keywords", value: "N", help: "keyword records (default 50)" },
    {
      name: "cb",
      value: "N",
      help: "slots of the circular buffer (default 0)",
    },
    { name: "circular", help: "the z axis is a ring of slices in time" },
    {
      name: "imagetype",
      value: "BITS",
      help: "ImageStreamIO's imagetype bits",
    },
    { name: "semaphores", value: "N", help: "semaphores (default 10)" },
    { name: "mode", value: "OCTAL", help: "file mode (default 0666)" },
    { name: "reuse", help: "keep an existing one of the same type and size" },
    {
      name: "force",
      help: "replace an existing one; its readers keep the old",
    },
    DIR,
    JSON_OPTION,
  ],
  examples: [["create dm01disp06 50x50 f32", "a DM channel, all zeros"]],
  samples: [["cam", "4x4", "f32"]],
  parse(args): Options {
    const [spelled, ...rest] = args.words;
    if (spelled === undefined) throw new UsageError("NAME is missing");
    const milk = parseMilkName(spelled);
    const name = spelled.includes(">")
      ? requireName(milk.name)
      : streamArgument(spelled);
    const mode = args.text("mode") ?? "0666";
    if (!/^[0-7]{3,4}$/.test(mode)) {
      throw new UsageError(
        `--mode takes an octal mode such as 0660, not "${mode}"`,
      );
    }
    const imageType = args.text("imagetype");
    const depth = args.integer("depth", 1, 65536);
    const shape = sizeAndType(rest, milk.type);
    if (args.flag("circular") && shape.size.length !== 3) {
      throw new UsageError("A rolling cube has 3 axes, as in 50x40x8");
    }
    return {
      name,
      json: args.flag("json"),
      create: {
        ...dirOf(args),
        ...shape,
        ...formatOf(args),
        ...depth === undefined ? {} : { depth },
        keywords: args.integer("keywords", 0, 65535) ?? 50,
        semaphores: args.integer("semaphores", 0, 65535) ?? 10,
        circularBuffer: args.integer("cb", 0, 0xFFFF_FFFF) ?? 0,
        circular: args.flag("circular"),
        ...imageType === undefined
          ? {}
          : { imageType: BigInt(integerFrom("--imagetype", imageType, 0)) },
        mode: parseInt(mode, 8),
        existing: existing(args),
      },
    };
  },
  needs({ name, create }, scope): Needs {
    const files = [
      ...scope.folder(name, create.dir),
      ...scope.companions(create.format),
    ];
    return { read: files, write: files, libc: true };
  },
  run({ name, create, json }, { out }): number {
    let stream: Stream;
    try {
      stream = Stream.create(name, {
        ...create,
        onWarning: (message) => out.say(`shmim: ${message}`),
      });
    } catch (error) {
      if (!(error instanceof StreamExistsError)) throw error;
      const hint = create.existing === "reuse"
        ? "; --force replaces it"
        : "; --reuse keeps it, --force replaces it";
      throw new CommandError(error.message + hint);
    }
    using made = stream;
    if (json) out.json(describeStream(made));
    else out.say(`${made.path}: ${made.size.join("x")} ${made.type}`);
    return 0;
  },
});
