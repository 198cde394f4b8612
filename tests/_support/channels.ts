/**
 * Hosts of a channel table on this machine: each has streams and a state
 * folder of its own.
 * @module
 */

import { knownChannels } from "../../src/channels/state.ts";
import { Folder, json, type Outcome, shmim, until } from "./cli.ts";

/** A host; whatever runs there is stopped at the end. */
export class ChannelHost implements AsyncDisposable {
  /** Its streams. */
  readonly streams: Folder = new Folder("/tmp");
  readonly #within: readonly string[];
  readonly #state = new Folder("/tmp");
  readonly #env: Readonly<Record<string, string>>;

  /**
   * @param role Its role.
   * @param table The channel table's file.
   * @param within What starts a program there, where it is not here.
   */
  constructor(role: string, table: string, within: readonly string[] = []) {
    this.#within = within;
    this.#env = {
      MAGAOX_ROLE: role,
      SHMIM_CONFIG: table,
      SHMIM_STATE_DIR: this.#state.path,
    };
  }

  /** Where state and logs lie. */
  get state(): string {
    return this.#state.path;
  }

  /** Variables that a command there has. */
  get env(): Record<string, string> {
    return { ...this.#env, MILK_SHM_DIR: this.streams.path };
  }

  /** Runs `shmim bridge`. */
  bridge(
    words: readonly string[],
    around: { flags?: readonly string[]; env?: Record<string, string> } = {},
  ): Promise<Outcome> {
    return shmim(["bridge", ...words], {
      folder: this.streams,
      within: this.#within,
      ...around.flags === undefined ? {} : { flags: around.flags },
      env: { ...this.#env, ...around.env },
    });
  }

  /** What `--status --json` says of a channel. */
  // deno-lint-ignore no-explicit-any
  async status(channel: string): Promise<any> {
    const { out } = await this.bridge(["--status", "--json", channel]);
    return json(out)[0];
  }

  /** Waits until a channel is in this state, by its report. */
  async until(channel: string, condition: string): Promise<void> {
    let last: unknown;
    await until(() => `${condition}: ${JSON.stringify(last)}`, async () => {
      last = await this.status(channel);
      return (last as { condition: string }).condition === condition;
    });
  }

  /** A channel's log. */
  log(channel: string): string {
    return Deno.readTextFileSync(`${this.state}/${channel}.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (knownChannels(this.state).length > 0) {
      await this.bridge(["--stop", "--all"]);
    }
    this.streams[Symbol.dispose]();
    this.#state[Symbol.dispose]();
  }
}
