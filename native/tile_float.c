/*
 * Floats that were stored as integers times a scale. SUBTRACTIVE_DITHER takes
 * from each integer the noise that was added to it, out of a sequence that
 * the FITS standard fixes (Park & Miller's generator, seed 1).
 */
#include "tile.h"

#define SEQUENCE 10000
#define DITHERED_ZERO (-2147483646)
#define START 500

static float sequence[SEQUENCE];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_sequence(void) {
  uint64_t seed = 1;
  for (int i = 0; i < SEQUENCE; i++) {
    seed = seed * 16807 % 2147483647;
    sequence[i] = (float)((double)seed / 2147483647.0);
  }
}

/* No value: the NaN that CFITSIO writes, all bits set. */
static void put_blank(uint8_t *out, uint32_t width, uint64_t i) {
  memset(out + width * i, 0xff, width);
}

static void put(uint8_t *out, uint32_t width, uint64_t i, double value) {
  if (width == 4) {
    const float f = (float)value;
    uint32_t bits;
    memcpy(&bits, &f, 4);
    bits = __builtin_bswap32(bits);
    memcpy(out + 4 * i, &bits, 4);
  } else {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    bits = __builtin_bswap64(bits);
    memcpy(out + 8 * i, &bits, 8);
  }
}

static inline void plain(const void *in, uint32_t in_width, uint8_t *out,
                         uint32_t out_width, uint64_t n,
                         const struct quantized *q) {
  for (uint64_t i = 0; i < n; i++) {
    const int64_t v = stored_integer(in, in_width, i);
    if (q->has_blank && v == q->blank) {
      put_blank(out, out_width, i);
      continue;
    }
    put(out, out_width, i, (double)v * q->scale + q->zero);
  }
}

static inline void dithered(const void *in, uint32_t in_width, uint8_t *out,
                            uint32_t out_width, uint64_t n,
                            const struct quantized *q) {
  uint64_t row = q->row % SEQUENCE;
  uint64_t next = (uint64_t)(sequence[row] * START);
  for (uint64_t i = 0; i < n; i++) {
    const int64_t v = stored_integer(in, in_width, i);
    if (q->has_blank && v == q->blank) {
      put_blank(out, out_width, i);
    } else if (q->dither == 2 && v == DITHERED_ZERO) {
      put(out, out_width, i, 0);
    } else {
      const double steps = (double)v - (double)sequence[next] + 0.5;
      put(out, out_width, i, steps * q->scale + q->zero);
    }
    if (++next == SEQUENCE) {
      row = row + 1 == SEQUENCE ? 0 : row + 1;
      next = (uint64_t)(sequence[row] * START);
    }
  }
}

void unquantize(const void *in, uint32_t in_width, uint8_t *out,
                uint32_t out_width, uint64_t n, const struct quantized *q) {
  if (q->dither == 0) {
    if (in_width == 4 && out_width == 4) {
      plain(in, 4, out, 4, n, q);
    } else {
      plain(in, in_width, out, out_width, n, q);
    }
    return;
  }
  pthread_once(&once, fill_sequence);
  if (in_width == 4 && out_width == 4) {
    dithered(in, 4, out, 4, n, q);
  } else {
    dithered(in, in_width, out, out_width, n, q);
  }
}
