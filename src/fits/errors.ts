/** What goes wrong in a FITS file, and where. @module */

/** Where in a file something is wrong. */
export interface FitsPlace {
  /** The file, as the caller named it. */
  readonly path?: string;
  /** The HDU, counted from 0 as CFITSIO and astropy do. */
  readonly hdu?: number;
  /** The card within its header, counted from 1. */
  readonly card?: number;
  /** The card's keyword. */
  readonly keyword?: string;
  /** The error beneath, where there is one. */
  readonly cause?: unknown;
}

/**
 * Quotes text from a file so that it stays on one line.
 *
 * @param text Anything; long text is shortened.
 * @returns The text in double quotes, control characters escaped.
 */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Writes a place as `HDU 1, card 4 ("NAXIS1")`. */
function describePlace(place: FitsPlace): string {
  const parts: string[] = [];
  if (place.hdu !== undefined) parts.push(`HDU ${place.hdu}`);
  const keyword = place.keyword === undefined ? "" : quoted(place.keyword);
  if (place.card !== undefined) {
    parts.push(`card ${place.card}${keyword === "" ? "" : ` (${keyword})`}`);
  } else if (keyword !== "") {
    parts.push(`keyword ${keyword}`);
  }
  return parts.join(", ");
}

/**
 * Writes a problem and its place as one line.
 *
 * @param problem What is wrong, starting in lower case.
 * @param place Where it is wrong.
 * @returns One line that starts with a capital.
 */
export function describeProblem(problem: string, place: FitsPlace): string {
  const where = describePlace(place);
  const text = where === "" ? problem : `${where}: ${problem}`;
  if (place.path === undefined) {
    return text.charAt(0).toUpperCase() + text.slice(1);
  }
  const name = text.charAt(0).toLowerCase() + text.slice(1);
  const tail = text.startsWith("HDU") ? text : name;
  return `Cannot read ${JSON.stringify(place.path)}: ${tail}`;
}

/** A file that is not FITS, is damaged, or holds what cannot be read. */
export class FitsError extends SyntaxError {
  /** The class's name, as errors carry it. */
  override readonly name = "FitsError";
  /** What is wrong, without the place. */
  readonly problem: string;
  /** The file, where known. */
  readonly path: string | undefined;
  /** The HDU, counted from 0, where known. */
  readonly hdu: number | undefined;
  /** The card within its header, counted from 1, where one is to blame. */
  readonly card: number | undefined;
  /** The keyword of that card, or the keyword that is missing. */
  readonly keyword: string | undefined;

  /**
   * Builds the error and its one-line message.
   *
   * @param problem What is wrong, in lower case, without a final period.
   * @param place Where it is wrong.
   */
  constructor(problem: string, place: FitsPlace = {}) {
    super(
      describeProblem(problem, place),
      place.cause === undefined ? undefined : { cause: place.cause },
    );
    this.problem = problem;
    this.path = place.path;
    this.hdu = place.hdu;
    this.card = place.card;
    this.keyword = place.keyword;
  }

  /**
   * The same error with more of its place known; what is known already stays.
   *
   * @param place What the caller knows: the file, the HDU.
   * @returns A new error with this one's problem.
   */
  at(place: FitsPlace): FitsError {
    const own: Record<string, unknown> = {};
    for (const key of ["path", "hdu", "card", "keyword", "cause"] as const) {
      if (this[key] !== undefined) own[key] = this[key];
    }
    return new FitsError(this.problem, { ...place, ...own });
  }
}

/**
 * Runs `body` and adds a place to the FITS error it throws.
 *
 * @param place What is known about the place.
 * @param body What may throw.
 * @returns What `body` returns.
 * @throws {FitsError} With the place filled in; other errors pass unchanged.
 */
export function withPlace<T>(place: FitsPlace, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof FitsError ? error.at(place) : error;
  }
}

/**
 * The same as {@linkcode withPlace} for a promise.
 *
 * @param place What is known about the place.
 * @param body What may reject.
 * @returns What `body` resolves to.
 * @throws {FitsError} With the place filled in; other errors pass unchanged.
 */
export async function withPlaceAsync<T>(
  place: FitsPlace,
  body: () => Promise<T>,
): Promise<T> {
  try {
    return await body();
  } catch (error) {
    throw error instanceof FitsError ? error.at(place) : error;
  }
}
