/**
 * How the two processes that carry segments between two partitions find and
 * know each other: one listens, one connects, each says who it is.
 * @module
 */

import { pause } from "../../ffi/clock.ts";
import { Admission } from "../bridge/admission.ts";
import { plainMessage } from "../bridge/connect.ts";
import {
  HandshakeError,
  initiate,
  respond,
  SERVICE,
} from "../bridge/handshake.ts";
import { plainAddress } from "../bridge/peer.ts";
import { positive, whole } from "./check.ts";
import { PartitionError } from "./errors.ts";
import { Line, type LineEnds, type Message } from "./line.ts";

/** Version of what is said on the line. */
const VERSION = 1;
const GREETING_MS = 5000;
/** How soon a lost line is tried again, and how late at most, ms. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 2000;
/** Connections that have not shown the key yet, and new ones in a second. */
const LIMITS = { open: 8, perSecond: 20 };

/** Which end connects: the one with the higher number of a partition. */
export type MeetingPlace =
  | { readonly listen: string }
  | { readonly host: string; readonly port: number };

type Parcel = Parameters<LineEnds["onParcel"]>[0];

/** Who meets whom, and who is told. */
export interface MeetingOptions {
  /** Our partition. */
  readonly partition: number;
  /** The other one. */
  readonly peer: number;
  /** Where they meet. */
  readonly where: MeetingPlace;
  /** The key that both have. */
  readonly key: Uint8Array<ArrayBuffer> | undefined;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** After how many seconds of silence we give a partition up. */
  readonly timeoutS: () => number;
  /** Why there is no line, once for each reason. */
  readonly tell: (message: string) => void;
  /** The peer is known; `timeoutS` is its own. */
  readonly onMet: (line: Line, timeoutS: number) => void;
  /** A line has ended, whether it was one that stood or not. */
  readonly onLost: (line: Line) => void;
  /** What the peer says then. */
  readonly onMessage: (message: Message, line: Line) => void;
  /** What it brings. */
  readonly onParcel: (parcel: Parcel, line: Line) => void;
  /** As for {@linkcode LineEnds}. */
  readonly most: LineEnds["most"];
}

/** Meets the peer, and again whenever the line is lost. */
export class Meeting {
  readonly #options: MeetingOptions;
  readonly #listener: Deno.TcpListener | undefined;
  readonly #admission = new Admission(LIMITS);
  #retryMs = FIRST_RETRY_MS;
  #why = "";

  /** Listens where that is this end's part. */
  constructor(options: MeetingOptions) {
    const { where } = options;
    this.#options = options;
    this.#listener = "listen" in where
      ? Deno.listen({ hostname: where.listen, port: 0 })
      : undefined;
  }

  /** The port that it listens on; 0 where it connects. */
  get port(): number {
    return this.#listener === undefined
      ? 0
      : (this.#listener.addr as Deno.NetAddr).port;
  }

  /** Why there is no line; empty where one stands. */
  get why(): string {
    return this.#why;
  }

  /** Meets until the signal comes. */
  run(): Promise<void> {
    return this.#listener === undefined
      ? this.#connect()
      : this.#accept(this.#listener);
  }

  /** Listens no more. */
  close(): void {
    this.#listener?.close();
  }

  async #connect(): Promise<void> {
    const { where, key, signal } = this.#options;
    if ("listen" in where) return;
    const { host, port } = where;
    while (!signal.aborted) {
      let connection: Deno.TcpConn | undefined;
      try {
        connection = await Deno.connect({
          hostname: host,
          port,
          signal: AbortSignal.any([signal, AbortSignal.timeout(GREETING_MS)]),
        });
        const opened = connection;
        await this.#meet(opened, () =>
          initiate(opened, {
            service: SERVICE.segments,
            ...key === undefined ? {} : { key },
          }));
      } catch (error) {
        if (error instanceof Deno.errors.NotCapable) throw error;
        this.#notMet(error);
      } finally {
        close(connection);
      }
      await pause(this.#retryMs, signal);
      this.#retryMs = Math.min(LAST_RETRY_MS, 2 * this.#retryMs);
    }
  }

  #notMet(error: unknown): void {
    const { peer, signal, tell } = this.#options;
    const why = plainMessage(error);
    if (signal.aborted || why === this.#why) return;
    this.#why = why;
    tell(`no line to partition ${peer}: ${why}`);
  }

  async #accept(listener: Deno.TcpListener): Promise<void> {
    const { key } = this.#options;
    for await (const connection of listener) {
      const { hostname } = connection.remoteAddr as Deno.NetAddr;
      const guest = this.#admission.enter(
        plainAddress(hostname),
        () => close(connection),
      );
      if (guest === undefined) {
        connection.close();
        continue;
      }
      this.#meet(connection, () =>
        respond(connection, new Uint8Array(0), {
          service: SERVICE.segments,
          ...key === undefined ? {} : { key },
        }), guest.known)
        .catch((error) => this.#notMet(error))
        .finally(() => {
          guest.known();
          close(connection);
        });
    }
  }

  /** Greets, and stays until the line is lost. */
  async #meet(
    connection: Deno.TcpConn,
    greet: () => ReturnType<typeof initiate>,
    onKnown: () => void = () => {},
  ): Promise<void> {
    const { partition, peer, timeoutS, signal, most } = this.#options;
    const { onMet, onLost, onMessage, onParcel } = this.#options;
    const late = setTimeout(() => close(connection), GREETING_MS);
    let greeted = false;
    const done = (): void => {
      if (greeted) return;
      greeted = true;
      clearTimeout(late);
      onKnown();
    };
    let line: Line | undefined;
    try {
      const met = line = new Line(await greet(), connection);
      const running = met.run({
        onMessage: (message) => {
          if (greeted) return onMessage(message, met);
          if (message.t !== "hello") {
            throw new PartitionError("It does not say who it is");
          }
          const theirs = this.#requirePeer(message);
          done();
          this.#retryMs = FIRST_RETRY_MS;
          this.#why = "";
          onMet(met, theirs);
        },
        onParcel: (parcel) => onParcel(parcel, met),
        most,
      });
      met.send({
        t: "hello",
        from: partition,
        to: peer,
        version: VERSION,
        timeoutS: timeoutS(),
      });
      if (signal.aborted) met.close();
      await running;
    } finally {
      done();
      line?.close();
      if (line !== undefined) onLost(line);
    }
  }

  /** The peer's own `timeout`, where it is the one that is waited for. */
  #requirePeer(message: Message): number {
    const { partition, peer } = this.#options;
    const from = whole(message, "from");
    const to = whole(message, "to");
    const version = whole(message, "version");
    if (version !== VERSION) {
      throw new HandshakeError(
        `it speaks version ${version} of the line, we ${VERSION}`,
      );
    }
    if (from !== peer || to !== partition) {
      throw new HandshakeError(
        `it is partition ${from} and looks for ${to}; here is ` +
          `${partition}, which waits for ${peer}`,
      );
    }
    return positive(message, "timeoutS");
  }
}

function close(connection: Deno.TcpConn | undefined): void {
  try {
    connection?.close();
  } catch {
    // it was lost already
  }
}
