/**
 * What of the streams is shown, in which order, and the keys that change it:
 * no terminal and no stream is touched here.
 * @module
 */

import { globToRegExp } from "../../std/path/glob_to_regexp.ts";
import { COLUMN_IDS, columnOf, SORT_KEYS, VIEWS } from "./columns.ts";
import type { TopRow } from "./row.ts";

/** What is left to do after a key. */
export type TopEffect =
  | { readonly kind: "quit" | "interrupt" | "refresh" | "redraw" }
  | { readonly kind: "watch"; readonly row: TopRow }
  | {
    readonly kind: "remove";
    readonly row: TopRow;
    readonly force: boolean;
  };

/** What can be chosen before it begins. */
export interface BoardOptions {
  /** Names with `*` and `?`, or a part of them. */
  readonly pattern?: string | undefined;
  /** The column to sort by. Default: name. */
  readonly sort?: string | undefined;
  /** Columns of the first view. */
  readonly columns?: readonly string[] | undefined;
  /** Pictures a second. Default 2. */
  readonly fps?: number | undefined;
}

const SLOWEST_FPS = 0.5;
const FASTEST_FPS = 16;
/** How long something that happened is shown, ms. */
const NOTE_MS = 5000;

/** A question at the bottom of the screen. */
export type Prompt =
  | { readonly kind: "filter"; text: string }
  | {
    readonly kind: "remove";
    readonly row: TopRow;
    /** Who still uses it. */
    readonly user: number | undefined;
  };

