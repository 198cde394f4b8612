/**
 * Options that several commands have in common; those of waiting lie in
 * `wait_options.ts`.
 * @module
 */

import { bareHost } from "../bridge/endpoint.ts";
import type { AxisOrder } from "../stream/format.ts";
import { FORMAT_NAMES, type FormatName } from "../stream/formats.ts";
import { nameIn } from "../stream/names.ts";
import type { Arguments, OptionSpec } from "./args.ts";
import { integerFrom } from "./args.ts";
import { UsageError } from "./errors.ts";

/** `--dir`. */
export const DIR: OptionSpec = {
  name: "dir",
  value: "FOLDER",
  help: "folder of streams (default: $MILK_SHM_DIR, /milk/shm, /tmp)",
};

/** `--axis-order`. */
export const AXIS_ORDER: OptionSpec = {
  name: "axis-order",
  value: "ORDER",
  help: "axes of DAO streams: python (default) or c",
};

/** `--format`. */
export const FORMAT: OptionSpec = {
  name: "format",
  value: "FORMAT",
  help: "format of a new stream: isio (default) or dao",
};

/** `--json`. */
export const JSON_OPTION: OptionSpec = {
  name: "json",
  help: "print JSON",
};

/** Where streams are, and how their axes are to be understood. */
export interface Place {
  /** Folder that names are looked for in. */
  readonly dir?: string;
  /** How a DAO stream's axes are stored. */
  readonly axisOrder?: AxisOrder;
}

/** The folder and the order of axes, as an object to spread. */
export function dirOf(args: Arguments): Place {
  const dir = args.text("dir");
  const axisOrder = args.choice<AxisOrder>("axis-order", ["python", "c"]);
  return {
    ...dir === undefined ? {} : { dir },
    ...axisOrder === undefined ? {} : { axisOrder },
  };
}

/** The format of a new stream, as an object to spread. */
export function formatOf(args: Arguments): { format?: FormatName } {
  const format = args.choice<FormatName>("format", FORMAT_NAMES);
  return format === undefined ? {} : { format };
}

/**
 * A stream argument as it was typed, when it can be one.
 *
 * @throws {SyntaxError} where no stream has such a name.
 */
export function streamArgument(argument: string): string {
  nameIn(argument);
  return argument;
}

/**
 * A host as it was typed, without the brackets of an IPv6 address.
 *
 * @param what What takes it, such as `HOST`.
 * @throws {UsageError} where no host has such a name.
 */
export function hostFrom(what: string, text: string): string {
  const host = bareHost(text);
  if (!/^[\w.:%-]+$/.test(host)) {
    throw new UsageError(`${what} takes a name or an address, not "${text}"`);
  }
  return host;
}

/** A stream that exists, by its name or path. */
export interface NamedStream {
  /** As it was typed. */
  readonly name: string;
  /** Where it is, and how to open it. */
  readonly open: Place;
}

/** The one stream of a command line that names no more. */
export function namedStream(args: Arguments): NamedStream {
  const [name = ""] = args.exactly("NAME");
  return { name: streamArgument(name), open: dirOf(args) };
}

/** Reads `50x40`, fastest axis first. */
export function sizeFrom(text: string): number[] {
  const axes = text.split("x");
  if (axes.length > 3) {
    throw new UsageError(
      `A stream has 1 to 3 axes, "${text}" has ${axes.length}`,
    );
  }
  return axes.map((axis) => integerFrom("SIZE", axis, 1, 0xFFFF_FFFF));
}
