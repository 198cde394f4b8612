/**
 * A folder for a test's streams and files, which removes itself.
 * @module
 */

import { standStill } from "../../ffi/clock.ts";
import "./load.ts";

const PATIENCE_MS = 10_000;
const LOOK_MS = 20;

/**
 * Removes a folder into which processes that end at this moment may still put
 * something.
 */
function removeFolder(path: string): void {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return Deno.removeSync(path, { recursive: true });
    } catch (error) {
      const filled = error instanceof Error && /not empty/.test(error.message);
      if (!filled || performance.now() > end) throw error;
      standStill(LOOK_MS);
    }
  }
}

/** A folder that goes away with its content. */
export class Folder implements Disposable {
  /** Its path, without links: messages name the real one. */
  readonly path: string;

  /** @param dir Where it is made; the permission sets name `/tmp`. */
  constructor(dir?: string) {
    this.path = Deno.realPathSync(Deno.makeTempDirSync({
      prefix: "shmim-test-",
      ...dir === undefined ? {} : { dir },
    }));
  }

  /** A path inside. */
  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** The file of a stream inside. */
  stream(name: string): string {
    return this.file(`${name}.im.shm`);
  }

  /** What lies in it, sorted. */
  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  /** Where bridges tell of themselves: beside it, for streams lie inside. */
  get state(): string {
    return `${this.path}-state`;
  }

  [Symbol.dispose](): void {
    removeFolder(this.path);
    try {
      removeFolder(this.state);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
