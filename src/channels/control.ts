/**
 * Starts, awaits and stops the processes of channels.
 * @module
 */

import { resolve } from "@std/path";
import { pause } from "../../ffi/clock.ts";
import { STATE_VARIABLE, variable } from "./place.ts";
import type { ChannelFiles, ChannelState } from "./state.ts";

const LOOK_MS = 50;
const DECODER = new TextDecoder();

/** Whether a channel's process has said how it does. */
export function isSettled({ condition }: ChannelState): boolean {
  return condition !== "starting" && condition !== "down" &&
    condition !== "crashed";
}

/** A process that was started and outlives us. */
export interface Started {
  /** Settles with what it said, when it has ended. */
  readonly ended: Promise<string>;
  /** Whether it has ended. */
  readonly over: () => boolean;
}

/** Variables that name a place: the process means the same one elsewhere. */
const PLACES = ["MILK_SHM_DIR", "SHMIM_CONFIG", STATE_VARIABLE];

function places(): Record<string, string> {
  return Object.fromEntries(PLACES.flatMap((name) => {
    const path = variable(name);
    return path === undefined ? [] : [[name, resolve(path)]];
  }));
}

/**
 * Starts a channel's process: in a session of its own, so that it outlives
 * the terminal.
 *
 * @param program What to run.
 * @param args Its arguments.
 */
export function startDetached(
  program: string,
  args: readonly string[],
): Started {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    env: places(),
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  child.unref();
  let over = false;
  const ended = (async (): Promise<string> => {
    let said = "";
    for await (const chunk of child.stderr) {
      said = (said + DECODER.decode(chunk)).slice(-4096);
    }
    await child.status;
    over = true;
    return said;
  })();
  return { ended, over: () => over };
}

/**
 * Waits until a channel is as it shall be, or its process has ended.
 *
 * @param files The channel.
 * @param timeoutMs How long to wait at most.
 * @param done Whether it is as it shall be.
 * @param over Whether the process that was started has ended.
 * @returns How it is then.
 */
export async function waitFor(
  files: ChannelFiles,
  timeoutMs: number,
  done: (state: ChannelState) => boolean,
  over: () => boolean = () => false,
): Promise<ChannelState> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const ended = over();
    const state = files.state();
    if (state.running ? done(state) : ended) return state;
    if (performance.now() > end) return state;
    await pause(LOOK_MS);
  }
}

/**
 * Stops a channel and waits until its process is gone.
 *
 * @returns How it was before; `running` is still true where it does not end.
 */
export async function stopChannel(
  files: ChannelFiles,
  timeoutMs: number,
): Promise<ChannelState> {
  const before = files.state();
  if (before.running) {
    files.askToStop();
    const end = performance.now() + timeoutMs;
    while (files.running) {
      if (performance.now() > end) return files.state();
      await pause(LOOK_MS);
    }
  }
  // A killed process has left its lock file: it goes with our own.
  using lock = await files.claim();
  if (lock === undefined) return files.state();
  files.forget();
  return { ...before, running: false };
}
