/*
 * Pixels of FITS files: big-endian in, the stream's own type out. The file is
 * mapped, guarded as streams are, and swapped straight into the stream: one
 * crossing of the memory, without a copy in between. Where it cannot be
 * mapped it is read in pieces that stay in the cache.
 */
#define _GNU_SOURCE
#include <byteswap.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "internal.h"
#include "tile.h"

#define PIECE 262144
#define WINDOW 4194304
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

#pragma GCC push_options
#pragma GCC optimize("O3")

#define EXACT(bits)                                                     \
  WIDE static void exact##bits(uint8_t *restrict out,                   \
                               const uint8_t *restrict in, uint64_t n,  \
                               uint##bits##_t flip) {                   \
    for (uint64_t i = 0; i < n; i++) {                                  \
      uint##bits##_t v;                                                 \
      memcpy(&v, in + i * sizeof v, sizeof v);                          \
      v = (uint##bits##_t)(bswap_##bits(v) ^ flip);                     \
      memcpy(out + i * sizeof v, &v, sizeof v);                         \
    }                                                                   \
  }
EXACT(16)
EXACT(32)
EXACT(64)

WIDE static void exact8(uint8_t *restrict out, const uint8_t *restrict in,
                        uint64_t n, uint8_t flip) {
  for (uint64_t i = 0; i < n; i++) {
    out[i] = in[i] ^ flip;
  }
}

#pragma GCC pop_options

#if defined(__x86_64__)
/* From here on a frame is larger than the caches near a core: what is stored
 * in it past them does not have to be fetched first. */
#define STREAMED 1048576

/* The same for any width, with stores that pass the caches. The output is
 * aligned to 32 bytes. Returns how many bytes were done: whole vectors. */
__attribute__((target("avx2"))) static uint64_t
exact_streamed(uint8_t *restrict out, const uint8_t *restrict in,
               uint64_t bytes, uint64_t width, bool flip) {
  uint8_t order[32];
  uint8_t sign[32];
  for (unsigned i = 0; i < 32; i++) {
    const unsigned last = (unsigned)width - 1 - i % (unsigned)width;
    order[i] = (uint8_t)((i - i % width + last) % 16);
    sign[i] = flip && last == 0 ? 0x80 : 0;
  }
  const __m256i shuffle = _mm256_loadu_si256((const __m256i *)order);
  const __m256i invert = _mm256_loadu_si256((const __m256i *)sign);
  const uint64_t whole = bytes & ~31ull;
  for (uint64_t i = 0; i < whole; i += 32) {
    const __m256i v = _mm256_loadu_si256((const __m256i *)(in + i));
    _mm256_stream_si256(
        (__m256i *)(out + i),
        _mm256_xor_si256(_mm256_shuffle_epi8(v, shuffle), invert));
  }
  _mm_sfence();
  return whole;
}
#endif

static void exact(uint8_t *out, const uint8_t *in, uint64_t n,
                  uint64_t width, bool flip) {
  switch (width) {
  case 1:
    exact8(out, in, n, flip ? 0x80u : 0);
    break;
  case 2:
    exact16(out, in, n, flip ? 0x8000u : 0);
    break;
  case 4:
    exact32(out, in, n, flip ? 0x80000000u : 0);
    break;
  default:
    exact64(out, in, n, flip ? 0x8000000000000000u : 0);
    break;
  }
}

static double stored_value(const uint8_t *in, enum shmim_stored stored,
                           const struct shmim_convert *c) {
  uint64_t bits = 0;
  for (uint64_t k = 0; k < c->width; k++) {
    bits = bits << 8 | in[k];
  }
  int64_t integer;
  float single;
  double number;
  const uint32_t low = (uint32_t)bits;
  switch (stored) {
  case SHMIM_STORED_F32:
    memcpy(&single, &low, sizeof single);
    return (double)single * c->scale + c->zero;
  case SHMIM_STORED_F64:
    memcpy(&number, &bits, sizeof number);
    return number * c->scale + c->zero;
  case SHMIM_STORED_U8:
    integer = (int64_t)bits;
    break;
  default:
    integer = (int64_t)(bits << (64 - 8 * c->width)) >> (64 - 8 * c->width);
    break;
  }
  if (c->has_blank && integer == c->blank) {
    return NAN;
  }
  return (double)integer * c->scale + c->zero;
}

static void scaled(uint8_t *out, const uint8_t *in, uint64_t n,
                   const struct shmim_convert *c) {
  for (uint64_t i = 0; i < n; i++) {
    const double v = stored_value(in + i * c->width,
                                  (enum shmim_stored)c->stored, c);
    const float f = (float)v;
    if (c->out_bytes == 4) {
      memcpy(out + i * 4, &f, 4);
    } else {
      memcpy(out + i * 8, &v, 8);
    }
  }
}

