/*
 * Tests of the tile decoders and of the RICE encoder, for what a sanitizer
 * must watch: streams that end anywhere, and lengths that lie.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

static uint64_t seed = 88172645463325252u;

static uint64_t any(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/* Decodes one tile from memory of exactly its length. */
static int32_t decode(const struct shmim_tiles *job, uint32_t codec,
                      uint32_t width, const uint8_t *in, uint64_t bytes,
                      uint8_t *out, struct shmim_tile_report *report) {
  const struct shmim_tile tile = {
      .bytes = bytes, .codec = codec, .width = width};
  uint8_t *exact = malloc(bytes == 0 ? 1 : bytes);
  memcpy(exact, in, bytes);
  const int32_t rc = shmim_tiles_decode(job, &tile, exact, bytes, out,
                                        job->pixels * job->width, report);
  free(exact);
  return rc;
}

static struct shmim_tiles line(uint64_t n, uint32_t width) {
  return (struct shmim_tiles){.axes = 1,
                              .width = width,
                              .block = 32,
                              .count = 1,
                              .pixels = n,
                              .size = {n},
                              .tile = {n}};
}

/* Every length of block and every kind of pixels; then cut at every byte. */
static void test_rice(void) {
  for (uint32_t width = 1; width <= 4; width *= 2) {
    for (uint32_t kind = 0; kind < 6; kind++) {
      const uint64_t n = 1 + any() % 300;
      uint8_t pixels[1200] = {0};
      uint8_t back[1200];
      for (uint64_t i = 0; i < n * width; i++) {
        const bool low = i % width == 0;
        pixels[i] = kind == 0 || (kind == 1 && low) || any() % 40 == kind
                        ? (uint8_t)any()
                        : 0;
      }
      const uint64_t bound = shmim_rice_bound(n, n, width);
      uint8_t *packed = malloc(bound);
      uint32_t length;
      const int64_t bytes =
          shmim_rice_encode(pixels, n, n, width, 0, packed, bound, &length);
      REQUIRE(bytes > 0 && length == (uint64_t)bytes);
      const struct shmim_tiles job = line(n, width);
      struct shmim_tile_report report;
      REQUIRE(decode(&job, SHMIM_TILE_RICE, width, packed, length, back,
                   &report) == 0);
      for (uint64_t i = 0; i < n * width; i++) {
        REQUIRE(back[i] == pixels[i - i % width + (width - 1 - i % width)]);
      }
      for (uint64_t cut = 0; cut < length; cut++) {
        REQUIRE(decode(&job, SHMIM_TILE_RICE, width, packed, cut, back,
                     &report) == -74);
        REQUIRE(report.problem == SHMIM_TILE_ENDS);
      }
      free(packed);
    }
  }
}

/* "abcabcabc…" of 64 bytes, by gzip -9n. */
static const uint8_t packed_text[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x4b,
    0x4c, 0x4a, 0x4e, 0xa4, 0x04, 0x01, 0x00, 0xce, 0xd1, 0xb4, 0xc8,
    0x40, 0x00, 0x00, 0x00};

static void test_gzip(void) {
  const struct shmim_tiles job = line(64, 1);
  struct shmim_tile_report report;
  uint8_t out[64];
  REQUIRE(decode(&job, SHMIM_TILE_GZIP, 1, packed_text, sizeof packed_text, out,
               &report) == 0);
  for (int i = 0; i < 64; i++) {
    REQUIRE(out[i] == "abc"[i % 3]);
  }
  for (uint64_t cut = 0; cut < sizeof packed_text; cut++) {
    REQUIRE(decode(&job, SHMIM_TILE_GZIP, 1, packed_text, cut, out, &report) ==
          -74);
  }
  /* One bit changed anywhere behind the head is noticed, or means nothing:
   * the bits that fill the last byte. */
  for (uint64_t bit = 80; bit < 8 * sizeof packed_text; bit++) {
    uint8_t wrong[sizeof packed_text];
    memcpy(wrong, packed_text, sizeof wrong);
    wrong[bit / 8] ^= (uint8_t)(1u << bit % 8);
    uint8_t again[64];
    const int32_t rc = decode(&job, SHMIM_TILE_GZIP, 1, wrong, sizeof wrong,
                              again, &report);
    REQUIRE(rc == -74 || (rc == 0 && memcmp(again, out, 64) == 0));
  }
}

