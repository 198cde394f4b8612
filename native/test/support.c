/* The folder and the streams of the tests. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

char folder[] = "/tmp/shmim_native_XXXXXX";

const char *path_of(const char *name) {
  static char paths[4][256];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

void sleep_ms(long ms) {
  const struct timespec t = {.tv_sec = ms / 1000,
                             .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

static struct shmim_stream table(uint64_t slices, uint64_t ring) {
  return (struct shmim_stream){
      .cnt0 = 0,
      .cnt1 = 8,
      .cnt2 = 16,
      .write_flag = 24,
      .atime = 32,
      .writetime = 48,
      .ring_index = 64,
      .ring_cycle = 72,
      .keyword_record = 128,
      .sems = 128,
      .sem_stride = 32,
      .sem_count = SEMS,
      .sem_max = 10,
      .log_sem = 256,
      .reader_pids = 288,
      .writer_pids = 304,
      .trace = 320,
      .trace_count = 2,
      .slice_atimes = slices > 1 ? 448 : 0,
      .slice_writetimes = slices > 1 ? 496 : 0,
      .slice_counters = slices > 1 ? 544 : 0,
      .keywords = 576,
      .keyword_bytes = KEYWORDS * 128,
      .data = DATA,
      .data_bytes = DATA_BYTES,
      .slice_bytes = DATA_BYTES / slices,
      .slices = slices,
      .ring_slots = ring,
      .ring_data = RING_DATA,
      .clock = CLOCK_REALTIME,
      .own_counter = ~0ull,
  };
}

bool map_existing(struct shmim_stream *s, const char *name, uint64_t slices,
                  uint64_t ring, bool writable) {
  const int fd = shmim_file_open(path_of(name), writable);
  *s = table(slices, ring);
  const bool mapped = fd >= 0 && shmim_map(s, fd, LENGTH, writable) == 0 &&
                      shmim_stream_check(s) == 0;
  shmim_fd_close(fd);
  return mapped;
}

bool make(struct shmim_stream *s, const char *name, uint64_t slices,
          uint64_t ring) {
  const int fd = shmim_file_create(path_of(name), 0600, LENGTH);
  shmim_fd_close(fd);
  return fd >= 0 && map_existing(s, name, slices, ring, true) &&
         shmim_sem_init(s) == 0;
}

void drop(struct shmim_stream *s, const char *name) {
  shmim_unmap(s);
  shmim_file_unlink(path_of(name));
}

void fill(uint8_t *pixels, uint8_t value) {
  memset(pixels, value, DATA_BYTES);
}
