/* What the tests of the helper share: checks, a folder, streams to test. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "../shmim.h"

struct test {
  const char *name;
  void (*body)(void);
};

/* One a file, each ends with a name of NULL; test_helper.c runs them. */
extern const struct test convert_tests[];
extern const struct test files_tests[];
extern const struct test frames_tests[];
extern const struct test mapping_tests[];
extern const struct test pumps_tests[];
extern const struct test rings_tests[];
extern const struct test segments_tests[];
extern const struct test semaphores_tests[];
extern const struct test tiles_tests[];
extern const struct test wires_tests[];

/* Notes that the test which runs has failed, and why. */
void complain(const char *file, int line, const char *condition);

/* Goes on where it does not hold. */
#define CHECK(condition)                        \
  do {                                          \
    if (!(condition)) {                         \
      complain(__FILE__, __LINE__, #condition); \
    }                                           \
  } while (0)

/* Ends the test there. */
#define REQUIRE(condition)                      \
  do {                                          \
    if (!(condition)) {                         \
      complain(__FILE__, __LINE__, #condition); \
      return;                                   \
    }                                           \
  } while (0)

/* Of this run, empty between two tests. */
extern char folder[];
/* A path in the test folder; four live at a time. */
const char *path_of(const char *name);

void sleep_ms(long ms);

/* The layout of the test streams: header, then pixels on a page of their own,
 * so that the file can lose them and keep the header. */
enum {
  SLICES = 3,
  SLICE_BYTES = 16,
  DATA_BYTES = SLICES * SLICE_BYTES,
  SEMS = 4,
  KEYWORDS = 2,
  RING = 4,
  DATA = 8192,
  RING_DATA = DATA + DATA_BYTES,
  LENGTH = RING_DATA + RING * DATA_BYTES,
};

/* Makes a stream of `slices` slices, with `ring` slots. */
bool make(struct shmim_stream *s, const char *name, uint64_t slices,
          uint64_t ring);
/* Maps one that exists. */
bool map_existing(struct shmim_stream *s, const char *name, uint64_t slices,
                  uint64_t ring, bool writable);
/* Unmaps it and removes its file. */
void drop(struct shmim_stream *s, const char *name);
/* Sets the pixels of a whole frame. */
void fill(uint8_t *pixels, uint8_t value);

#endif
