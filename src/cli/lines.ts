/**
 * Standard input line by line.
 * @module
 */

/** No sensible line is longer. */
const MOST = 65536;

/**
 * The lines of standard input, without their ends.
 *
 * @throws {RangeError} where one is longer than 64 KiB.
 */
export async function* inputLines(): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  const bytes = new Uint8Array(4096);
  let rest = "";
  for (;;) {
    const count = await Deno.stdin.read(bytes);
    rest += count === null
      ? decoder.decode()
      : decoder.decode(bytes.subarray(0, count), { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
    if (count === null) break;
    if (rest.length > MOST) {
      throw new RangeError(`A line of input has more than ${MOST} characters`);
    }
  }
  if (rest !== "") yield rest;
}
