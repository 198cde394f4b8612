/** The Worker's side of a narrowed run. @module */

/** What the Worker is told. */
export interface NarrowCall {
  /** The command line. */
  readonly words: readonly string[];
}

/** The Worker's own side of the channel. */
interface Port {
  onmessage: ((event: MessageEvent<NarrowCall>) => void) | null;
  postMessage(code: number): void;
}

/**
 * Takes the command line and runs it.
 *
 * @param main Runs it; `leave` ends the process at once.
 */
export function serveNarrowed(
  main: (
    words: readonly string[],
    leave: (code: number) => void,
  ) => Promise<number>,
): void {
  const port = globalThis as unknown as Port;
  // Nobody unloads a Worker whose process ends: the terminal is given back.
  const leave = (code: number): void => {
    globalThis.dispatchEvent(new Event("unload"));
    port.postMessage(code);
  };
  globalThis.addEventListener("unhandledrejection", () => {
    globalThis.dispatchEvent(new Event("unload"));
  });
  port.onmessage = async ({ data }): Promise<void> => {
    port.postMessage(await main(data.words, leave));
  };
}
