/** Words of 64 bits, of which the helper's structures consist. @module */

/** So many of them, all 0. */
export function newWords(count: number): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(new ArrayBuffer(count * 8));
}

/**
 * Settings as words, in the order of their structure.
 *
 * @param before Words in front of them, 0 until they are set.
 */
export function wordsOf(
  settings: readonly (number | bigint | boolean)[],
  before = 0,
): BigUint64Array<ArrayBuffer> {
  const words = newWords(before + settings.length);
  words.set(settings.map((one) => BigInt(one)), before);
  return words;
}
