/**
 * A stream, a way to look at it, and what both together come to: shared by
 * the live picture, the single picture and the plain lines.
 * @module
 */

import type { Canvas, ColorDepth } from "../image/canvas.ts";
import { CommandError } from "../cli/errors.ts";
import type { Frame } from "../stream/frames.ts";
import { type Dark, darkMismatch, darkOf, takeDark } from "./dark.ts";
import { drawScreen, pictureRoom } from "./draw.ts";
import { makeScene, type Preparation, type Scene } from "./scene.ts";
import type { Source } from "./source.ts";
import type { View } from "./view.ts";

/** How long something that happened is shown, ms. */
const NOTICE_MS = 3000;

/** What is kept from one look to the next. */
export class Session {
  readonly #source: Source;
  readonly #depth: ColorDepth;
  readonly #saturation: number | undefined;
  #dark: Dark | undefined;
  #frame: Frame | undefined;
  #scene: Scene | undefined;
  #sceneKey = "";
  #notice: { text: string; until: number } | undefined;
  /** How it is looked at. */
  readonly view: View;

  /**
   * @param source The stream.
   * @param view How to look at it.
   * @param options Colour, dark and saturation.
   * @throws {CommandError} where the dark or the part does not fit.
   */
  constructor(
    source: Source,
    view: View,
    options: {
      depth: ColorDepth;
      dark: Dark | undefined;
      saturation: number | undefined;
    },
  ) {
    this.#source = source;
    this.view = view;
    this.#depth = options.depth;
    this.#dark = options.dark;
    this.#saturation = options.saturation;
    const { stream } = source;
    if (
      this.#dark !== undefined &&
      darkOf(this.#dark, stream.size, 0) === undefined
    ) {
      throw new CommandError(darkMismatch(this.#dark, stream));
    }
    if (view.misses(stream.size)) {
      throw new CommandError(
        `The part lies outside of "${stream.name}", which is ` +
          stream.size.join("x"),
      );
    }
    const { slice } = view;
    if (typeof slice === "number" && slice >= stream.slices) {
      throw new CommandError(
        `Stream "${stream.name}" has ${stream.slices} slices, there is no ` +
          `slice ${slice}`,
      );
    }
    this.#adapt();
  }

  #adapt(): void {
    const { stream } = this.#source;
    this.view.adapt(stream.size, stream.slices);
  }

  /** The frame that is shown. */
  get frame(): Frame | undefined {
    return this.#frame;
  }

  /** Shows a line for a while. */
  note(text: string): void {
    this.#notice = { text, until: performance.now() + NOTICE_MS };
  }

  /** Looks at the stream; takes its frame where there is a new one. */
  look(): void {
    const source = this.#source;
    const change = source.look();
    const { stream } = source;
    if (change === "recreated") {
      this.note(`re-created as ${stream.size.join("x")} ${stream.type}`);
      this.#frame = undefined;
      this.#adapt();
      if (
        this.#dark !== undefined &&
        darkOf(this.#dark, stream.size, 0) === undefined
      ) {
        this.note(`${darkMismatch(this.#dark, stream)}: it is not used`);
        this.#dark = undefined;
      }
    }
    if (source.trouble !== undefined && this.#frame !== undefined) return;
    if (this.view.paused && this.#frame !== undefined) return;
    const choice = this.view.slice ?? (stream.layout.rolling ? "newest" : 0);
    const same = this.#frame !== undefined && !this.#frame.torn &&
      this.#frame.cnt0 === stream.cnt0 &&
      this.#frame.slice === source.sliceNumber(choice);
    if (same) return;
    this.#frame = source.read(choice) ?? this.#frame;
  }

  /** The dark's part that belongs to the frame. */
  get darkValues(): Float64Array | undefined {
    if (this.#dark === undefined || this.#frame === undefined) return undefined;
    const { size } = this.#source.stream;
    return darkOf(this.#dark, size, this.#frame.slice);
  }

  /** What the pixels go through. */
  get preparation(): Preparation {
    return { dark: this.darkValues, saturation: this.#saturation };
  }

  /** Takes the frame as dark; where there is one, goes on without. */
  toggleDark(): void {
    if (this.#dark !== undefined) {
      this.#dark = undefined;
      this.note("without dark");
    } else if (this.#frame !== undefined) {
      this.#dark = takeDark(this.#frame);
      this.note(`dark taken, ${this.#dark.name}`);
    }
    this.view.version++;
  }

  /** Draws what there is on an empty canvas. */
  draw(canvas: Canvas): void {
    const frame = this.#frame;
    const { stream, trouble, rateHz, jitterMs } = this.#source;
    if (frame === undefined) {
      canvas.text(1, 0, `${stream.name}  ${trouble ?? "no frame yet"}`);
      return;
    }
    const room = pictureRoom(
      { width: canvas.columns, height: canvas.rows },
      this.view,
    );
    const { version } = this.view;
    const key = [frame.cnt0, frame.slice, version, room.width, room.height]
      .join(" ");
    let scene = this.#scene;
    if (scene === undefined || key !== this.#sceneKey || frame.torn) {
      scene = makeScene(frame, this.view, room, this.#depth, this.preparation);
      this.#scene = scene;
      this.#sceneKey = key;
    }
    const now = performance.now();
    if (this.#notice !== undefined && this.#notice.until < now) {
      this.#notice = undefined;
    }
    drawScreen(
      canvas,
      frame,
      scene,
      {
        name: stream.name,
        size: stream.size,
        rateHz,
        jitterMs,
        notice: trouble === undefined
          ? this.#notice?.text
          : `${stream.name}: ${trouble}`,
        dark: this.darkValues,
      },
      this.view,
      this.#depth,
    );
  }
}
