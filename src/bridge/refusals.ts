/** Peers that were turned away, told in few lines however many come. @module */

import type { EventSink } from "./session.ts";

/** Refusals that are told one by one in a second. */
const MAX_TOLD = 64;

/** Tells of refusals. */
export class Refusals {
  readonly #tell: EventSink;
  #second = -1;
  #told = 0;
  #untold = 0;

  /** @param tell Takes the lines. */
  constructor(tell: EventSink) {
    this.#tell = tell;
  }

  /** One was turned away. */
  add(peer: string, why: string): void {
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      if (this.#untold > 0) this.#say(`${this.#untold} more were refused`);
      [this.#second, this.#told, this.#untold] = [second, 0, 0];
    }
    if (++this.#told <= MAX_TOLD) this.#say(`${peer} refused: ${why}`);
    else this.#untold++;
  }

  #say(message: string): void {
    this.#tell({ level: "warning", message });
  }
}
