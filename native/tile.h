/* What the files about tile-compressed images share: see shmim.h. */
#ifndef SHMIM_TILE_H
#define SHMIM_TILE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shmim.h"

/* A codec's word for a tile that cannot be read: enum shmim_tile_problem, or
 * a negative errno; 0 is success. */
typedef int32_t problem_t;

/* Memory that grows and is kept from one tile to the next. */
struct room {
  void *bytes;
  uint64_t size;
};
void *room_for(struct room *room, uint64_t bytes);

/* Bits of a stream, the most significant first. Past the end zeros come and
 * `over` says so: whoever loops looks at it. */
struct bits {
  const uint8_t *next, *end;
  uint64_t word;  /* the next bits, left-aligned */
  unsigned count; /* how many of them count */
  bool over;
};

static inline void bits_start(struct bits *b, const uint8_t *in,
                              uint64_t bytes) {
  *b = (struct bits){.next = in, .end = in + bytes};
}

static inline uint64_t big_endian_64(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return __builtin_bswap64(v);
}

/* At least 56 bits count afterwards, unless the stream ends. */
static inline void bits_fill(struct bits *b) {
  if (b->end - b->next >= 8) {
    b->word |= big_endian_64(b->next) >> b->count;
    b->next += (63 - b->count) >> 3;
    b->count |= 56;
    return;
  }
  while (b->count <= 56 && b->next < b->end) {
    b->word |= (uint64_t)*b->next++ << (56 - b->count);
    b->count += 8;
  }
}

static inline void bits_drop(struct bits *b, unsigned n) {
  b->word = n < 64 ? b->word << n : 0;
  b->count -= n;
}

/* 0 to 32 bits. */
static inline uint32_t bits_take(struct bits *b, unsigned n) {
  if (n == 0) {
    return 0;
  }
  if (b->count < n) {
    bits_fill(b);
    if (b->count < n) {
      b->over = true;
      return 0;
    }
  }
  const uint32_t v = (uint32_t)(b->word >> (64 - n));
  bits_drop(b, n);
  return v;
}

/* tile_rice.c: `n` pixels of `width` bytes (1, 2 or 4), in native order. */
problem_t rice_decode(const uint8_t *in, uint64_t bytes, void *out,
                      uint64_t n, uint32_t width, uint32_t block);
/* Pixels of a block that is written. */
#define RICE_BLOCK 32
/* The most bytes that `n` pixels can take. */
uint64_t rice_bound(uint64_t n, uint32_t width);
/* Native integers, their sign bit inverted where `flip` is not 0. Returns the
 * bytes written: never more than rice_bound(). */
uint64_t rice_encode(const void *in, uint64_t n, uint32_t width,
                     uint32_t flip, uint8_t *out);

/* tile_inflate.c: deflated data of exactly `size` bytes; `in` moves behind
 * them. */
problem_t inflate_all(const uint8_t **in, const uint8_t *end, uint8_t *out,
                      uint64_t size);

/* tile_gzip.c: a whole gzip file of exactly `size` bytes. */
problem_t gzip_inflate(const uint8_t *in, uint64_t bytes, uint8_t *out,
                       uint64_t size);
/* The length that a gzip file says it has: its last four bytes. */
uint32_t gzip_length(const uint8_t *in, uint64_t bytes);

/* tile_hcompress.c: `n` pixels as 64-bit integers; `work` holds the same. */
problem_t hcompress_decode(const uint8_t *in, uint64_t bytes, int64_t *out,
                           int64_t *work, struct room *cells, uint64_t n,
                           bool smooth);

/* tile_plio.c: `n` pixels of a mask. */
problem_t plio_decode(const uint8_t *in, uint64_t bytes, int32_t *out,
                      uint64_t n);

/* A native integer of 1 (unsigned), 2, 4 or 8 bytes. */
static inline int64_t stored_integer(const void *in, uint32_t width,
                                     uint64_t i) {
  switch (width) {
  case 1:
    return ((const uint8_t *)in)[i];
  case 2:
    return ((const int16_t *)in)[i];
  case 4:
    return ((const int32_t *)in)[i];
  default:
    return ((const int64_t *)in)[i];
  }
}

/* tile_float.c: quantized integers to big-endian floats. */
struct quantized {
  double scale, zero;
  bool has_blank;
  int64_t blank;
  uint32_t dither;  /* 0 none, 1 or 2: SUBTRACTIVE_DITHER_n */
  uint64_t row;     /* the tile's number plus ZDITHER0, from 0 */
};
void unquantize(const void *in, uint32_t in_width, uint8_t *out,
                uint32_t out_width, uint64_t n, const struct quantized *q);

/* tile_threads.c: how many threads are worth it, TILE_THREADS at most. */
#define TILE_THREADS 4
uint64_t tile_threads(uint64_t tiles, uint64_t bytes);

/* tile_decode.c: what is decoded, and where to. */
struct tiling {
  const struct shmim_tiles *job;
  const struct shmim_tile *tiles;
  const uint8_t *in;
  uint8_t *out;                  /* NULL: nothing is kept */
  const struct shmim_convert *c; /* NULL: pixels stay as in the file */
};

/* One thread's memory. */
struct tile_worker {
  const struct tiling *what;
  struct room numbers, work, pixels, cells;
};
/* Tile `index` of the job, whose bytes and sizes were looked at before. */
problem_t decode_tile(struct tile_worker *w, uint64_t index);
void tile_worker_free(struct tile_worker *w);

/* convert.c: stored values to a stream's, without any check. */
void convert_values(uint8_t *out, const uint8_t *in, uint64_t n,
                    const struct shmim_convert *c);
/* convert.c: 0 when so many values may be put into the data block there. */
int32_t convert_usable(const struct shmim_stream *s, uint64_t offset,
                       uint64_t count, const struct shmim_convert *c);

#endif
