/** A FITS file: opened by name, its HDUs found, one image chosen. @module */

import { type FitsChecksumResult, verifyChecksum } from "./checksum.ts";
import { FitsError, quoted, withPlace, withPlaceAsync } from "./errors.ts";
import { GzipSource } from "./gzip_source.ts";
import type { FitsHdu } from "./hdu.ts";
import { FitsImage } from "./image.ts";
import { type FitsHduChoice, type FitsName, parseFitsName } from "./name.ts";
import { HduScanner } from "./scan.ts";
import { describeTiles } from "./tile/describe.ts";
import { restoreHdu } from "./tile/restore.ts";
import { type TileDecoder, TileSource } from "./tile/source.ts";
import type { SelectionOptions } from "./selection.ts";
import {
  type ByteSource,
  FileBytes,
  MemoryBytes,
  PlainSource,
  type RawBytes,
} from "./source.ts";

/** What is wanted of a file; what its name says in brackets comes second. */
export interface FitsOpenOptions extends SelectionOptions {
  /** The HDU; the first with pixels unless chosen. */
  readonly hdu?: FitsHduChoice;
  /** Whether DATASUM and CHECKSUM of the chosen HDU must hold, if present. */
  readonly verify?: boolean;
  /** Decodes tile-compressed images; without it they are refused. */
  readonly tiles?: TileDecoder;
}

/** Wraps a file's bytes by what they begin with. */
function sourceOf(raw: RawBytes): ByteSource {
  const start = new Uint8Array(2);
  raw.readAt(0, start);
  const gzip = start[0] === 0x1f && start[1] === 0x8b;
  return gzip ? new GzipSource(raw) : new PlainSource(raw);
}

/** Why an HDU cannot be read as an image; undefined when it can. */
function unreadable(hdu: FitsHdu): string | undefined {
  if (hdu.kind === "compressed") {
    return withPlace(
      { hdu: hdu.index },
      () => withoutPixels(describeTiles(hdu).image.size),
    );
  }
  if (hdu.kind === "groups") return "holds random groups, not an image";
  if (hdu.kind !== "image") {
    return `holds ${
      hdu.kind === "other" ? "an unknown extension" : "a table"
    }, not an image`;
  }
  return withoutPixels(hdu.axes);
}

/** Why axes have no pixels; undefined when they do. */
function withoutPixels(axes: readonly number[]): string | undefined {
  if (axes.length === 0) return "has no pixels (NAXIS is 0)";
  const empty = axes.indexOf(0);
  if (empty < 0) return undefined;
  return `has no pixels: axis ${empty + 1} is empty (NAXIS${empty + 1} is 0)`;
}

/** Finds the first HDU with pixels. */
async function findFirst(scanner: HduScanner): Promise<FitsHdu> {
  let empty: FitsHdu | undefined;
  for (let i = 0;; i++) {
    const hdu = await scanner.hdu(i);
    if (hdu === undefined) break;
    const problem = unreadable(hdu);
    if (problem === undefined) return hdu;
    // An axis of 0 tells more than the lack of any axis.
    if (!/^(image|groups|compressed)$/.test(hdu.kind)) continue;
    if (empty === undefined || empty.axes.length === 0) empty = hdu;
  }
  const count = scanner.found.length;
  if (empty !== undefined && (empty.axes.length > 0 || count === 1)) {
    throw new FitsError(unreadable(empty) ?? "", { hdu: empty.index });
  }
  throw new FitsError(`no pixels in any of the ${count} HDUs`);
}

