/** The live table: looks, draws, listens to keys. @module */

import type { ColorDepth } from "../image/canvas.ts";
import { removeStream, StreamInUseError } from "../stream/remove.ts";
import { showOn } from "../watch/live.ts";
import { Session } from "../watch/session.ts";
import { Source } from "../watch/source.ts";
import { Stage } from "../watch/stage.ts";
import { PLAIN_VIEW, View } from "../watch/view.ts";
import type { Board, TopEffect } from "./board.ts";
import { drawTop, Widths } from "./draw.ts";
import { JitterTurns } from "./jitter.ts";
import type { TopRow } from "./row.ts";
import type { Survey, Tracked } from "./survey.ts";

/** Looks at the counters, ms. */
const LOOK_MS = 100;
/** Looks at the folder, ms. */
const SCAN_MS = 1000;
/** Streams whose jitter is timed at a time. */
const JITTER_SLOTS = 1;
/** So long nothing is timed after a turn, in lengths of it. */
const JITTER_REST = 2;
const WATCH_FPS = 10;

/** How to show it. */
export interface TopOptions {
  /** What the terminal can show. */
  readonly depth: ColorDepth;
  /** How a time in ISO 8601, UTC, is shown. */
  readonly time: (iso: string) => string;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** The time of day, with its zone. */
function clockOf(iso: string): string {
  const zone = iso.endsWith("Z") ? " UTC" : iso.slice(-6);
  return iso.slice(11, 19) + zone;
}

/** What is kept while the table is shown. */
class Show {
  readonly #stage: Stage;
  readonly #survey: Survey;
  readonly #board: Board;
  readonly #depth: ColorDepth;
  readonly #time: (iso: string) => string;
  readonly #widths = new Widths();
  #effects: TopEffect[] = [];
  #shape = "";

  constructor(
    stage: Stage,
    survey: Survey,
    board: Board,
    { depth, time }: TopOptions,
  ) {
    this.#stage = stage;
    this.#survey = survey;
    this.#board = board;
    this.#depth = depth;
    this.#time = time;
  }

  #listen(): void {
    this.#stage.onKey = (key) => {
      const effect = this.#board.key(key);
      if (effect !== undefined) this.#effects.push(effect);
    };
  }

  #draw(): void {
    const { screen } = this.#stage;
    const board = this.#board;
    const canvas = screen.canvas();
    // Another view, or another size of the screen, is laid out anew.
    const shape = [board.view, canvas.columns, board.shift].join(" ");
    if (shape !== this.#shape) this.#widths.reset();
    this.#shape = shape;
    drawTop(canvas, board, this.#widths, {
      folder: this.#survey.folder,
      trouble: this.#survey.trouble,
      clock: clockOf(this.#time(new Date().toISOString())),
    });
    screen.show();
  }

  /** The streams of the rows on the screen. */
  #visible(): Tracked[] {
    return this.#board.visible.flatMap(({ name }) =>
      this.#survey.stream(name) ?? []
    );
  }

  #remove(row: TopRow, force: boolean): void {
    try {
      removeStream(row.path, { force: force || row.error !== null });
      this.#board.note(`removed ${row.path}`);
      this.#survey.scan();
      this.#board.update(this.#survey.rows());
    } catch (error) {
      if (error instanceof StreamInUseError) {
        this.#board.askToRemove(row, error.pid);
      } else this.#board.note((error as Error).message);
    }
  }

  /** Shows a stream's image; returns whether Ctrl-C ended it. */
  async #watch(row: TopRow): Promise<boolean> {
    let source: Source;
    try {
      source = Source.open(row.path, {});
    } catch (error) {
      this.#board.note((error as Error).message);
      return false;
    }
    using open = source;
    const session = new Session(open, new View(PLAIN_VIEW), {
      depth: this.#depth,
      dark: undefined,
      saturation: undefined,
    });
    const interrupted = await showOn(this.#stage, session, {
      fps: WATCH_FPS,
      count: Infinity,
    });
    this.#stage.screen.refresh();
    this.#listen();
    return interrupted;
  }

  /** Until a key or a signal ends it; returns whether Ctrl-C did. */
  async run(): Promise<boolean> {
    const stage = this.#stage;
    const survey = this.#survey;
    const board = this.#board;
    using jitter = new JitterTurns(JITTER_SLOTS, JITTER_REST);
    this.#listen();
    let scanAt = 0;
    let drawAt = 0;
    while (!stage.over) {
      const now = performance.now();
      survey.look(now);
      if (now >= scanAt) {
        survey.scan();
        scanAt = now + SCAN_MS;
      }
      // In the same step as the scan, which may have closed what is timed.
      jitter.look(board.paused ? [] : this.#visible(), now);
      let changed = now >= drawAt;
      if (changed && !board.paused) {
        const shown = new Set(board.visible.map(({ name }) => name));
        board.update(survey.rows(now, (name) => shown.has(name)));
      }
      for (const effect of this.#effects.splice(0)) {
        changed = true;
        if (effect.kind === "quit") return false;
        if (effect.kind === "interrupt") return true;
        if (effect.kind === "refresh") stage.screen.refresh();
        if (effect.kind === "remove") this.#remove(effect.row, effect.force);
        if (effect.kind === "watch") {
          jitter.look([], now);
          if (await this.#watch(effect.row)) return true;
          scanAt = 0;
        }
      }
      if (changed) this.#draw();
      if (now >= drawAt) drawAt = now + 1000 / board.fps;
      await stage.pause.wait(LOOK_MS);
    }
    return false;
  }
}

/**
 * Shows the table until a key or a signal ends it.
 *
 * @returns Whether Ctrl-C ended it.
 * @throws {OutputClosed} where the terminal has gone.
 */
export async function showTop(
  survey: Survey,
  board: Board,
  options: TopOptions,
): Promise<boolean> {
  using stage = Stage.open(options.depth, options.signal);
  return await new Show(stage, survey, board, options).run();
}

/**
 * Watches for a while and gives the rows.
 *
 * @param survey The streams.
 * @param ms How long.
 * @param signal Ends it early.
 */
export async function watchOnce(
  survey: Survey,
  ms: number,
  signal: AbortSignal,
): Promise<TopRow[]> {
  const end = performance.now() + ms;
  using jitter = new JitterTurns(8);
  while (performance.now() < end && !signal.aborted) {
    survey.look();
    jitter.look(survey.streams);
    const left = Math.max(1, end - performance.now());
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(LOOK_MS / 4, left))
    );
  }
  jitter[Symbol.dispose]();
  survey.look();
  return survey.rows();
}
