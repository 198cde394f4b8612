/** The live picture: draws at a rate, listens to keys. @module */

import { readKeys } from "../cli/keys.ts";
import { Screen } from "../cli/screen.ts";
import type { ColorDepth } from "../image/canvas.ts";
import type { Session } from "./session.ts";

/** How to show it. */
export interface LiveOptions {
  /** What the terminal can show. */
  readonly depth: ColorDepth;
  /** Pictures a second at most. */
  readonly fps: number;
  /** Ends after so many pictures. */
  readonly count: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** A pause that something may end early. */
class Pause {
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

/**
 * Shows a stream until a key or a signal ends it.
 *
 * @returns Whether Ctrl-C ended it.
 * @throws {OutputClosed} where the terminal has gone.
 */
export async function showLive(
  session: Session,
  { depth, fps, count, signal }: LiveOptions,
): Promise<boolean> {
  const { view } = session;
  const pause = new Pause();
  let end: "quit" | "interrupt" | undefined;
  using screen = Screen.open(depth, () => pause.wake());
  const onAbort = (): void => pause.wake();
  signal.addEventListener("abort", onAbort);
  const onKey = (key: string): void => {
    switch (view.key(key)) {
      case undefined:
        return;
      case "quit":
        end ??= "quit";
        break;
      case "interrupt":
        end = "interrupt";
        break;
      case "dark":
        session.toggleDark();
        break;
      case "refresh":
        screen.refresh();
    }
    pause.wake();
  };
  if (Deno.stdin.isTerminal()) {
    readKeys(onKey).catch(() => onKey("q")); // the terminal has gone
  }
  const interval = 1000 / fps;
  let due = performance.now();
  let drawn = 0;
  while (end === undefined && !signal.aborted) {
    const begin = performance.now();
    session.look();
    session.draw(screen.canvas());
    screen.show();
    if (begin >= due) {
      drawn++;
      // A picture that takes long leaves as much time for other things.
      const took = performance.now() - begin;
      due = Math.max(due + interval, begin + 2 * took);
      if (due < begin) due = begin + interval;
    }
    if (drawn >= count) break;
    await pause.wait(Math.max(1, due - performance.now()));
  }
  signal.removeEventListener("abort", onAbort);
  return end === "interrupt";
}
