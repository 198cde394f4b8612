/** What a partition offers to others. @module */

import { statFile } from "../../ffi/files.ts";
import { StreamNotFoundError } from "../stream/format.ts";
import { streamPlace } from "../stream/names.ts";
import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { textOf } from "./fields.ts";
import { type Share, toPartitions } from "./unit.ts";

function requireStream(path: string, dir: string): void {
  try {
    if (statFile(path)?.kind === "file") return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new PartitionError(
      `The daemon reaches streams in "${dir}" only, not ` +
        `"${path}": start it with another --dir, or link the stream there`,
    );
  }
  throw new StreamNotFoundError(path);
}

/** Lets others mount a stream. */
export function share(book: Book, request: Request): Share {
  const { dir, shares } = book.state;
  const { name, path } = streamPlace(textOf(request, "stream"), dir);
  const partitions = toPartitions(request.with ?? []);
  requireStream(path, dir);
  const made: Share = {
    name,
    path,
    with: partitions,
    write: request.write === true,
  };
  book.change({
    shares: [...shares.filter((one) => one.name !== name), made],
  });
  book.tell(`shares "${name}"`);
  return made;
}

/** Takes that back. */
export function unshare(book: Book, name: string): Share {
  const { partition, shares } = book.state;
  const found = shares.find((one) => one.name === name);
  if (found === undefined) {
    throw new PartitionError(`Partition ${partition} shares no "${name}"`);
  }
  book.change({ shares: shares.filter((one) => one !== found) });
  book.tell(`no longer shares "${name}"`);
  return found;
}
