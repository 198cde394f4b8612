/**
 * A source that never pauses, with a circular buffer: `SECONDS BLOCKS (SOURCE
 * DESTINATION)×2`. Writes blocks of frames into one source and the other
 * (A B B A …), as fast as it goes, each pixel the frame's number, and looks
 * at the destination at every 16th. Says one line for each side: frames
 * written and come out per second, and mixed ones that were seen there.
 * @module
 */

import { Stream } from "../../src/stream/stream.ts";
import { answer } from "./answer.ts";

const [seconds = "", blocks = "", ...paths] = Deno.args;
const LOOK = 16;

class Side {
  readonly #from: Stream;
  readonly #to: Stream;
  readonly #pixels: Float32Array<ArrayBuffer>;
  readonly #seen: Float32Array<ArrayBuffer>;
  #number = 0;
  #ms = 0;
  written = 0;
  arrived = 0;
  mixed = 0;

  constructor(from: string, to: string) {
    this.#from = Stream.open(from);
    this.#to = Stream.open(to);
    const pixels = this.#from.size.reduce((n, axis) => n * axis, 1);
    this.#pixels = new Float32Array(pixels);
    this.#seen = new Float32Array(pixels);
  }

  block(): void {
    const before = this.#to.cnt0;
    const started = performance.now();
    const end = started + Number(seconds) * 1000;
    while (performance.now() < end) {
      this.#pixels.fill(++this.#number);
      this.#from.publish(this.#pixels);
      this.written++;
      if (this.written % LOOK === 0) this.#look();
    }
    this.#ms += performance.now() - started;
    this.arrived += Number(this.#to.cnt0 - before);
  }

  #look(): void {
    if (this.#to.readInto(this.#seen) === undefined) return;
    const first = this.#seen[0];
    for (let i = 0; i < this.#seen.length; i += 1024) {
      if (this.#seen[i] !== first) {
        this.mixed++;
        return;
      }
    }
    if (this.#seen[this.#seen.length - 1] !== first) this.mixed++;
  }

  get report(): string {
    const perSecond = (count: number): number => count * 1000 / this.#ms;
    return JSON.stringify({
      written: perSecond(this.written),
      arrived: perSecond(this.arrived),
      mixed: this.mixed,
    });
  }
}

const sides: Side[] = [];
for (let i = 0; i + 1 < paths.length; i += 2) {
  sides.push(new Side(paths[i] ?? "", paths[i + 1] ?? ""));
}
for (let b = 0; b < Number(blocks) * sides.length; b++) {
  sides[sides.length === 2 ? (b ^ (b >> 1)) & 1 : 0]?.block();
}
for (const side of sides) answer.say(side.report);
