import { assertEquals, assertRejects } from "@std/assert";
import { FitsError, FitsFile, writeFits } from "../../src/fits/mod.ts";
import {
  card,
  count,
  extensionCards,
  header,
  imageCards,
  int16Image,
  joined,
} from "./fits_bytes.ts";

const dir = await Deno.makeTempDir();
const path = `${dir}/two words.fits`;

Deno.test.beforeAll(async () => {
  const sci = (version: number) =>
    joined(
      header(
        ...extensionCards(16, [4, 3, 2]),
        "EXTNAME = 'SCI'",
        card("EXTVER", version),
      ),
      int16Image([4, 3, 2], count(24).map((v) => v + 100 * version))
        .subarray(2880),
    );
  await Deno.writeFile(
    path,
    joined(header(...imageCards(8, [])), sci(1), sci(2)),
  );
});

Deno.test.afterAll(async () => {
  await Deno.remove(dir, { recursive: true });
});

Deno.test("FitsFile.open() heeds CFITSIO's brackets", async () => {
  const first = async (name: string) => {
    using file = await FitsFile.open(name);
    return [file.path, [...file.image.size], (await file.image.read())[0]];
  };
  assertEquals(await first(path), [path, [4, 3, 2], 100]);
  assertEquals(await first(`${path}[2]`), [path, [4, 3, 2], 200]);
  assertEquals(await first(`${path}[sci,2]`), [path, [4, 3, 2], 200]);
  assertEquals(await first(`${path}[*,*,2:2]`), [path, [4, 3], 112]);
  assertEquals(await first(`${path}[SCI,2][2:3,*,2]`), [path, [2, 3], 213]);
});

Deno.test("FitsFile.open() takes a name apart already, brackets and all", async () => {
  const odd = `${dir}/odd[1].fits[2]`;
  await writeFits(odd, { type: "u8", size: [1], data: new Uint8Array([7]) });
  using file = await FitsFile.open({ path: odd });
  assertEquals(await file.image.read(), new Uint8Array([7]));
});

Deno.test("FitsFile.open() lets options win over brackets", async () => {
  using file = await FitsFile.open(`${path}[1]`, { hdu: 2 });
  assertEquals(file.image.hdu.index, 2);
});

Deno.test("FitsFile.close() may be called twice", async () => {
  const file = await FitsFile.open(path);
  assertEquals(file.closed, false);
  file.close();
  file.close();
  assertEquals(file.closed, true);
  await assertRejects(() => file.image.read(), Deno.errors.BadResource);
});

Deno.test("FitsImage.readSlice() reads one slice of a cube beyond 4 GiB", async () => {
  const big = `${dir}/big.fits`;
  const slices = 5_000;
  const bytes = 1000 * 500 * 2;
  await Deno.writeFile(big, header(...imageCards(16, [1000, 500, slices])));
  // A file with a hole takes no room on the disk.
  await Deno.truncate(big, 2880 + bytes * slices);
  {
    using file = await Deno.open(big, { write: true });
    await file.seek(-2, Deno.SeekMode.End);
    await file.write(new Uint8Array([0x12, 0x34]));
  }
  using file = await FitsFile.open(big);
  assertEquals(file.image.size, [1000, 500, slices]);
  const last = await file.image.readSlice(slices - 1);
  assertEquals([last.length, last.at(-2), last.at(-1)], [500_000, 0, 0x1234]);
  assertEquals(file.image.mappable, {
    offset: 2880,
    byteLength: bytes * slices,
  });
});

Deno.test("FitsFile.open() does not wait for a named pipe", async () => {
  const pipe = `${dir}/pipe.fits`;
  await new Deno.Command("mkfifo", { args: [pipe] }).output();
  await assertRejects(
    () => FitsFile.open(pipe),
    FitsError,
    "not a regular file",
  );
});
