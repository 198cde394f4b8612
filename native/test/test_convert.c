/* Pixels of FITS files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static const uint8_t stored[DATA_BYTES] = {
    0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08};

static struct shmim_convert exactly(uint64_t width, bool flip) {
  return (struct shmim_convert){
      .width = width, .out_bytes = width, .flip_sign = flip, .scale = 1};
}

/* The bytes of each value in reverse, whatever the width. */
static void test_convert_exact(void) {
  struct shmim_stream s;
  CHECK(make(&s, "convert", 1, 0));
  const uint8_t *out = (const uint8_t *)(uintptr_t)s.base + DATA;
  for (uint64_t width = 1; width <= 8; width *= 2) {
    for (int flip = 0; flip < 2; flip++) {
      const struct shmim_convert c = exactly(width, flip != 0);
      const uint64_t count = DATA_BYTES / width;
      CHECK(shmim_convert_bytes(&s, 0, stored, sizeof stored, count, &c) == 0);
      for (uint64_t i = 0; i < DATA_BYTES; i++) {
        const uint64_t last = width - 1 - i % width;
        const uint8_t sign = flip && last == 0 ? 0x80 : 0;
        CHECK(out[i] == (stored[i - i % width + last] ^ sign));
      }
    }
  }
  drop(&s, "convert");
}

static void test_convert_scaled(void) {
  struct shmim_stream s;
  CHECK(make(&s, "convert", 1, 0));
  const uint8_t *out = (const uint8_t *)(uintptr_t)s.base + DATA;
  struct shmim_convert c = {.width = 8,
                            .out_bytes = 8,
                            .scaled = 1,
                            .stored = SHMIM_STORED_INTEGER,
                            .has_blank = 1,
                            .blank = INT64_MIN,
                            .scale = 0.5,
                            .zero = 1};
  double d[3];
  CHECK(shmim_convert_bytes(&s, 0, stored, 24, 3, &c) == 0);
  memcpy(d, out, sizeof d);
  CHECK(d[0] != d[0]);
  CHECK(d[1] == 0x1p63 * 0.5 + 1);
  CHECK(d[2] == (double)0x0102030405060708 * 0.5 + 1);
  c.width = 1;
  c.out_bytes = 4;
  c.stored = SHMIM_STORED_U8;
  c.blank = 0x7f;
  float f[12];
  CHECK(shmim_convert_bytes(&s, 0, stored, 12, 12, &c) == 0);
  memcpy(f, out, sizeof f);
  CHECK(f[0] == 65.0f && f[1] == 1.0f && f[8] != f[8] && f[9] == 128.5f);
  c.width = 4;
  c.stored = SHMIM_STORED_F32;
  const uint8_t single[8] = {0x7f, 0x80, 0, 0, 0x80, 0, 0, 0}; /* inf, -0 */
  CHECK(shmim_convert_bytes(&s, 0, single, 8, 2, &c) == 0);
  memcpy(f, out, 8);
  CHECK(f[0] > 1e38f && f[1] == 1.0f);
  drop(&s, "convert");
}

/* What does not fit is refused, and nothing is touched. */
static void test_convert_bounds(void) {
  struct shmim_stream s;
  CHECK(make(&s, "convert", 1, 0));
  uint8_t *out = (uint8_t *)(uintptr_t)s.base + DATA;
  fill(out, 7);
  struct shmim_convert c = exactly(2, false);
  CHECK(shmim_convert_bytes(&s, 0, stored, 48, 25, &c) == -ERANGE);
  CHECK(shmim_convert_bytes(&s, 47, stored, 48, 1, &c) == -ERANGE);
  CHECK(shmim_convert_bytes(&s, 0, stored, 48, ~0ull, &c) == -ERANGE);
  CHECK(shmim_convert_bytes(&s, ~0ull, stored, 48, 1, &c) == -ERANGE);
  CHECK(shmim_convert_bytes(&s, 0, stored, 47, 24, &c) == -EINVAL);
  CHECK(shmim_convert_bytes(&s, 0, NULL, 48, 24, &c) == -EINVAL);
  CHECK(shmim_convert_bytes(&s, 0, stored, 48, 1, NULL) == -EINVAL);
  c.width = 3;
  CHECK(shmim_convert_bytes(&s, 0, stored, 48, 1, &c) == -EINVAL);
  c = exactly(2, false);
  c.out_bytes = 4;
  CHECK(shmim_convert_bytes(&s, 0, stored, 48, 1, &c) == -EINVAL);
  for (int i = 0; i < DATA_BYTES; i++) {
    CHECK(out[i] == 7);
  }
  struct shmim_stream reader;
  CHECK(map_existing(&reader, "convert", 1, 0, false));
  c = exactly(2, false);
  CHECK(shmim_convert_bytes(&reader, 0, stored, 48, 1, &c) == -EACCES);
  shmim_unmap(&reader);
  drop(&s, "convert");
}

