/** Fields of a request, held against what they must be. @module */

import type { Request } from "./control.ts";
import { PartitionError } from "./errors.ts";

/** A whole number from 0. */
export function numberOf(request: Request, name: string, most: number): number {
  const value = request[name];
  if (
    typeof value !== "number" || !Number.isInteger(value) || value < 0 ||
    value > most
  ) throw new PartitionError(`"${name}" is no number from 0 to ${most}`);
  return value;
}

/** A text that says something. */
export function textOf(request: Request, name: string): string {
  const value = request[name];
  if (typeof value !== "string" || value === "") {
    throw new PartitionError(`"${name}" is no text`);
  }
  return value;
}
