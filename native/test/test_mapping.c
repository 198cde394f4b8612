/* Mappings: their bounds, tables that lie, and files that shrink. */
#define _GNU_SOURCE
#include <errno.h>
#include <unistd.h>

#include "support.h"

static void test_bounds(void) {
  struct shmim_stream s;
  char bytes[16] = {0};
  CHECK(make(&s, "s", 1, 0));
  CHECK(shmim_map_load(&s, LENGTH - 16, bytes, 16) == 0);
  CHECK(shmim_map_load(&s, LENGTH - 15, bytes, 16) == -ERANGE);
  CHECK(shmim_map_load(&s, UINT64_MAX, bytes, 16) == -ERANGE);
  CHECK(shmim_map_load(&s, 16, bytes, UINT64_MAX) == -ERANGE);
  CHECK(shmim_map_store(&s, LENGTH - 15, bytes, 16) == -ERANGE);
  CHECK(shmim_map_load(&s, 0, NULL, 1) == -ERANGE);
  CHECK(shmim_map_address(&s, LENGTH, 1) == NULL);
  CHECK(shmim_map_address(&s, LENGTH - 1, 1) != NULL);
  struct shmim_stream r;
  CHECK(map_existing(&r, "s", 1, 0, false));
  CHECK(shmim_map_store(&r, 0, bytes, 1) == -EACCES);
  CHECK(shmim_sem_post(&r, -1) == -EACCES);
  CHECK(shmim_frame_write(&r, bytes, 0, 1, -1, NULL, NULL) == -EACCES);
  CHECK(shmim_unmap(&r) == 0 && shmim_unmap(&r) == 0);
  CHECK(shmim_map_status(&r) == -EINVAL && shmim_unmap(NULL) == 0);
  CHECK(shmim_map_load(&r, 0, bytes, 1) == -ERANGE);
  const int fd = shmim_file_open(path_of("s"), 0);
  CHECK(shmim_map(&r, fd, LENGTH + 1, 0) == -EBADFD);
  CHECK(shmim_map(&r, fd, 0, 0) == -EINVAL);
  CHECK(shmim_map(&r, fd, LENGTH, 1) == -EACCES);
  CHECK(shmim_map(&r, -1, LENGTH, 0) == -EBADF);
  shmim_fd_close(fd);
  drop(&s, "s");
}

static void test_table(void) {
  struct shmim_stream s;
  CHECK(make(&s, "s", SLICES, RING));
  const struct shmim_stream good = s;
#define REFUSED(member, value)                \
  do {                                        \
    s = good;                                 \
    s.member = (value);                       \
    CHECK(shmim_stream_check(&s) == -ERANGE); \
  } while (0)
  REFUSED(cnt0, 4);
  REFUSED(cnt0, LENGTH - 7);
  REFUSED(cnt1, LENGTH);
  REFUSED(cnt2, UINT64_MAX);
  REFUSED(write_flag, LENGTH);
  REFUSED(atime, LENGTH - 15);
  REFUSED(writetime, LENGTH - 15);
  REFUSED(data, LENGTH);
  REFUSED(data_bytes, LENGTH);
  REFUSED(slice_bytes, UINT64_MAX / 2);
  REFUSED(slices, 0);
  REFUSED(slices, UINT64_MAX);
  REFUSED(slices, SLICES + 1); /* more than the pixels are */
  REFUSED(cnt1, 9);
  REFUSED(cnt2, 17);
  REFUSED(ring_index, 66);
  REFUSED(ring_cycle, 76);
  REFUSED(log_sem, 252);
  REFUSED(reader_pids, 290);
  REFUSED(writer_pids, 305);
  REFUSED(keyword_bytes, 129);
  REFUSED(keyword_bytes, LENGTH);
  REFUSED(sem_count, UINT64_MAX / 32 + 2);
  REFUSED(sems, 130);
  REFUSED(log_sem, LENGTH - 31);
  REFUSED(reader_pids, LENGTH - 15);
  REFUSED(writer_pids, LENGTH - 15);
  REFUSED(trace_count, 1000);
  REFUSED(slice_atimes, LENGTH - 47);
  REFUSED(slice_writetimes, LENGTH - 47);
  REFUSED(slice_counters, LENGTH - 23);
  REFUSED(ring_slots, RING + 1);
  REFUSED(ring_index, LENGTH);
  REFUSED(ring_cycle, LENGTH);
  REFUSED(ring_data, RING_DATA + 1);
  s = good;
  drop(&s, "s");
}

static void test_shrink(void) {
  struct shmim_stream s;
  struct shmim_stream other;
  uint8_t pixels[DATA_BYTES];
  struct shmim_frame frame;
  const off_t left[] = {0, 100, 4096, DATA, DATA + 1};
  CHECK(make(&other, "other", 1, 0));
  for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
    CHECK(make(&s, "s", 1, 0));
    fill(pixels, 7);
    CHECK(shmim_frame_write(&s, pixels, 0, DATA_BYTES, -1, NULL, NULL) == 0);
    CHECK(truncate(path_of("s"), left[i]) == 0);
    CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &frame) == -EBADFD);
    CHECK(pixels[DATA_BYTES - 1] == 0);
    CHECK(shmim_map_status(&s) == -EBADFD);
    CHECK(shmim_frame_write(&s, pixels, 0, DATA_BYTES, -1, NULL, NULL) ==
          -EBADFD);
    CHECK(shmim_sem_post(&s, -1) == -EBADFD);
    drop(&s, "s");
  }
  CHECK(shmim_map_status(&other) == 0);
  drop(&other, "other");
}

const struct test mapping_tests[] = {
    {"shmim_map() stays inside", test_bounds},
    {"shmim_stream_check()", test_table},
    {"shmim_map() survives a file that shrinks", test_shrink},
    {NULL, NULL},
};
