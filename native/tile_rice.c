/*
 * RICE_1: differences of neighbouring pixels, in blocks. A block begins with
 * the number of low bits that are written as they are; the rest of a
 * difference comes before them as so many zeros and a one.
 */
#include "tile.h"

/* By bytes of a pixel: bits of a block's head, and the head (less 1) by which
 * whole differences follow. */
static unsigned head_bits(uint32_t width) {
  return width == 1 ? 3 : width == 2 ? 4 : 5;
}

static unsigned plain_head(uint32_t width) {
  return width == 1 ? 6 : width == 2 ? 14 : 25;
}

/* Zeros up to the next one, which is dropped as well. */
static uint64_t zeros_slowly(struct bits *b) {
  uint64_t zeros = 0;
  for (;;) {
    bits_fill(b);
    if (b->count == 0) {
      b->over = true;
      return 0;
    }
    const unsigned here = b->word == 0 ? 64 : (unsigned)__builtin_clzll(b->word);
    if (here < b->count) {
      bits_drop(b, here + 1);
      return zeros + here;
    }
    zeros += b->count;
    bits_drop(b, b->count);
  }
}

static inline uint32_t unfold(uint32_t v) {
  return (v >> 1) ^ -(v & 1);
}

#pragma GCC push_options
#pragma GCC optimize("O3")

#define DECODE(type)                                                        \
  static problem_t decode_##type(struct bits *b, type *out, uint64_t n,     \
                                 uint32_t block) {                          \
    const unsigned head = head_bits(sizeof(type));                          \
    const unsigned plain = plain_head(sizeof(type));                        \
    const unsigned width = 8 * sizeof(type);                                \
    type last = (type)bits_take(b, width);                                  \
    for (uint64_t i = 0; i < n;) {                                          \
      const uint64_t end = n - i < block ? n : i + block;                   \
      const uint32_t mark = bits_take(b, head);                             \
      if (b->over || mark > plain + 1) {                                    \
        return b->over ? SHMIM_TILE_ENDS : SHMIM_TILE_DAMAGED;              \
      }                                                                     \
      if (mark == 0) {                                                      \
        for (; i < end; i++) {                                              \
          out[i] = last;                                                    \
        }                                                                   \
        continue;                                                           \
      }                                                                     \
      if (mark == plain + 1) {                                              \
        for (; i < end; i++) {                                              \
          last = (type)(last + unfold(bits_take(b, width)));                \
          out[i] = last;                                                    \
        }                                                                   \
        continue;                                                           \
      }                                                                     \
      const unsigned low = mark - 1;                                        \
      struct bits c = *b;                                                   \
      for (; i < end; i++) {                                                \
        bits_fill(&c);                                                      \
        const unsigned zeros =                                              \
            (unsigned)__builtin_clzll(c.word | 1);                          \
        uint32_t v;                                                         \
        if (zeros + 1 + low <= c.count && zeros < 32) {                     \
          c.word <<= zeros + 1;                                             \
          v = (uint32_t)(c.word >> 1 >> (63 - low)) | zeros << low;         \
          c.word <<= low;                                                   \
          c.count -= zeros + 1 + low;                                       \
        } else {                                                            \
          v = (uint32_t)(zeros_slowly(&c) << low);                          \
          v |= bits_take(&c, low);                                          \
          if (c.over) {                                                     \
            return SHMIM_TILE_ENDS;                                         \
          }                                                                 \
        }                                                                   \
        last = (type)(last + unfold(v));                                    \
        out[i] = last;                                                      \
      }                                                                     \
      *b = c;                                                               \
    }                                                                       \
    return b->over ? SHMIM_TILE_ENDS : 0;                                   \
  }
DECODE(uint8_t)
DECODE(uint16_t)
DECODE(uint32_t)

#pragma GCC pop_options

problem_t rice_decode(const uint8_t *in, uint64_t bytes, void *out,
                      uint64_t n, uint32_t width, uint32_t block) {
  /* A block takes its head at least: so much cannot come of so little. */
  if ((n + block - 1) / block * head_bits(width) + 8 * width > bytes * 8) {
    return SHMIM_TILE_ENDS;
  }
  struct bits b;
  bits_start(&b, in, bytes);
  switch (width) {
  case 1:
    return decode_uint8_t(&b, out, n, block);
  case 2:
    return decode_uint16_t(&b, out, n, block);
  default:
    return decode_uint32_t(&b, out, n, block);
  }
}

uint64_t rice_bound(uint64_t n, uint32_t width) {
  /* By the choice of low_bits() a block is hardly longer than its differences
   * as they are: a byte more for its head and for rounding. */
  return n * width + width + n / RICE_BLOCK + 16;
}

