/* Integers as RICE_1 tiles, shared out among a few threads. */
#define _GNU_SOURCE
#include "internal.h"
#include "tile.h"

struct share {
  const uint8_t *in;
  uint64_t first, end, count, pixels; /* tiles, and pixels of all */
  uint32_t width, flip;
  uint8_t *out;
  uint32_t *lengths;
  uint64_t bytes;
};

uint64_t shmim_rice_bound(uint64_t count, uint64_t pixels, uint32_t width) {
  if (pixels == 0) {
    return 0;
  }
  return (count / pixels + 1) * rice_bound(pixels, width);
}

/* Each share writes from its own place on; they are put together later. */
static void *encode_share(void *argument) {
  struct share *s = argument;
  for (uint64_t t = s->first; t < s->end; t++) {
    const uint64_t from = t * s->pixels;
    const uint64_t left = s->count - from;
    const uint64_t n = left < s->pixels ? left : s->pixels;
    const uint64_t bytes = rice_encode(s->in + from * s->width, n, s->width,
                                       s->flip, s->out + s->bytes);
    s->lengths[t] = (uint32_t)bytes;
    s->bytes += bytes;
  }
  return NULL;
}

int64_t shmim_rice_encode(const void *in, uint64_t count, uint64_t pixels,
                          uint32_t width, uint32_t flip, void *out,
                          uint64_t out_bytes, uint32_t *lengths) {
  if (in == NULL || out == NULL || lengths == NULL || count == 0 ||
      pixels == 0 || pixels > (uint64_t)1 << 28 ||
      (width != 1 && width != 2 && width != 4)) {
    return -EINVAL;
  }
  if (out_bytes < shmim_rice_bound(count, pixels, width)) {
    return -ERANGE;
  }
  const uint64_t tiles = (count - 1) / pixels + 1;
  const uint64_t threads = tile_threads(tiles, count * width);
  struct share shares[TILE_THREADS];
  pthread_t others[TILE_THREADS];
  bool started[TILE_THREADS] = {false};
  for (uint64_t i = 0; i < threads; i++) {
    const uint64_t first = tiles * i / threads;
    shares[i] = (struct share){
        .in = in,
        .first = first,
        .end = tiles * (i + 1) / threads,
        .count = count,
        .pixels = pixels,
        .width = width,
        .flip = flip,
        .out = (uint8_t *)out + first * rice_bound(pixels, width),
        .lengths = lengths,
    };
    started[i] = i + 1 < threads && start_thread(&others[i], encode_share,
                                                 &shares[i]) == 0;
    if (!started[i]) {
      encode_share(&shares[i]);
    }
  }
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < threads; i++) {
    if (started[i]) {
      pthread_join(others[i], NULL);
    }
    memmove((uint8_t *)out + bytes, shares[i].out, shares[i].bytes);
    bytes += shares[i].bytes;
  }
  return (int64_t)bytes;
}
