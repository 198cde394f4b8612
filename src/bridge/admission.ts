/**
 * Who may knock: connections of peers that have not shown yet who they are.
 * They are few at a time, each for a limited time, and each address has so
 * many in a second, so that a crowd takes neither memory nor the turn of
 * others. Where all places are taken the address that has most of them makes
 * room, so that a crowd pushes its own out and not a peer that is slow.
 * @module
 */

/** What is bounded. */
export interface AdmissionLimits {
  /** Connections that have not shown who they are. */
  readonly open: number;
  /** New ones of one address in a second. */
  readonly perSecond: number;
}

/** 64 at once, 100 a second from one address. */
export const ADMISSION: AdmissionLimits = { open: 64, perSecond: 100 };

/** Addresses that are told apart; others share one count. */
const MAX_ADDRESSES = 1024;

/** A connection that was let in. */
export interface Guest extends Disposable {
  /** It has shown who it is: it no longer counts, and stays. */
  known(): void;
  /** Whether it had to go for a later one. */
  readonly evicted: boolean;
}

interface Waiting {
  readonly address: string;
  readonly close: () => void;
  evicted: boolean;
}

/** The door of one listening port. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #now: () => number;
  readonly #waiting = new Set<Waiting>();
  readonly #seen = new Map<string, number>();
  #second = -1;
  /** Connections that were closed at once: too many of their address. */
  refused = 0;
  /** Connections that had to go for later ones. */
  evicted = 0;

  /**
   * Opens the door.
   *
   * @param limits What is bounded.
   * @param now A clock, ms.
   */
  constructor(
    limits: AdmissionLimits = ADMISSION,
    now: () => number = () => performance.now(),
  ) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Connections that have not shown who they are. */
  get open(): number {
    return this.#waiting.size;
  }

  #counts(address: string): boolean {
    const second = Math.floor(this.#now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#seen.clear();
    }
    const name = this.#seen.size < MAX_ADDRESSES || this.#seen.has(address)
      ? address
      : "";
    const count = (this.#seen.get(name) ?? 0) + 1;
    this.#seen.set(name, count);
    return count <= this.#limits.perSecond;
  }

  /** Of the address with the most places, the one that has waited longest. */
  #crowding(): Waiting | undefined {
    const firsts = new Map<string, { one: Waiting; count: number }>();
    let most: { one: Waiting; count: number } | undefined;
    for (const one of this.#waiting) {
      const found = firsts.getOrInsertComputed(
        one.address,
        () => ({ one, count: 0 }),
      );
      found.count++;
    }
    for (const found of firsts.values()) {
      if (most === undefined || found.count > most.count) most = found;
    }
    return most?.one;
  }

  /**
   * Lets a connection in; where all places are taken one goes: of the address
   * that has most of them, the one that has waited longest.
   *
   * @param address Where it comes from.
   * @param close Closes it.
   * @returns `undefined` where it is to be closed at once.
   */
  enter(address: string, close: () => void): Guest | undefined {
    if (!this.#counts(address)) {
      this.refused++;
      return undefined;
    }
    if (this.#waiting.size >= this.#limits.open) {
      const one = this.#crowding();
      if (one !== undefined) {
        this.#waiting.delete(one);
        this.evicted++;
        one.evicted = true;
        one.close();
      }
    }
    const waiting: Waiting = { address, close, evicted: false };
    this.#waiting.add(waiting);
    const known = (): void => void this.#waiting.delete(waiting);
    return {
      known,
      get evicted(): boolean {
        return waiting.evicted;
      },
      [Symbol.dispose]: known,
    };
  }
}