/* Bits on their way out, the most significant first. */
struct writer {
  uint8_t *next;
  uint64_t word;  /* the last `count` bits are waiting */
  unsigned count; /* below 32 between two calls */
};

/* Up to 32 bits. */
static inline void put_bits(struct writer *w, uint32_t v, unsigned n) {
  w->word = w->word << n | v;
  w->count += n;
  if (w->count >= 32) {
    w->count -= 32;
    const uint32_t out = __builtin_bswap32((uint32_t)(w->word >> w->count));
    memcpy(w->next, &out, 4);
    w->next += 4;
  }
}

static uint64_t written(struct writer *w, const uint8_t *start) {
  for (; w->count >= 8; w->count -= 8) {
    *w->next++ = (uint8_t)(w->word >> (w->count - 8));
  }
  if (w->count > 0) {
    *w->next++ = (uint8_t)(w->word << (8 - w->count));
  }
  return (uint64_t)(w->next - start);
}

/* How many low bits of a block's differences are written as they are. */
static unsigned low_bits(uint64_t sum, uint64_t n) {
  const uint64_t less = n / 2 + 1;
  const uint64_t mean = sum < less ? 0 : (sum - less) / n;
  return mean < 2 ? 0 : 63 - (unsigned)__builtin_clzll(mean);
}

#pragma GCC push_options
#pragma GCC optimize("O3")

#define ENCODE(type, signed_type)                                           \
  static void encode_##type(struct writer *out, const type *in, uint64_t n, \
                            uint32_t block, type flip) {                    \
    const unsigned head = head_bits(sizeof(type));                          \
    const unsigned plain = plain_head(sizeof(type));                        \
    const unsigned width = 8 * sizeof(type);                                \
    uint32_t folded[RICE_BLOCK];                                            \
    type last = (type)(in[0] ^ flip);                                       \
    struct writer w = *out;                                                 \
    put_bits(&w, last, width);                                              \
    for (uint64_t i = 0; i < n; i += block) {                               \
      const uint64_t m = n - i < block ? n - i : block;                     \
      uint64_t sum = 0;                                                     \
      for (uint64_t k = 0; k < m; k++) {                                    \
        const type v = (type)(in[i + k] ^ flip);                            \
        const int32_t d = (signed_type)(type)(v - last);                    \
        folded[k] = (uint32_t)d << 1 ^ (uint32_t)(d >> 31);                 \
        sum += folded[k];                                                   \
        last = v;                                                           \
      }                                                                     \
      const unsigned low = low_bits(sum, m);                                \
      if (sum == 0) {                                                       \
        put_bits(&w, 0, head);                                              \
        continue;                                                           \
      }                                                                     \
      if (low >= plain) {                                                   \
        put_bits(&w, plain + 1, head);                                      \
        for (uint64_t k = 0; k < m; k++) {                                  \
          put_bits(&w, folded[k], width);                                   \
        }                                                                   \
        continue;                                                           \
      }                                                                     \
      put_bits(&w, low + 1, head);                                          \
      const uint32_t mask = (1u << low) - 1;                                \
      for (uint64_t k = 0; k < m; k++) {                                    \
        uint32_t top = folded[k] >> low;                                    \
        const uint32_t tail = 1u << low | (folded[k] & mask);               \
        if (top + 1 + low <= 32) {                                          \
          put_bits(&w, tail, top + 1 + low);                                \
          continue;                                                         \
        }                                                                   \
        for (; top > 31; top -= 31) {                                       \
          put_bits(&w, 0, 31);                                              \
        }                                                                   \
        put_bits(&w, 0, top);                                               \
        put_bits(&w, tail, 1 + low);                                        \
      }                                                                     \
    }                                                                       \
    *out = w;                                                               \
  }
ENCODE(uint8_t, int8_t)
ENCODE(uint16_t, int16_t)
ENCODE(uint32_t, int32_t)

#pragma GCC pop_options

uint64_t rice_encode(const void *in, uint64_t n, uint32_t width,
                     uint32_t flip, uint8_t *out) {
  struct writer w = {.next = out};
  switch (width) {
  case 1:
    encode_uint8_t(&w, in, n, RICE_BLOCK, flip ? 0x80u : 0);
    break;
  case 2:
    encode_uint16_t(&w, in, n, RICE_BLOCK, flip ? 0x8000u : 0);
    break;
  default:
    encode_uint32_t(&w, in, n, RICE_BLOCK, flip ? 0x80000000u : 0);
    break;
  }
  return written(&w, out);
}
