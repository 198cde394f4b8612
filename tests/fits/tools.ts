/** The programs that our files are compared with. @module */

/** Python, as Debian installs it: the one that finds python3-astropy. */
export const PYTHON = "/usr/bin/python3";

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
  if (runs(command, args)) return false;
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

/** Runs a Python script with arguments; its output is JSON. */
export async function python(script: string, args: string[]): Promise<unknown> {
  const output = await new Deno.Command(PYTHON, {
    args: ["-c", script, ...args],
  }).output();
  const { stdout, stderr, success } = output;
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}