void convert_values(uint8_t *out, const uint8_t *in, uint64_t n,
                    const struct shmim_convert *c) {
  if (c->scaled) {
    scaled(out, in, n, c);
    return;
  }
  const bool flip = c->flip_sign != 0;
  uint64_t done = 0;
#if defined(__x86_64__)
  const uint64_t bytes = n * c->width;
  if (bytes >= STREAMED && __builtin_cpu_supports("avx2")) {
    /* Up to the first vector; a data block begins at a whole value. */
    done = -(uint64_t)(uintptr_t)out & 31u;
    if (done % c->width != 0) {
      done = 0;
    } else {
      exact(out, in, done / c->width, c->width, flip);
      done += exact_streamed(out + done, in + done, bytes - done, c->width,
                             flip);
    }
  }
#endif
  exact(out + done, in + done, n - done / c->width, c->width, flip);
}

int32_t convert_usable(const struct shmim_stream *s, uint64_t offset,
                      uint64_t count, const struct shmim_convert *c) {
  uint64_t bytes;
  if (s == NULL || s->base == 0 || c == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if ((c->width != 1 && c->width != 2 && c->width != 4 && c->width != 8) ||
      c->out_bytes != (c->scaled ? (c->out_bytes == 4 ? 4u : 8u) : c->width)) {
    return -EINVAL;
  }
  if (__builtin_mul_overflow(count, c->out_bytes, &bytes) ||
      offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  return 0;
}

/*
 * Converts `count` values from memory to `offset` of the data block. The
 * caller has raised the write flag and publishes afterwards.
 */
int32_t shmim_convert_bytes(const struct shmim_stream *s, uint64_t offset,
                            const void *in, uint64_t bytes, uint64_t count,
                            const struct shmim_convert *c) {
  const int32_t rc = convert_usable(s, offset, count, c);
  if (rc != 0) {
    return rc;
  }
  if (in == NULL || bytes / c->width < count) {
    return -EINVAL;
  }
  convert_values(segment_pixels(s, segment_writing(s)) + offset, in, count, c);
  return guard_status(s);
}

/* From a mapped file; `source` is its first `from + bytes` bytes. */
static int32_t convert_mapped(uint8_t *out, const struct shmim_stream *source,
                              uint64_t from, uint64_t bytes,
                              const struct shmim_convert *c) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  for (uint64_t done = 0; done < bytes; done += WINDOW) {
    const uint64_t n = bytes - done < WINDOW ? bytes - done : WINDOW;
    /* All pages at once instead of a fault for each few. */
    const uint64_t first = (from + done) / page * page;
    (void)madvise(at(source, first), from + done + n - first,
                  MADV_POPULATE_READ);
    convert_values(out + done / c->width * c->out_bytes, at(source, from + done),
            n / c->width, c);
    if (guard_status(source) != 0) {
      return -ENODATA;
    }
  }
  return 0;
}

/* From a file that cannot be mapped. */
static int32_t convert_read(uint8_t *out, int32_t fd, uint64_t from,
                            uint64_t bytes, const struct shmim_convert *c) {
  uint8_t *piece = malloc(PIECE);
  if (piece == NULL) {
    return -ENOMEM;
  }
  int32_t rc = 0;
  uint64_t done = 0;
  uint64_t kept = 0; /* bytes of a value that the last read cut */
  while (rc == 0 && done + kept < bytes) {
    const uint64_t left = bytes - done - kept;
    const uint64_t want = left < PIECE - kept ? left : PIECE - kept;
    const ssize_t n = pread(fd, piece + kept, want,
                            (off_t)(from + done + kept));
    if (n < 0) {
      rc = errno == EINTR ? 0 : -errno;
      continue;
    }
    if (n == 0) {
      rc = -ENODATA;
      continue;
    }
    const uint64_t have = kept + (uint64_t)n;
    const uint64_t values = have / c->width;
    convert_values(out + done / c->width * c->out_bytes, piece, values, c);
    done += values * c->width;
    kept = have - values * c->width;
    memmove(piece, piece + values * c->width, kept);
  }
  free(piece);
  return rc;
}

/*
 * The same from a file at `from`. -ENODATA: the file ends early, or became
 * shorter meanwhile. Blocks as long as the file takes: nonblocking calls
 * only.
 */
int32_t shmim_convert_file(const struct shmim_stream *s, uint64_t offset,
                           int32_t fd, uint64_t from, uint64_t count,
                           const struct shmim_convert *c) {
  int32_t rc = convert_usable(s, offset, count, c);
  if (rc != 0) {
    return rc;
  }
  uint64_t bytes;
  uint64_t end;
  if (__builtin_mul_overflow(count, c->width, &bytes) ||
      __builtin_add_overflow(from, bytes, &end) || end > INT64_MAX) {
    return -ERANGE;
  }
  uint8_t *out = segment_pixels(s, segment_writing(s)) + offset;
  struct shmim_stream source = {0};
  rc = bytes == 0 ? 0 : shmim_map(&source, fd, end, 0);
  if (source.base != 0) {
    rc = convert_mapped(out, &source, from, bytes, c);
    shmim_unmap(&source);
  } else if (rc == BROKEN) {
    rc = -ENODATA;
  } else if (rc != 0) {
    rc = convert_read(out, fd, from, bytes, c);
  }
  return rc != 0 ? rc : guard_status(s);
}
