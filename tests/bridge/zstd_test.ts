/** A compressed connection, with streams whose formats differ. */

import { assertEquals } from "@std/assert";
import type { Keyword } from "../../src/stream/keywords.ts";
import { Stream } from "../../src/stream/stream.ts";
import { Ends } from "./_ends.ts";

const KEYWORDS: readonly Keyword[] = [
  { name: "GAIN", type: "L", value: 3n, comment: "of the camera" },
  { name: "EXPTIME", type: "D", value: 0.25, comment: "s" },
  { name: "FILTER", type: "S", value: "H", comment: "wheel 2" },
];

Deno.test("a compressed frame of DAO's format comes with its keywords", async () => {
  await using ends = new Ends({ format: "dao" }, true);
  ends.source.setKeywords(KEYWORDS);
  ends.source.write(Uint16Array.from({ length: 12 }, (_, i) => i));
  const { receiving } = ends.join({ zstd: true });
  await receiving.frames(1);
  using copy = ends.copy();
  assertEquals(copy.read().pixels, ends.source.read().pixels);
  assertEquals(copy.keywords(), ends.source.keywords());
});

Deno.test("a compressed frame goes into DAO's format with its keywords", async () => {
  await using ends = new Ends({}, true);
  using copy = Stream.create(ends.source.name, {
    dir: ends.there.path,
    size: [4, 3],
    type: "u16",
    format: "dao",
  });
  ends.source.setKeywords(KEYWORDS);
  ends.source.write(Uint16Array.from({ length: 12 }, (_, i) => i));
  const { receiving } = ends.join({ zstd: true });
  await receiving.frames(1);
  assertEquals(copy.read().pixels, ends.source.read().pixels);
  assertEquals(copy.keywords(), ends.source.keywords());
});

Deno.test("a compressed connection carries the keywords in use, wherever they are", async () => {
  await using ends = new Ends();
  const { source } = ends;
  source.setKeywords(KEYWORDS);
  const { keywords } = source.layout.table;
  const unused = new Uint8Array(128); // has a name, but no type
  unused.set(new TextEncoder().encode("NONE"));
  unused[16] = "N".charCodeAt(0);
  source.mapping.store(keywords, unused);
  source.write(new Uint16Array(12));
  const { receiving, transmitting } = ends.join({
    zstd: true,
    keywords: "used",
  });
  await receiving.frames(1);
  using copy = ends.copy();
  assertEquals(copy.keywords(), KEYWORDS.slice(1));
  assertEquals(transmitting.transmitter.status().droppedKeywords, 0);
});
