/*
 * What the fuzz targets share: bytes taken off the fuzzer's input, and a
 * stream in memory whose every word comes from there.
 *
 * Each target is one file with LLVMFuzzerTestOneInput(). clang's libFuzzer
 * drives it by coverage; where there is no clang, driver.c does with a seeded
 * generator. scripts/fuzz_native.ts builds and runs both.
 */
#ifndef SHMIM_FUZZ_COMMON_H
#define SHMIM_FUZZ_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shmim.h"

/* The fuzzer's entry, by its own convention. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
  const uint8_t *at;
  size_t left;
};

/* Bytes as a number; zeros where the input has ended. */
uint64_t take(struct input *in, size_t bytes);
/* A number that tends to be a boundary: 0, 1, 2^31, 2^64 - 1 and so on. */
uint64_t take_edge(struct input *in);

/* The layout of the streams: header on one page, pixels behind it. */
enum {
  SLICES = 3,
  SLICE_BYTES = 32,
  DATA_BYTES = SLICES * SLICE_BYTES,
  SEMS = 4,
  KEYWORDS = 4,
  RING = 4,
  HEADER_BYTES = 2048,
  LENGTH = 4096,
};

/*
 * Maps a stream: its table from the input (few members wrong, mostly none),
 * all its bytes from the input. False where the helper's own check refuses
 * the table. Behind the mapping lies a page that must not be touched.
 */
bool open_stream(struct shmim_stream *s, struct input *in, bool writable);
void close_stream(struct shmim_stream *s);
/* The file of the streams: it may be cut and made long again. */
void resize_stream(uint64_t bytes);

/* What another program may do to a mapped stream at any time; never to the
 * flag word of a semaphore, which glibc trusts. */
void disturb(const struct shmim_stream *s, struct input *in);

/* Ends the process, for a broken invariant. */
#define REQUIRE(condition)                                        \
  do {                                                            \
    if (!(condition)) {                                           \
      __builtin_printf("broken: %s (%s:%d)\n", #condition,        \
                       __FILE__, __LINE__);                       \
      __builtin_abort();                                          \
    }                                                             \
  } while (0)

#endif