/** Finds an HDU by EXTNAME and EXTVER. */
async function findNamed(
  scanner: HduScanner,
  name: string,
  version: number | undefined,
): Promise<FitsHdu> {
  const wanted = name.trim().toUpperCase();
  for (let i = 0;; i++) {
    const hdu = await scanner.hdu(i);
    if (hdu === undefined) break;
    const own = hdu.name.trim().toUpperCase();
    const primary = i === 0 && own === "" && wanted === "PRIMARY";
    if (own !== wanted && !primary) continue;
    if (version === undefined || hdu.version === version) return hdu;
  }
  const names = scanner.found.filter((hdu) => hdu.name !== "")
    .slice(0, 10).map((hdu) => quoted(`${hdu.name},${hdu.version}`));
  throw new FitsError(
    `no HDU is called ${
      quoted(version === undefined ? name : `${name},${version}`)
    }; there ${names.length === 0 ? "are no names" : `is ${names.join(", ")}`}`,
  );
}

/** Finds the HDU that was asked for and checks that it is an image. */
async function findHdu(
  scanner: HduScanner,
  choice: FitsHduChoice | undefined,
): Promise<FitsHdu> {
  if (choice === undefined) return await findFirst(scanner);
  if (typeof choice === "number") {
    const hdu = await scanner.hdu(choice);
    if (hdu === undefined) {
      throw new FitsError(
        `HDU ${choice} is asked for, the file has 0 to ${
          scanner.found.length - 1
        }`,
      );
    }
    return hdu;
  }
  return await findNamed(scanner, choice.name, choice.version);
}

/**
 * An open FITS file and the image that was chosen in it.
 *
 * @example Read an image
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { FitsFile, writeFits } from "./mod.ts";
 *
 * const dir = await Deno.makeTempDir();
 * const path = `${dir}/flat.fits`;
 * const data = new Uint16Array([1, 2, 3, 65535]);
 * await writeFits(path, { type: "u16", size: [2, 2], data });
 * {
 *   using file = await FitsFile.open(path);
 *   assertEquals(file.image.size, [2, 2]);
 *   assertEquals(await file.image.read(), data);
 * }
 * await Deno.remove(dir, { recursive: true });
 * ```
 */
export class FitsFile {
  /** The file's path without brackets; "" for a file in memory. */
  readonly path: string;
  /** The chosen image. */
  readonly image: FitsImage;
  readonly #source: ByteSource;
  readonly #scanner: HduScanner;
  /** As it stands in the file: of a compressed image the table. */
  readonly #hdu: FitsHdu;
  #closed = false;

  private constructor(
    path: string,
    source: ByteSource,
    scanner: HduScanner,
    image: FitsImage,
    hdu: FitsHdu,
  ) {
    this.#hdu = hdu;
    this.path = path;
    this.image = image;
    this.#source = source;
    this.#scanner = scanner;
  }

  /**
   * Opens a file and finds the image; no pixel is read yet. Needs the
   * permission to read this file.
   *
   * @param name The file, with CFITSIO's brackets or already taken apart.
   * @param options Which HDU and which of its pixels are wanted.
   * @returns The open file; close it, or declare it with `using`.
   * @throws {FitsError} When the file is no FITS file, is damaged, or does not
   * hold what was asked for.
   * @throws {SyntaxError} When the name's brackets cannot be read.
   * @throws {Deno.errors.NotFound} When there is no such file.
   */
  static async open(
    name: string | FitsName,
    options: FitsOpenOptions = {},
  ): Promise<FitsFile> {
    const parsed = typeof name === "string" ? parseFitsName(name) : name;
    const { path } = parsed;
    // Asked before opening: the open of a named pipe would wait for a writer.
    if (!(await Deno.stat(path)).isFile) {
      throw new FitsError("not a regular file", { path });
    }
    const raw = new FileBytes(await Deno.open(path, { read: true }));
    return await FitsFile.#start(path, raw, { ...parsed, ...options });
  }

  /**
   * Opens a FITS file that is in memory already.
   *
   * @param bytes The whole file, plain or gzip; it is not copied.
   * @param options Which HDU and which of its pixels are wanted.
   * @returns The open file.
   * @throws {FitsError} When the bytes are no FITS file, are damaged, or do
   * not hold what was asked for.
   */
  static async fromBytes(
    bytes: Uint8Array,
    options: FitsOpenOptions = {},
  ): Promise<FitsFile> {
    return await FitsFile.#start("", new MemoryBytes(bytes), options);
  }

