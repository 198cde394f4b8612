/**
 * How the image is looked at, and the keys that change it.
 * @module
 */

import { COLOR_MAPS, type ColorMapName } from "../image/colormap.ts";
import type { CutRule } from "../image/levels.ts";
import { type Extent, fitScale } from "../image/picture.ts";
import type { Rect } from "../image/plane.ts";
import { type Resampling, RESAMPLINGS } from "../image/resample.ts";
import type { KeyEffect } from "./keys.ts";
import type { SliceChoice } from "./source.ts";

/** What can be chosen before it begins. */
export interface ViewOptions {
  /** Colours. */
  readonly map: ColorMapName;
  /** Where the cuts lie. */
  readonly rule: CutRule;
  /** Logarithmic. */
  readonly log: boolean;
  /** What many pixels become. */
  readonly resampling: Resampling;
  /** Whether the first row is on top. */
  readonly topDown: boolean;
  /** Larger than what fits. */
  readonly zoom: number;
  /** The part to be shown; `undefined`: all. */
  readonly roi: Rect | undefined;
  /** A pixel. */
  readonly cursor: Point | undefined;
  /** Which slice of a cube; `undefined`: the newest of a ring, else the first. */
  readonly slice: SliceChoice | undefined;
}

/** How an image is looked at where nothing was chosen. */
export const PLAIN_VIEW: ViewOptions = {
  map: "viridis",
  rule: { kind: "percentile", percent: 100 },
  log: false,
  resampling: "mean",
  topDown: false,
  zoom: 1,
  roi: undefined,
  cursor: undefined,
  slice: undefined,
};

/** A pixel's place. */
export interface Point {
  /** Column. */
  readonly x: number;
  /** Row. */
  readonly y: number;
}

const PERCENTS = [99.5, 99, 98, 95, 90];
const LARGEST_ZOOM = 256;

function after<T>(list: readonly T[], one: T): T {
  return list[(list.indexOf(one) + 1) % list.length] ?? one;
}

/** The state of what is shown. */
export class View {
  readonly #first: ViewOptions;
  map: ColorMapName;
  rule: CutRule;
  log: boolean;
  resampling: Resampling;
  topDown: boolean;
  zoom: number;
  cursor: Point | undefined;
  slice: SliceChoice | undefined;
  paused = false;
  statistics = true;
  histogram = true;
  help = false;
  /** Counts the changes. */
  version = 0;
  #centre: Point | undefined;
  #bounds: Rect = { x: 0, y: 0, width: 1, height: 1 };
  #slices = 1;
  #step = 1;

  /** Begins with what was asked for. */
  constructor(options: ViewOptions) {
    this.#first = options;
    this.map = options.map;
    this.rule = options.rule;
    this.log = options.log;
    this.resampling = options.resampling;
    this.topDown = options.topDown;
    this.zoom = options.zoom;
    this.cursor = options.cursor;
    this.slice = options.slice;
  }

  /** The image, or the part of it that was asked for. */
  get bounds(): Rect {
    return this.#bounds;
  }

  /** Where the part asked for does not lie in an image at all. */
  misses(size: readonly number[]): boolean {
    const { roi } = this.#first;
    return roi !== undefined && clip(roi, size) === undefined;
  }

  /** Gets to know the image; a new one may be of another size. */
  adapt(size: readonly number[], slices: number): void {
    const [width = 1, height = 1] = size;
    const whole = { x: 0, y: 0, width, height };
    const { roi } = this.#first;
    this.#bounds = (roi && clip(roi, size)) ?? whole;
    this.#slices = slices;
    if (this.cursor !== undefined) this.#moveTo(this.cursor);
    if (typeof this.slice === "number") {
      this.slice = Math.min(this.slice, slices - 1);
    }
    this.version++;
  }

