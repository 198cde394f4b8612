/**
 * DAO's golden files, the table of offsets of its format document, and
 * folders whose streams' semaphores go with them: all of it independent of
 * the code under test.
 * @module
 */

import { MANIFEST } from "./fixtures.ts";
import { Folder } from "./folder.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** A metadata record of the manifest. */
export interface DaoRecord {
  readonly name: string;
  readonly naxis: number;
  readonly size: readonly number[];
  readonly nelement: number;
  readonly atype: number;
  readonly "creation_time": number;
  readonly "last_access": number;
  readonly atime: { readonly secondlong: string };
  readonly shared: number;
  readonly sem: number;
  readonly cnt0: number;
  readonly cnt1: number;
  readonly cnt2: number;
  readonly write: number;
  readonly NBkw: number;
  readonly lastPos: number;
  readonly lastNb: number;
  readonly packetNb: number;
  readonly packetTotal: number;
  readonly lastNbArrayNonZero: Readonly<Record<string, number>>;
  readonly "fifo_size"?: number;
  readonly "fifo_last_written"?: number;
}

/** A file of the manifest. */
export interface DaoFile {
  readonly path: string;
  readonly bytes: number;
  readonly expected: {
    readonly metadata: readonly DaoRecord[];
    readonly blocks: Readonly<Record<string, { readonly offset: number }>>;
    readonly segments: readonly {
      readonly index: number;
      readonly values: readonly number[];
    }[];
    readonly keywords: readonly {
      readonly name: string;
      readonly type: "L" | "D" | "S";
      readonly value: number | string;
      readonly comment: string;
    }[];
  };
}

/** DAO's streams in the manifest. */
export const DAO_FILES: readonly DaoFile[] = (
  MANIFEST.files as unknown as DaoFile[]
).filter(({ path }) => /^dao\/.*\.im\.shm$/.test(path));

interface Layout {
  readonly structs: Readonly<
    Record<
      string,
      {
        readonly size: number;
        readonly members: readonly {
          readonly name: string;
          readonly offset: number;
          readonly size: number;
        }[];
      }
    >
  >;
  readonly datatypes: readonly {
    readonly code: number;
    readonly type: string;
  }[];
}

/** The format document's table. */
export const DAO_LAYOUT: Layout = JSON.parse(
  Deno.readTextFileSync(new URL("dao.layout.json", FIXTURES)),
);

/** Offset of a member of the metadata record. */
export function daoOffset(name: string): number {
  const { members } = DAO_LAYOUT.structs.metadata ?? { members: [] };
  const found = members.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no member "${name}"`);
  return found.offset;
}

/**
 * A folder for DAO streams whose names nobody else has; their semaphores go
 * with it.
 */
export class DaoFolder extends Folder {
  readonly #mark = `t${Deno.pid}x${crypto.randomUUID().slice(0, 8)}`;

  /** A base name of this folder's own. */
  base(name: string): string {
    return `${this.#mark}_${name}`;
  }

  /** The file of such a stream. */
  dao(name: string): string {
    return this.stream(this.base(name));
  }

  /** The files of a stream's semaphores that are there. */
  semaphores(name: string): string[] {
    return shared(`sem.${this.base(name)}_sem`);
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    for (const path of shared(`sem.${this.#mark}_`)) Deno.removeSync(path);
  }
}

/** Files of shared memory whose names begin so. */
function shared(prefix: string): string[] {
  return [...Deno.readDirSync("/dev/shm")].map((entry) => entry.name)
    .filter((name) => name.startsWith(prefix)).sort()
    .map((name) => `/dev/shm/${name}`);
}
