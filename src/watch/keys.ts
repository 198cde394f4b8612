/** The keys of `watch`, for its help, and what they lead to. @module */

/** What the program is to do after a key. */
export type KeyEffect = "quit" | "interrupt" | "dark" | "refresh" | "redraw";

/** The keys and what they do, for the help. */
export const KEYS: readonly (readonly [string, string])[] = [
  ["arrows", "move the cursor (shift: ten times as far)"],
  ["x", "cursor away"],
  ["+ -", "zoom in and out, around the cursor"],
  ["c", "next colour map"],
  ["l", "logarithm on, off"],
  ["a", "cuts: smallest to largest"],
  ["p", "cuts: 99.5, 99, 98, 95, 90 percent"],
  ["m", "many pixels in one dot: mean, nearest, peak"],
  ["f", "flip: first row on top, at the bottom"],
  ["[ ]", "slice of a cube"],
  ["n", "the newest slice"],
  ["d", "take this image as dark; again: without"],
  ["s", "statistics on, off"],
  ["h", "histogram on, off"],
  ["space", "pause, go on"],
  ["r", "reset all of it"],
  ["q", "quit"],
];
