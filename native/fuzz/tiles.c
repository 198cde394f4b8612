/*
 * Tiles whose bytes are hostile, in every codec: the job is sound where the
 * input says so. What was encoded decodes to the same.
 */
#include <stdlib.h>
#include <string.h>

#include "common.h"

#define MOST_TILES 4
#define MOST_PIXELS 4096

static struct shmim_tiles job_of(struct input *in) {
  static const uint32_t widths[4] = {1, 2, 4, 8};
  struct shmim_tiles job = {
      .axes = 1 + take(in, 1) % 3,
      .width = widths[take(in, 1) % 4],
      .floats = take(in, 1) & 1,
      .block = (uint32_t)(take(in, 1) & 1 ? 32 : take(in, 2)),
      .smooth = take(in, 1) & 1,
      .dither = take(in, 1) % 4,
      .seed = (int64_t)take(in, 2),
      .offset = take(in, 1) & 1 ? -32768 : 0,
  };
  for (uint32_t i = 0; i < job.axes; i++) {
    job.size[i] = 1 + take(in, 1) % 16;
    job.tile[i] = take(in, 1) % 24;
  }
  job.count = take(in, 1) % (MOST_TILES + 1);
  job.first = take(in, 1) % 4;
  job.from = take(in, 1) % 32;
  job.pixels = take(in, 2) % MOST_PIXELS;
  if (take(in, 1) % 16 == 0) {
    job.size[take(in, 1) % 3] = take_edge(in);
  }
  return job;
}

static void decode(struct input *in) {
  const struct shmim_tiles job = job_of(in);
  struct shmim_tile tiles[MOST_TILES] = {{0}};
  for (int i = 0; i < MOST_TILES; i++) {
    tiles[i] = (struct shmim_tile){
        .codec = (uint32_t)take(in, 1) % 7,
        .width = 1u << take(in, 1) % 5,
        .quantized = take(in, 1) & 1,
        .has_blank = take(in, 1) & 1,
        .blank = -2147483647,
        .scale = 0.25,
        .zero = -7,
    };
  }
  /* The rest, in memory of its own length. */
  uint8_t *bytes = malloc(in->left + 1);
  memcpy(bytes, in->at, in->left);
  bytes = realloc(bytes, in->left == 0 ? 1 : in->left);
  for (int i = 0; i < MOST_TILES; i++) {
    tiles[i].from = in->left * (uint64_t)i / MOST_TILES;
    tiles[i].bytes = in->left - tiles[i].from;
  }
  const uint64_t room = job.pixels * job.width;
  uint8_t *out = malloc(room == 0 ? 1 : room);
  struct shmim_tile_report report;
  const int32_t rc = shmim_tiles_decode(&job, tiles, bytes, in->left, out,
                                        room, &report);
  REQUIRE(rc <= 0);
  REQUIRE(rc == 0 || rc != -74 || report.problem != 0);
  free(out);
  free(bytes);
}

static void there_and_back(struct input *in) {
  const uint32_t width = 1u << take(in, 1) % 3;
  const uint64_t per_tile = 1 + take(in, 1);
  const uint64_t count = in->left / width;
  if (count == 0) {
    return;
  }
  const uint64_t tiles = (count - 1) / per_tile + 1;
  const uint64_t bound = shmim_rice_bound(count, per_tile, width);
  uint8_t *pixels = malloc(count * width);
  uint8_t *packed = malloc(bound);
  uint8_t *back = malloc(count * width);
  uint32_t *lengths = malloc(tiles * sizeof *lengths);
  struct shmim_tile *table = calloc(tiles, sizeof *table);
  memcpy(pixels, in->at, count * width);
  const int64_t bytes = shmim_rice_encode(pixels, count, per_tile, width, 0,
                                          packed, bound, lengths);
  REQUIRE(bytes > 0 && (uint64_t)bytes <= bound);
  uint64_t from = 0;
  for (uint64_t i = 0; i < tiles; i++) {
    table[i] = (struct shmim_tile){.from = from,
                                   .bytes = lengths[i],
                                   .codec = SHMIM_TILE_RICE,
                                   .width = width};
    from += lengths[i];
  }
  REQUIRE(from == (uint64_t)bytes);
  const struct shmim_tiles job = {.axes = 1,
                                  .width = width,
                                  .block = 32,
                                  .count = tiles,
                                  .pixels = count,
                                  .size = {count},
                                  .tile = {per_tile}};
  struct shmim_tile_report report;
  REQUIRE(shmim_tiles_decode(&job, table, packed, (uint64_t)bytes, back,
                             count * width, &report) == 0);
  for (uint64_t i = 0; i < count * width; i++) {
    /* Big-endian again. */
    REQUIRE(back[i] == pixels[i - i % width + (width - 1 - i % width)]);
  }
  free(table);
  free(lengths);
  free(back);
  free(packed);
  free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {.at = data, .left = size};
  if (take(&in, 1) % 4 == 0) {
    there_and_back(&in);
  } else {
    decode(&in);
  }
  return 0;
}