function matcher(pattern: string): (name: string) => boolean {
  if (!/[*?[]/.test(pattern)) return (name) => name.includes(pattern);
  const glob = globToRegExp(pattern);
  return (name) => glob.test(name);
}

/** The rows in an order; equal ones by their names. */
export function sorted(
  rows: readonly TopRow[],
  by: string,
  reversed: boolean,
): TopRow[] {
  const { order } = columnOf(by);
  const sign = reversed ? -1 : 1;
  const keyed = rows.map((row) => ({ row, key: order(row) }));
  keyed.sort((a, b) => {
    // Texts upwards, numbers from the largest.
    const difference = typeof a.key === "number" && typeof b.key === "number"
      ? (a.key === b.key ? 0 : b.key > a.key ? 1 : -1)
      : a.key < b.key
      ? -1
      : a.key > b.key
      ? 1
      : 0;
    return sign * difference || (a.row.name < b.row.name ? -1 : 1);
  });
  return keyed.map(({ row }) => row);
}

/** The state of the table. */
export class Board {
  /** Which of {@linkcode VIEWS} is shown. */
  view = 0;
  /** Columns of the first view. */
  chosen: readonly string[];
  /** The column it is sorted by. */
  sort: string;
  /** The other way round. */
  reversed = false;
  /** Names that are shown, where it is applied. */
  pattern: string;
  /** Whether the pattern is applied. */
  filtered: boolean;
  /** Nothing changes. */
  paused = false;
  /** Values of all semaphores. */
  allSemaphores = false;
  /** The keys are shown. */
  help = false;
  /** The row of the chooser of columns; `undefined`: it is not shown. */
  chooser: number | undefined;
  /** What is asked. */
  prompt: Prompt | undefined;
  /** Pictures a second. */
  fps: number;
  /** Columns that are scrolled out to the left, after the name. */
  shift = 0;
  /** The first row on the screen. */
  first = 0;
  /** Rows that fit; told by whoever draws. */
  page = 1;
  #all: readonly TopRow[] = [];
  #rows: readonly TopRow[] = [];
  #selected: string | undefined;
  #note: { text: string; until: number } | undefined;

  /** Begins with what was asked for. */
  constructor(options: BoardOptions = {}) {
    this.chosen = options.columns ?? VIEWS[0]?.columns ?? [];
    this.sort = options.sort ?? "name";
    this.pattern = options.pattern ?? "";
    this.filtered = this.pattern !== "";
    this.fps = options.fps ?? 2;
  }

  /** The columns that are shown. */
  get columns(): readonly string[] {
    return this.view === 0 ? this.chosen : VIEWS[this.view]?.columns ?? [];
  }

  /** All streams, also those that the pattern hides. */
  get all(): readonly TopRow[] {
    return this.#all;
  }

  /** The rows, in order. */
  get rows(): readonly TopRow[] {
    return this.#rows;
  }

  /** Where the selected row stands. */
  get index(): number {
    const at = this.#rows.findIndex(({ name }) => name === this.#selected);
    return Math.max(0, at);
  }

  /** The selected row. */
  get selected(): TopRow | undefined {
    return this.#rows[this.index];
  }

  /** The row whose name begins on the screen, and those below. */
  get visible(): readonly TopRow[] {
    return this.#rows.slice(this.first, this.first + this.page);
  }

  /** Takes new rows. */
  update(rows: readonly TopRow[]): void {
    this.#all = rows;
    this.#arrange();
  }

  #arrange(): void {
    const before = this.index;
    const matches = this.filtered ? matcher(this.pattern) : () => true;
    const some = this.#all.filter(({ name }) => matches(name));
    this.#rows = sorted(some, this.sort, this.reversed);
    if (!this.#rows.some(({ name }) => name === this.#selected)) {
      this.#select(before); // the selected one has gone: its neighbour
    }
    this.#scroll();
  }

  #select(index: number): void {
    const last = this.#rows.length - 1;
    this.#selected = this.#rows[Math.min(last, Math.max(0, index))]?.name;
    this.#scroll();
  }

  #scroll(): void {
    const { index, page } = this;
    const last = Math.max(0, this.#rows.length - page);
    this.first = Math.min(index, last, Math.max(this.first, index - page + 1));
  }

  /** Rows that fit on the screen now. */
  fit(page: number): void {
    this.page = Math.max(1, page);
    this.#scroll();
  }

  /** Shows a line for a while. */
  note(text: string): void {
    this.#note = { text, until: performance.now() + NOTE_MS };
  }

  /** What happened, while it is new. */
  get noted(): string | undefined {
    const note = this.#note;
    return note === undefined || note.until < performance.now()
      ? undefined
      : note.text;
  }

  /** Asks whether a stream is to go, perhaps although somebody uses it. */
  askToRemove(row: TopRow, user?: number): void {
    this.prompt = { kind: "remove", row, user };
  }

  /**
   * Does what a key says.
   *
   * @returns What is left to do; `undefined` where the key has no meaning.
   */
  key(key: string): TopEffect | undefined {
    if (key === "ctrl-c") return { kind: "interrupt" };
    if (key === "ctrl-l") return { kind: "refresh" };
    if (this.prompt !== undefined) return this.#answer(this.prompt, key);
    if (this.chooser !== undefined) return this.#choose(this.chooser, key);
    if (this.help && key !== "q" && key !== "x") {
      this.help = false;
      return REDRAW;
    }
    return this.#command(key) ?? this.#move(key);
  }

  #answer(prompt: Prompt, key: string): TopEffect {
    if (prompt.kind === "remove") {
      this.prompt = undefined;
      const { row, user } = prompt;
      if (key === "y" || key === "Y") {
        return { kind: "remove", row, force: user !== undefined };
      }
      this.note("nothing removed");
      return REDRAW;
    }
    if (key === "enter") {
      this.prompt = undefined;
      this.pattern = prompt.text;
      this.filtered = prompt.text !== "";
      this.#arrange();
    } else if (key === "escape") this.prompt = undefined;
    else if (key === "backspace") prompt.text = prompt.text.slice(0, -1);
    else if (key === "space") prompt.text += " ";
    else if ([...key].length === 1) prompt.text += key;
    return REDRAW;
  }

  #choose(at: number, key: string): TopEffect {
    const count = COLUMN_IDS.length;
    if (key === "up") this.chooser = (at + count - 1) % count;
    else if (key === "down") this.chooser = (at + 1) % count;
    else if (key === "space") this.#toggle(COLUMN_IDS[at] ?? "name");
    else this.chooser = undefined;
    return REDRAW;
  }

  /** Shows or hides a column; the name is always there. */
  #toggle(id: string): void {
    if (id === "name") return;
    const has = new Set(this.chosen);
    if (!has.delete(id)) has.add(id);
    this.chosen = COLUMN_IDS.filter((one) => has.has(one));
  }

  #command(key: string): TopEffect | undefined {
    const row = this.selected;
    const view = VIEWS.findIndex((one) => one.key === key);
    const sort = /^[1-9]$/.test(key) ? SORT_KEYS[Number(key) - 1] : undefined;
    if (view >= 0) {
      this.view = view;
      this.shift = 0;
    } else if (sort !== undefined) {
      this.reversed = this.sort === sort ? !this.reversed : false;
      this.sort = sort;
      this.#arrange();
    } else if (key === "q" || key === "x") return { kind: "quit" };
    else if (key === "h" || key === "?" || key === "f1") this.help = true;
    else if (key === "space" || key === "p") this.paused = !this.paused;
    else if (key === "s") this.allSemaphores = !this.allSemaphores;
    else if (key === "F" || key === "/") {
      this.prompt = { kind: "filter", text: this.pattern };
    } else if (key === "f") {
      this.filtered = !this.filtered && this.pattern !== "";
      this.#arrange();
    } else if (key === "r") {
      this.reversed = !this.reversed;
      this.#arrange();
    } else if (key === "c") {
      this.view = 0;
      this.chooser = 0;
    } else if (key === "+" || key === "=") {
      this.fps = Math.min(FASTEST_FPS, this.fps * 2);
    } else if (key === "-") this.fps = Math.max(SLOWEST_FPS, this.fps / 2);
    else if (key === "enter" && row !== undefined) {
      return { kind: "watch", row };
    } else if ((key === "ctrl-e" || key === "delete") && row !== undefined) {
      this.askToRemove(row);
    } else return undefined;
    return REDRAW;
  }

  #move(key: string): TopEffect | undefined {
    const { index, page } = this;
    if (key === "up") this.#select(index - 1);
    else if (key === "down") this.#select(index + 1);
    else if (key === "page-up") this.#select(index - page);
    else if (key === "page-down") this.#select(index + page);
    else if (key === "home") this.#select(0);
    else if (key === "end") this.#select(this.#rows.length - 1);
    else if (key === "left") this.shift = Math.max(0, this.shift - 1);
    else if (key === "right") {
      this.shift = Math.min(this.columns.length - 2, this.shift + 1);
    } else return undefined;
    return REDRAW;
  }
}

const REDRAW: TopEffect = { kind: "redraw" };

/** The keys and what they do, for the help. */
export const TOP_KEYS: readonly (readonly [string, string])[] = [
  ["x q", "exit"],
  ["h ?", "these keys"],
  ["F2", "summary"],
  ["F3 F4", "PIDs of writers, of readers"],
  ["F5", "process traces"],
  ["F6", "bridges and their loss"],
  ["arrows", "select a stream; left, right: columns"],
  ["enter", "watch the image, q comes back"],
  ["ctrl-e", "remove the stream, after a question"],
  ["1 2 3", "sort by name, last update, readers"],
  ["4 5 6", "sort by rate, MB/s, jitter"],
  ["7 8 9", "sort by loss, size, writer"],
  ["r", "the other way round (or its number again)"],
  ["F /", "show only names with this, or with * and ?"],
  ["f", "all names, only those"],
  ["c", "choose columns"],
  ["s", "semaphores in use, values of all"],
  ["space", "pause, go on"],
  ["+ -", "draw more, less often"],
];
