/** The live picture: draws at a rate, listens to keys. @module */

import type { ColorDepth } from "../image/canvas.ts";
import type { Session } from "./session.ts";
import { Stage } from "./stage.ts";

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

/**
 * Shows a stream until a key or a signal ends it.
 *
 * @returns Whether Ctrl-C ended it.
 * @throws {OutputClosed} where the terminal has gone.
 */
export async function showLive(
  session: Session,
  options: LiveOptions,
): Promise<boolean> {
  using stage = Stage.open(options.depth, options.signal);
  return await showOn(stage, session, options);
}

/**
 * Shows a stream on a terminal that is taken already.
 *
 * @returns Whether Ctrl-C ended it.
 * @throws {OutputClosed} where the terminal has gone.
 */
export async function showOn(
  stage: Stage,
  session: Session,
  { fps, count }: Pick<LiveOptions, "fps" | "count">,
): Promise<boolean> {
  const { view } = session;
  const { screen } = stage;
  let end: "quit" | "interrupt" | undefined;
  stage.onKey = (key: string): void => {
    switch (view.key(key)) {
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
  };
  const interval = 1000 / fps;
  let due = performance.now();
  let drawn = 0;
  while (end === undefined && !stage.over) {
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
    await stage.pause.wait(Math.max(1, due - performance.now()));
  }
  return end === "interrupt";
}