  /** Finds the image; closes the bytes when that fails. */
  static async #start(
    path: string,
    raw: RawBytes,
    options: FitsOpenOptions,
  ): Promise<FitsFile> {
    const source = sourceOf(raw);
    try {
      return await withPlaceAsync(path === "" ? {} : { path }, async () => {
        const scanner = new HduScanner(source);
        const hdu = await findHdu(scanner, options.hdu);
        const problem = unreadable(hdu);
        if (problem !== undefined) {
          throw new FitsError(problem, { hdu: hdu.index });
        }
        const image = imageIn(source, hdu, options);
        if (options.verify === true) await mustVerify(source, hdu);
        return new FitsFile(path, source, scanner, image, hdu);
      });
    } catch (error) {
      source.close();
      throw error;
    }
  }

  /** Whether the pixels can be mapped from the file, or have to be inflated. */
  get storage(): "plain" | "gzip" | "tiles" {
    return this.image.tiles?.storage ?? this.#source.storage;
  }

  /** Whether the file is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** What was read around on the way to the image. */
  get warnings(): readonly string[] {
    return [...this.#scanner.warnings, ...this.image.warnings];
  }

  /**
   * All HDUs of the file; their data are skipped by their declared sizes.
   *
   * @returns The HDUs in order.
   * @throws {FitsError} When a header cannot be read.
   */
  async hdus(): Promise<readonly FitsHdu[]> {
    const place = this.path === "" ? {} : { path: this.path };
    await withPlaceAsync(place, async () => {
      while (await this.#scanner.hdu(this.#scanner.found.length)) continue;
    });
    return this.#scanner.found;
  }

  /**
   * Reads the beginning of an HDU's data.
   *
   * @param hdu The HDU.
   * @param bytes How much, at most what it declares.
   * @returns The bytes as they are stored.
   * @throws {FitsError} When the file ends before.
   */
  async readData(
    hdu: FitsHdu,
    bytes: number = hdu.dataBytes,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const into = new Uint8Array(Math.min(bytes, hdu.dataBytes));
    const count = await this.#source.read(hdu.dataOffset, into);
    if (count < into.length) {
      throw new FitsError("data are cut short", { hdu: hdu.index });
    }
    return into;
  }

  /**
   * Verifies DATASUM and CHECKSUM.
   *
   * @param hdu The HDU; the chosen image's when left out.
   * @returns What was found.
   */
  async verify(hdu: FitsHdu = this.#hdu): Promise<FitsChecksumResult> {
    return await verifyChecksum(this.#source, hdu);
  }

  /** Closes the file; doing so twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.close();
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The image that an HDU holds, in tiles or not. */
function imageIn(
  source: ByteSource,
  hdu: FitsHdu,
  options: FitsOpenOptions,
): FitsImage {
  if (hdu.kind !== "compressed") return new FitsImage(source, hdu, options);
  const place = { hdu: hdu.index };
  if (options.tiles === undefined) {
    throw new FitsError(
      "image is tile-compressed: FitsFile.open() needs the option `tiles`",
      place,
    );
  }
  const table = withPlace(place, () => describeTiles(hdu));
  const tiles = new TileSource(source, table, options.tiles);
  return new FitsImage(tiles, restoreHdu(table), options);
}

/** Fails when a sum that is present does not hold. */
async function mustVerify(source: ByteSource, hdu: FitsHdu): Promise<void> {
  const { datasum, checksum } = await verifyChecksum(source, hdu);
  for (
    const [keyword, found] of [
      ["DATASUM", datasum],
      ["CHECKSUM", checksum],
    ] as const
  ) {
    if (found !== "bad") continue;
    const card = hdu.header.card(keyword)?.number ?? 0;
    const what = keyword === "DATASUM" ? "the data" : "the HDU";
    throw new FitsError(`sum does not agree with ${what}`, {
      hdu: hdu.index,
      card,
      keyword,
    });
  }
}
