/** The programs that our files are compared with. @module */

/** Python, as Debian installs it: the one that finds python3-astropy. */
export const PYTHON = "/usr/bin/python3";

/** What was found out about commands, each asked once. */
const known = new Map<string, boolean>();

/** Whether a command runs and exits with 0. */
function runs(command: string, args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * Says whether a test that needs a package has to be skipped: prints why, and
 * fails where CI should have installed the package.
 */
export function lacks(
  debianPackage: string,
  command: string,
  args: string[],
): boolean {
  const found = known.get(debianPackage) ?? runs(command, args);
  known.set(debianPackage, found);
  if (found) return false;
  const reason = `${debianPackage} is not installed`;
  if (Deno.env.get("CI") === "true") throw new Error(reason);
  // deno-lint-ignore no-console
  console.log(`skipped: ${reason}`);
  return true;
}

/** Whether astropy is missing. */
export function lacksAstropy(): boolean {
  return lacks("python3-astropy", PYTHON, ["-c", "import astropy.io.fits"]);
}

/** A keyword as astropy reads it: its name, kind and value, comment. */
export type AstropyKeyword = [string, [string, unknown], string];

/** An image as astropy reads it. */
export interface AstropyImage {
  /** The axes, fastest first. */
  axes: number[];
  /** numpy's name of the type. */
  dtype: string;
  /** Little-endian pixels in base64. */
  pixels: string;
  /** Big-endian pixels as they stand in the file, in base64. */
  raw: string;
  /** All cards with a value. */
  keywords: AstropyKeyword[];
}

/** A file as astropy reads it. */
export interface AstropyFile {
  /** The images by the number of their HDU. */
  images: Record<string, AstropyImage>;
  /** The columns of our own tables, numbers as text. */
  tables: Record<string, Record<string, string[]>>;
  /** For each HDU whether DATASUM and CHECKSUM hold: 1, 0, or 2 for none. */
  sums: [number, number][];
}

const SCRIPT = new URL("../fixtures/fits/astropy_read.py", import.meta.url);

/** Reads files with astropy, all in one process. */
export async function readWithAstropy(
  paths: string[],
): Promise<Record<string, AstropyFile>> {
  const { stdout, stderr, success } = await new Deno.Command(PYTHON, {
    args: [SCRIPT.pathname, ...paths],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}