static void test_convert_file(void) {
  struct shmim_stream s;
  CHECK(make(&s, "convert", 1, 0));
  const uint8_t *out = (const uint8_t *)(uintptr_t)s.base + DATA;
  const int fd = shmim_file_create(path_of("fits"), 0600, 100);
  const struct shmim_convert c = exactly(4, false);
  CHECK(pwrite(fd, stored, DATA_BYTES, 52) == DATA_BYTES);
  CHECK(shmim_convert_file(&s, 0, fd, 52, 12, &c) == 0);
  CHECK(out[3] == 0x80 && out[11] == 0x7f && out[19] == 0x01);
  CHECK(shmim_convert_file(&s, 0, fd, 53, 12, &c) == -ENODATA);
  CHECK(shmim_convert_file(&s, 0, fd, 52, 13, &c) == -ERANGE);
  CHECK(shmim_convert_file(&s, 0, -1, 52, 12, &c) == -EBADF);
  shmim_fd_close(fd);
  shmim_file_unlink(path_of("fits"));
  drop(&s, "convert");
}

/* Where no more files can be mapped, the file is read. */
static void test_convert_unmapped(void) {
  enum { MOST = 4096 };
  static struct shmim_stream taken[MOST];
  struct shmim_stream s;
  CHECK(make(&s, "convert", 1, 0));
  const uint8_t *out = (const uint8_t *)(uintptr_t)s.base + DATA;
  const int fd = shmim_file_create(path_of("fits"), 0600, 100);
  CHECK(pwrite(fd, stored, DATA_BYTES, 52) == DATA_BYTES);
  int32_t rc = 0;
  int count = 0;
  while (count < MOST && (rc = shmim_map(&taken[count], fd, 100, 0)) == 0) {
    count++;
  }
  CHECK(rc == -EMFILE);
  const struct shmim_convert c = exactly(8, true);
  CHECK(shmim_convert_file(&s, 0, fd, 52, 6, &c) == 0);
  CHECK(out[7] == 0 && out[15] == 0xff && out[16] == 0x08 && out[23] == 0x81);
  CHECK(shmim_convert_file(&s, 0, fd, 60, 6, &c) == -ENODATA);
  while (count > 0) {
    shmim_unmap(&taken[--count]);
  }
  shmim_fd_close(fd);
  shmim_file_unlink(path_of("fits"));
  drop(&s, "convert");
}

static void test_swap(void) {
  for (uint64_t width = 1; width <= 8; width *= 2) {
    for (uint64_t flip = 0; flip < 2; flip++) {
      uint8_t bytes[24];
      for (int i = 0; i < 24; i++) {
        bytes[i] = (uint8_t)(i * 37 + 200);
      }
      uint8_t expected[24];
      uint64_t sum = 0;
      for (uint64_t i = 0; i < 24; i++) {
        const uint64_t k = i - i % width + (width - 1 - i % width);
        expected[i] = bytes[k] ^ (flip && i % width == 0 ? 0x80 : 0);
        /* At position 3: the first byte is the last of a word. */
        sum += (uint64_t)expected[i] << (8 * (3 - (i + 3) % 4));
      }
      sum = (sum & 0xffffffffu) + (sum >> 32);
      uint8_t original[24];
      memcpy(original, bytes, 24);
      uint64_t found = 0;
      CHECK(shmim_swap_pixels(bytes, 24 / width, width, flip, 3, &found) ==
            0);
      CHECK(memcmp(bytes, expected, 24) == 0 && found == sum);
      CHECK(shmim_swap_pixels(bytes, 24 / width, width, flip, 0, NULL) == 0);
      CHECK(memcmp(bytes, original, 24) == 0);
    }
  }
  CHECK(shmim_swap_pixels(NULL, 1, 2, 0, 0, NULL) == -EINVAL);
  CHECK(shmim_swap_pixels(NULL, 0, 2, 0, 0, NULL) == 0);
  uint8_t three[3] = {0};
  CHECK(shmim_swap_pixels(three, 1, 3, 0, 0, NULL) == -EINVAL);
}

const struct test convert_tests[] = {
    {"shmim_convert_bytes() exactly", test_convert_exact},
    {"shmim_convert_bytes() scaled", test_convert_scaled},
    {"shmim_convert_bytes() stays inside", test_convert_bounds},
    {"shmim_convert_file()", test_convert_file},
    {"shmim_convert_file() without a mapping", test_convert_unmapped},
    {"shmim_swap_pixels()", test_swap},
    {NULL, NULL},
};
