/**
 * A folder for a test's streams and files, which removes itself.
 * @module
 */

import "./load.ts";

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
    Deno.removeSync(this.path, { recursive: true });
    try {
      Deno.removeSync(this.state, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
