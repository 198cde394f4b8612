/**
 * The terminal as programs that fill it share it: a screen, the keys, and a
 * pause that keys, signals and a change of size end.
 * @module
 */

import { readKeys } from "../cli/keys.ts";
import { Screen } from "../cli/screen.ts";
import type { ColorDepth } from "../image/canvas.ts";

/** A pause that something may end early. */
export class Pause {
  #wake: (() => void) | undefined;
  #woken = false;

  /** Ends the pause, or the next one. */
  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  /** Waits; returns whether it was woken. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#woken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const woken = this.#woken;
    this.#woken = false;
    this.#wake = undefined;
    return woken;
  }
}

/** A taken terminal; disposing gives it back as it was. */
export class Stage implements Disposable {
  /** What is shown. */
  readonly screen: Screen;
  /** Ended by keys, signals and a change of size. */
  readonly pause: Pause;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Takes the keys; whoever has the terminal sets it. */
  onKey: (key: string) => void = () => {};
  readonly #onAbort: () => void;
  #gone = false;

  private constructor(screen: Screen, pause: Pause, signal: AbortSignal) {
    this.screen = screen;
    this.pause = pause;
    this.signal = signal;
    this.#onAbort = () => pause.wake();
  }

  /**
   * Takes the terminal.
   *
   * @param depth What it can show.
   * @param signal Ends everything.
   */
  static open(depth: ColorDepth, signal: AbortSignal): Stage {
    const pause = new Pause();
    const screen = Screen.open(depth, () => pause.wake());
    const stage = new Stage(screen, pause, signal);
    signal.addEventListener("abort", stage.#onAbort);
    if (Deno.stdin.isTerminal()) {
      const onKey = (key: string): void => {
        stage.onKey(key);
        pause.wake();
      };
      readKeys(onKey).catch(() => {
        stage.#gone = true;
        pause.wake();
      });
    }
    return stage;
  }

  /** Whether a signal came, or the terminal has gone. */
  get over(): boolean {
    return this.#gone || this.signal.aborted;
  }

  [Symbol.dispose](): void {
    this.signal.removeEventListener("abort", this.#onAbort);
    this.screen.close();
  }
}
