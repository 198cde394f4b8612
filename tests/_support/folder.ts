/**
 * A stream folder that removes itself.
 * @module
 */

import "./load.ts";

/** A folder for one test's streams. */
export interface TestFolder extends Disposable {
  /** The folder. */
  readonly path: string;
  /** The file of a stream in it. */
  file(name: string): string;
}

/** Makes a folder that is removed with everything in it when disposed. */
export function streamFolder(): TestFolder {
  // Resolved, because messages name the real path.
  const path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "shmim_" }));
  return {
    path,
    file: (name) => `${path}/${name}.im.shm`,
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}