/* Where tiles at the edges go, and what lies outside the wanted pixels. */
static void test_places(void) {
  /* 5x4 pixels in tiles of 3x2: 3x2, 2x2, 3x2, 2x2. */
  uint8_t in[20];
  uint8_t image[20];
  for (int i = 0; i < 20; i++) {
    image[i] = (uint8_t)(i + 1);
  }
  struct shmim_tile tiles[4];
  uint64_t at = 0;
  for (int t = 0; t < 4; t++) {
    const int x0 = t % 2 * 3;
    const int y0 = t / 2 * 2;
    tiles[t] = (struct shmim_tile){.from = at, .width = 1};
    for (int y = y0; y < y0 + 2; y++) {
      for (int x = x0; x < x0 + 3 && x < 5; x++) {
        in[at++] = image[y * 5 + x];
      }
    }
    tiles[t].bytes = at - tiles[t].from;
  }
  struct shmim_tiles job = {.axes = 2,
                            .width = 1,
                            .count = 4,
                            .size = {5, 4},
                            .tile = {3, 2}};
  struct shmim_tile_report report;
  for (job.from = 0; job.from <= 20; job.from++) {
    for (job.pixels = 0; job.pixels <= 20 - job.from; job.pixels++) {
      uint8_t *out = malloc(job.pixels + 1);
      REQUIRE(shmim_tiles_decode(&job, tiles, in, 20, out, job.pixels,
                               &report) == 0);
      REQUIRE(memcmp(out, image + job.from, job.pixels) == 0);
      free(out);
    }
  }
}

static void test_lies(void) {
  uint8_t in[64] = {0};
  uint8_t out[64];
  struct shmim_tile_report report;
  struct shmim_tile tile = {.bytes = 64, .width = 1};
  struct shmim_tiles job = line(64, 1);
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == 0);
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 63, out, 64, &report) == -22);
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 63, &report) == -34);
  tile.from = UINT64_MAX;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == -22);
  tile.from = 0;
  tile.bytes = 63;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == -74);
  REQUIRE(report.problem == SHMIM_TILE_LENGTH && report.tile == 0);
  job.size[0] = UINT64_MAX;
  job.tile[0] = UINT64_MAX;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == -74);
  REQUIRE(report.problem == SHMIM_TILE_LARGE);
  job = line(64, 1);
  job.first = UINT64_MAX;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == -22);
  job = line(64, 1);
  job.axes = SHMIM_TILE_AXES + 1;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, out, 64, &report) == -22);
  /* Far more pixels than 64 bytes can hold, and no memory for them. */
  job = line(1ull << 27, 4);
  tile = (struct shmim_tile){.bytes = 64, .width = 4, .codec = SHMIM_TILE_RICE};
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, NULL, 0, &report) == -74);
  REQUIRE(report.problem == SHMIM_TILE_ENDS);
  tile.codec = SHMIM_TILE_HCOMPRESS;
  REQUIRE(shmim_tiles_decode(&job, &tile, in, 64, NULL, 0, &report) == -74);
  REQUIRE(report.problem == SHMIM_TILE_LARGE);
  uint32_t length;
  REQUIRE(shmim_rice_encode(in, 64, 64, 1, 0, out, 64, &length) == -34);
  REQUIRE(shmim_rice_encode(in, 0, 64, 1, 0, out, 64, &length) == -22);
}

const struct test tiles_tests[] = {
    {"shmim_rice_encode() and back, cut anywhere", test_rice},
    {"shmim_tiles_decode() of gzip, cut and changed", test_gzip},
    {"shmim_tiles_decode() puts tiles in their places", test_places},
    {"shmim_tiles_decode() of jobs that lie", test_lies},
    {NULL, NULL},
};
