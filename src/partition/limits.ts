/** Limits of a partition, set while it is up. @module */

import type { Book } from "./book.ts";
import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";
import { textOf } from "./fields.ts";
import type { Registry } from "./registry.ts";
import type { Limits } from "./unit.ts";
import { pagesTaken } from "./xp.ts";

/**
 * Sets a limit.
 *
 * @throws {PartitionError} where there is none of that name, or segments have
 * more already.
 */
export function setLimit(
  book: Book,
  request: Request,
  registry: Registry,
): void {
  const name = textOf(request, "name") as keyof Limits;
  const value = request.value;
  if (!["maxpgs", "maxdpgs", "timeoutS"].includes(name)) {
    throw new PartitionError(`There is no limit "${name}"`);
  }
  if (
    typeof value !== "number" || !(value > 0) || !Number.isFinite(value) ||
    name !== "timeoutS" && !Number.isSafeInteger(value)
  ) throw new PartitionError(`"${name}" is a number above 0, not ${value}`);
  if (name === "maxpgs") {
    const taken = pagesTaken(registry, book.state.partition);
    if (value < taken) {
      throw new PartitionError(
        `maxpgs cannot be ${value}: segments have ${taken} pages`,
      );
    }
  }
  book.change({ limits: { ...book.state.limits, [name]: value } });
  book.tell(`${name} is ${value}`);
}
