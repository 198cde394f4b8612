/** Fields of JSON that somebody else wrote, held against their type. @module */

type Fields = Record<string, unknown>;

function fail(name: string, what: string, found: unknown): never {
  throw new TypeError(
    `"${name}" is ${JSON.stringify(found) ?? "missing"}, not ${what}`,
  );
}

/** A whole number in a range. */
export function whole(
  fields: Fields,
  name: string,
  least: number = 0,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || Number(value) < least) {
    fail(name, `a whole number from ${least}`, value);
  }
  if (Number(value) > most) fail(name, `at most ${most}`, value);
  return Number(value);
}

/** A number above 0. */
export function positive(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) {
    return value;
  }
  return fail(name, "a number above 0", value);
}

/** A text. */
export function text(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value : fail(name, "a text", value);
}

/** True or false. */
export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  return typeof value === "boolean" ? value : fail(name, "a flag", value);
}

/** A list, each entry made by `one`. */
export function list<T>(
  fields: Fields,
  name: string,
  one: (entry: Fields) => T,
): T[] {
  const value = fields[name];
  if (!Array.isArray(value)) return fail(name, "a list", value);
  return value.map((entry) =>
    typeof entry === "object" && entry !== null
      ? one(entry)
      : fail(name, "a list of objects", entry)
  );
}