  /**
   * The part of the image that is shown, and dots for each of its pixels.
   *
   * @param room Characters that the picture may take.
   */
  frame(room: Extent): { rect: Rect; scale: number } {
    const bounds = this.#bounds;
    const scale = fitScale(bounds, room, this.zoom);
    this.#step = Math.max(1, Math.round(1 / scale));
    const width = Math.min(
      bounds.width,
      Math.max(1, Math.floor(room.width / scale)),
    );
    const height = Math.min(
      bounds.height,
      Math.max(1, Math.floor(2 * room.height / scale)),
    );
    const centre = this.#centre ?? {
      x: bounds.x + bounds.width / 2,
      y: bounds.y + bounds.height / 2,
    };
    const begin = (middle: number, first: number, all: number, some: number) =>
      Math.min(
        first + all - some,
        Math.max(first, Math.floor(middle - some / 2)),
      );
    let x = begin(centre.x, bounds.x, bounds.width, width);
    let y = begin(centre.y, bounds.y, bounds.height, height);
    if (this.cursor !== undefined) {
      x = Math.min(this.cursor.x, Math.max(x, this.cursor.x - width + 1));
      y = Math.min(this.cursor.y, Math.max(y, this.cursor.y - height + 1));
    }
    this.#centre = { x: x + width / 2, y: y + height / 2 };
    return { rect: { x, y, width, height }, scale };
  }

  #moveTo({ x, y }: Point): void {
    const { x: left, y: low, width, height } = this.#bounds;
    this.cursor = {
      x: Math.min(left + width - 1, Math.max(left, x)),
      y: Math.min(low + height - 1, Math.max(low, y)),
    };
  }

  #move(dx: number, dy: number, far: boolean): void {
    const step = this.#step * (far ? 10 : 1);
    const from = this.cursor;
    if (from === undefined) {
      const { x, y, width, height } = this.#bounds;
      const middle = this.#centre ?? { x: x + width / 2, y: y + height / 2 };
      return this.#moveTo({
        x: Math.floor(middle.x),
        y: Math.floor(middle.y),
      });
    }
    const up = this.topDown ? -dy : dy;
    this.#moveTo({ x: from.x + dx * step, y: from.y + up * step });
  }

  #zoomBy(factor: number): void {
    this.zoom = Math.min(LARGEST_ZOOM, Math.max(1, this.zoom * factor));
    if (this.cursor === undefined) return;
    this.#centre = { x: this.cursor.x + 0.5, y: this.cursor.y + 0.5 };
  }

  #nextPercent(): void {
    const at = this.rule.kind === "percentile"
      ? PERCENTS.indexOf(this.rule.percent)
      : -1;
    const percent = PERCENTS[(at + 1) % PERCENTS.length] ?? 100;
    this.rule = { kind: "percentile", percent };
  }

  #turnSlice(by: number): void {
    const at = typeof this.slice === "number" ? this.slice : 0;
    this.slice = (at + by + this.#slices) % this.#slices;
  }

  #reset(): void {
    const { slice, paused } = this;
    Object.assign(this, new View(this.#first), { slice, paused });
    this.#centre = undefined;
  }

  /**
   * Does what a key says.
   *
   * @returns What is left to do; `undefined` where the key has no meaning.
   */
  key(key: string): KeyEffect | undefined {
    if (this.help && key !== "q" && key !== "ctrl-c") {
      this.help = false;
      return "redraw";
    }
    const version = this.version;
    switch (key) {
      case "q":
        return "quit";
      case "ctrl-c":
        return "interrupt";
      case "ctrl-l":
        return "refresh";
      case "d":
        return "dark";
      case "?":
        this.help = true;
        return "redraw";
      case "space":
        this.paused = !this.paused;
        return "redraw";
      case "s":
        this.statistics = !this.statistics;
        break;
      case "h":
        this.histogram = !this.histogram;
        break;
      case "c":
        this.map = after(COLOR_MAPS, this.map);
        break;
      case "l":
        this.log = !this.log;
        break;
      case "a":
        this.rule = { kind: "percentile", percent: 100 };
        break;
      case "p":
        this.#nextPercent();
        break;
      case "m":
        this.resampling = after(RESAMPLINGS, this.resampling);
        break;
      case "f":
        this.topDown = !this.topDown;
        break;
      case "+":
      case "=":
        this.#zoomBy(2);
        break;
      case "-":
      case "_":
        this.#zoomBy(0.5);
        break;
      case "[":
        this.#turnSlice(-1);
        break;
      case "]":
        this.#turnSlice(1);
        break;
      case "n":
        this.slice = "newest";
        break;
      case "x":
        this.cursor = undefined;
        break;
      case "r":
        this.#reset();
        break;
      default:
        return this.#arrow(key);
    }
    this.version = version + 1;
    return "redraw";
  }

  #arrow(key: string): KeyEffect | undefined {
    const match = /^(?:ctrl-)?(shift-)?(up|down|left|right)$/.exec(key);
    if (match === null) return undefined;
    const far = match[1] !== undefined;
    const dx = match[2] === "left" ? -1 : match[2] === "right" ? 1 : 0;
    const dy = match[2] === "down" ? -1 : match[2] === "up" ? 1 : 0;
    this.#move(dx, dy, far);
    this.version++;
    return "redraw";
  }
}

/** The part of a rectangle that lies in an image. */
function clip(rect: Rect, size: readonly number[]): Rect | undefined {
  const [columns = 1, rows = 1] = size;
  const width = Math.min(rect.width, columns - rect.x);
  const height = Math.min(rect.height, rows - rect.y);
  return width > 0 && height > 0 ? { ...rect, width, height } : undefined;
}
