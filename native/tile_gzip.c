/*
 * gzip files as tiles hold them: RFC 1952. The sum at the end is checked.
 */
#include "tile.h"

/* Eight tables: the sum of eight bytes at a time. */
static uint32_t sums[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fill_sums(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int k = 0; k < 8; k++) {
      c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    sums[0][i] = c;
  }
  for (int t = 1; t < 8; t++) {
    for (uint32_t i = 0; i < 256; i++) {
      sums[t][i] = sums[t - 1][i] >> 8 ^ sums[0][sums[t - 1][i] & 255];
    }
  }
}

static uint32_t crc32_of(const uint8_t *p, uint64_t n) {
  uint32_t c = ~0u;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t v;
    memcpy(&v, p, 8);
    v ^= c;
    c = 0;
    for (int k = 0; k < 8; k++) {
      c ^= sums[7 - k][v >> (8 * k) & 255];
    }
  }
  for (; n > 0; n--, p++) {
    c = c >> 8 ^ sums[0][(c ^ *p) & 255];
  }
  return ~c;
}

static uint32_t little_endian_32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
         (uint32_t)p[3] << 24;
}

/* Skips the head; NULL where it is none. */
static const uint8_t *body_of(const uint8_t *in, const uint8_t *end) {
  enum { SUM = 2, EXTRA = 4, NAME = 8, COMMENT = 16 };
  if (end - in < 18 || in[0] != 0x1f || in[1] != 0x8b || in[2] != 8 ||
      in[3] > 31) {
    return NULL;
  }
  const uint8_t flags = in[3];
  const uint8_t *p = in + 10;
  if (flags & EXTRA) {
    const int64_t length = p[0] | p[1] << 8;
    if (end - p < 2 + length) {
      return NULL;
    }
    p += 2 + length;
  }
  for (int text = (flags & NAME ? 1 : 0) + (flags & COMMENT ? 1 : 0); text > 0;
       text--) {
    p = memchr(p, 0, (size_t)(end - p));
    if (p == NULL) {
      return NULL;
    }
    p++;
  }
  if (flags & SUM) {
    p = end - p >= 2 ? p + 2 : NULL;
  }
  return p;
}

uint32_t gzip_length(const uint8_t *in, uint64_t bytes) {
  return bytes < 4 ? 0 : little_endian_32(in + bytes - 4);
}

problem_t gzip_inflate(const uint8_t *in, uint64_t bytes, uint8_t *out,
                       uint64_t size) {
  const uint8_t *const end = in + bytes;
  const uint8_t *next = body_of(in, end);
  if (next == NULL) {
    return SHMIM_TILE_DAMAGED;
  }
  const problem_t p = inflate_all(&next, end, out, size);
  if (p != 0) {
    return p;
  }
  if (end - next < 8) {
    return SHMIM_TILE_ENDS;
  }
  pthread_once(&once, fill_sums);
  return crc32_of(out, size) == little_endian_32(next) ? 0 : SHMIM_TILE_SUM;
}
