/** A header: cards in order, looked up by keyword. @module */

import { type FitsCard, parseCard } from "./card.ts";
import { FitsError } from "./errors.ts";
import { CARD_BYTES } from "./types.ts";
import type { FitsValue } from "./value.ts";

/** Appends a CONTINUE card's piece of string and comment to a card. */
function joined(card: FitsCard, next: FitsCard): FitsCard {
  const head = String(card.value).slice(0, -1);
  const comments = [card.comment, next.comment];
  const { problem = next.problem, ...rest } = card;
  return {
    ...rest,
    value: `${head}${String(next.value)}`,
    comment: comments.filter((text) => text !== "").join(" "),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Whether `next` carries on the long string of `card`. */
function continues(card: FitsCard | undefined, next: FitsCard): boolean {
  return next.keyword === "CONTINUE" && typeof next.value === "string" &&
    typeof card?.value === "string" && card.value.endsWith("&");
}

/** Makes commentary of a CONTINUE card that continues nothing. */
function orphan(card: FitsCard): FitsCard {
  return {
    number: card.number,
    keyword: card.keyword,
    value: undefined,
    comment: card.comment,
    commentary: true,
    problem: "CONTINUE follows no string that ends in &",
  };
}

/**
 * The cards of one header. Of a keyword that occurs twice the first card is
 * the one that {@linkcode FitsHeader.get} finds; {@linkcode FitsHeader.cards}
 * has them all.
 */
export class FitsHeader {
  /** Every card up to END, CONTINUE cards joined to the one they continue. */
  readonly cards: readonly FitsCard[];
  /** How many 80-byte cards the header holds, END included. */
  readonly cardCount: number;
  readonly #first = new Map<string, FitsCard>();

  /**
   * @param cards The joined cards, in order.
   * @param cardCount How many 80-byte cards they were, END included.
   */
  private constructor(cards: readonly FitsCard[], cardCount: number) {
    this.cards = cards;
    this.cardCount = cardCount;
    for (const card of cards) {
      const key = card.keyword.toUpperCase();
      if (!card.commentary && !this.#first.has(key)) {
        this.#first.set(key, card);
      }
    }
  }

  /**
   * Reads the cards of a header.
   *
   * @param bytes The header up to and including its END card.
   * @returns The header.
   * @throws {FitsError} When a keyword holds bytes that are not ASCII.
   */
  static parse(bytes: Uint8Array): FitsHeader {
    const cards: FitsCard[] = [];
    const count = Math.floor(bytes.length / CARD_BYTES);
    let open: { card: FitsCard; pieces: FitsCard[] } | undefined;
    const close = (): void => {
      if (open === undefined) return;
      cards.push(open.pieces.reduce(joined, open.card));
      open = undefined;
    };
    for (let i = 0; i < count; i++) {
      const from = i * CARD_BYTES;
      const card = parseCard(bytes.subarray(from, from + CARD_BYTES), i + 1);
      if (card.keyword === "END" && card.commentary) break;
      if (continues(open?.pieces.at(-1) ?? open?.card, card)) {
        open?.pieces.push(card);
        continue;
      }
      close();
      open = {
        card: card.keyword === "CONTINUE" ? orphan(card) : card,
        pieces: [],
      };
    }
    close();
    return new FitsHeader(cards, count);
  }

  /**
   * Makes a header of cards.
   *
   * @param cards The cards, CONTINUE cards joined already.
   * @param cardCount How many 80-byte cards the header took, END included.
   * @returns The header.
   */
  static of(cards: readonly FitsCard[], cardCount: number): FitsHeader {
    return new FitsHeader(cards, cardCount);
  }

  /**
   * Whether a keyword with a value field is there.
   *
   * @param keyword A keyword, in any case; without the word HIERARCH.
   * @returns Whether such a card exists.
   */
  has(keyword: string): boolean {
    return this.#first.has(keyword.toUpperCase());
  }

  /**
   * The first card of a keyword.
   *
   * @param keyword A keyword, in any case; without the word HIERARCH.
   * @returns The card, or undefined when there is none.
   */
  card(keyword: string): FitsCard | undefined {
    return this.#first.get(keyword.toUpperCase());
  }

  /**
   * A keyword's value.
   *
   * @param keyword A keyword, in any case; without the word HIERARCH.
   * @returns The value, null where the card leaves it undefined, or undefined
   * when there is no such card or its value cannot be read.
   */
  get(keyword: string): FitsValue | undefined {
    return this.card(keyword)?.value;
  }

  /**
   * The lines of a commentary keyword.
   *
   * @param keyword `HISTORY`, `COMMENT` or "" for cards without a keyword.
   * @returns The text of each card, in order.
   */
  commentary(keyword: string): string[] {
    return this.cards
      .filter((card) => card.commentary && card.keyword === keyword)
      .map((card) => card.comment);
  }

  /**
   * The integer that a keyword must hold.
   *
   * @param keyword A keyword.
   * @param fallback What to return when the keyword is absent.
   * @returns The integer.
   * @throws {FitsError} When the keyword is absent and there is no fallback,
   * or its value is no integer.
   */
  integer(keyword: string, fallback?: bigint): bigint {
    const card = this.card(keyword);
    if (card === undefined) {
      if (fallback !== undefined) return fallback;
      throw new FitsError(`${keyword} is missing`, { keyword });
    }
    if (typeof card.value === "bigint") return card.value;
    const found = typeof card.value === "number" ? String(card.value) : "";
    throw new FitsError(
      card.problem ??
        `an integer is needed${found === "" ? "" : `, found ${found}`}`,
      { card: card.number, keyword },
    );
  }

  /**
   * The number that a keyword may hold, integer or not.
   *
   * @param keyword A keyword.
   * @param fallback What to return when the keyword is absent or undefined.
   * @returns The number; an integer as bigint.
   * @throws {FitsError} When the value is no number.
   */
  real(keyword: string, fallback: number): number | bigint {
    const card = this.card(keyword);
    if (card === undefined || card.value === null) return fallback;
    const { value } = card;
    if (typeof value === "bigint") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw new FitsError(card.problem ?? "a finite number is needed", {
      card: card.number,
      keyword,
    });
  }

  /**
   * The text that a keyword may hold.
   *
   * @param keyword A keyword.
   * @returns The text, or undefined when it is absent or no string.
   */
  text(keyword: string): string | undefined {
    const value = this.get(keyword);
    return typeof value === "string" ? value : undefined;
  }

  /**
   * What is wrong with the header without keeping it from being read.
   *
   * @returns One line for each card that has a problem.
   */
  problems(): string[] {
    return this.cards.flatMap((card) =>
      card.problem === undefined ? [] : [
        new FitsError(card.problem, {
          card: card.number,
          keyword: card.keyword,
        }).message,
      ]
    );
  }
}

/**
 * Fails with the place of a keyword's card, or the keyword that is missing.
 *
 * @param header The header.
 * @param keyword The keyword that is wrong.
 * @param problem What is wrong, in lower case.
 * @throws {FitsError} always.
 */
export function failAt(
  header: FitsHeader,
  keyword: string,
  problem: string,
): never {
  const card = header.card(keyword)?.number;
  throw new FitsError(
    problem,
    card === undefined ? { keyword } : { keyword, card },
  );
}
