/*
 * Tests of the helper in C, for what a sanitizer must watch: bounds, the
 * guard against files that shrink, semaphores, torn frames, and both pumps
 * with good, cut and hostile peers. Built and run by scripts/test_native.ts.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shmim.h"
#include "test_tiles.h"

static int passed;
static int failed;
static const char *running;
static bool ok;
static char folder[] = "/tmp/shmim_native_XXXXXX";

#define CHECK(condition)                                                   \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "%s: line %d: %s\n", running, __LINE__, #condition); \
      ok = false;                                                          \
    }                                                                      \
  } while (0)

/* A path in the test folder; four live at a time. */
static const char *path_of(const char *name) {
  static char paths[4][256];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void sleep_ms(long ms) {
  const struct timespec t = {.tv_sec = ms / 1000,
                             .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&t, NULL);
}

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

static bool map_existing(struct shmim_stream *s, const char *name,
                         uint64_t slices, uint64_t ring, bool writable) {
  const int fd = shmim_file_open(path_of(name), writable);
  *s = table(slices, ring);
  const bool mapped = fd >= 0 && shmim_map(s, fd, LENGTH, writable) == 0 &&
                      shmim_stream_check(s) == 0;
  shmim_fd_close(fd);
  return mapped;
}

static bool make(struct shmim_stream *s, const char *name, uint64_t slices,
                 uint64_t ring) {
  const int fd = shmim_file_create(path_of(name), 0600, LENGTH);
  shmim_fd_close(fd);
  return fd >= 0 && map_existing(s, name, slices, ring, true) &&
         shmim_sem_init(s) == 0;
}

static void drop(struct shmim_stream *s, const char *name) {
  shmim_unmap(s);
  shmim_file_unlink(path_of(name));
}

static void fill(uint8_t *pixels, uint8_t value) {
  memset(pixels, value, DATA_BYTES);
}

/* Files. */

static void test_create(void) {
  int64_t st[8];
  const mode_t old = umask(077);
  const int fd = shmim_file_create(path_of("new"), 0666, 10000);
  umask(old);
  CHECK(fd >= 0 && shmim_fd_stat(fd, st) == 0);
  CHECK(st[2] == 10000 && (st[3] & 07777) == 0666);
  CHECK(shmim_file_create(path_of("new"), 0666, 1) == -EEXIST);
  CHECK(shmim_fd_close(fd) == 0 && shmim_fd_close(fd) == -EBADF);
  CHECK(shmim_file_unlink(path_of("new")) == 0);
  CHECK(shmim_file_unlink(path_of("new")) == -ENOENT);
  CHECK(shmim_file_create(NULL, 0666, 1) == -EINVAL);
  CHECK(shmim_file_create(path_of("big"), 0666, UINT64_MAX) == -EINVAL);
  CHECK(shmim_file_create(path_of("big"), 0666, INT64_MAX) < 0);
  CHECK(shmim_file_stat(path_of("big"), 1, st) == -ENOENT);
}

static void test_open(void) {
  CHECK(shmim_file_open(path_of("none"), 0) == -ENOENT);
  CHECK(shmim_file_open(folder, 0) == -EMEDIUMTYPE);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(shmim_file_open(path_of("fifo"), 1) == -EMEDIUMTYPE);
  CHECK(shmim_file_symlink("fifo", path_of("link")) == 0);
  CHECK(shmim_file_symlink("fifo", path_of("link")) == -EEXIST);
  CHECK(shmim_file_open(path_of("link"), 0) == -ELOOP);
  CHECK(shmim_file_open(NULL, 0) == -EINVAL);
  char text[8];
  CHECK(shmim_file_readlink(path_of("link"), text, sizeof text) == 4);
  CHECK(memcmp(text, "fifo", 4) == 0);
  CHECK(shmim_file_readlink(path_of("link"), text, 2) == 2);
  CHECK(shmim_file_readlink(path_of("fifo"), text, 2) == -EINVAL);
  CHECK(shmim_file_realpath(path_of("link"), text, 2) == -ENAMETOOLONG);
  int64_t st[8];
  CHECK(shmim_file_stat(path_of("link"), 0, st) == 0);
  CHECK((st[3] & S_IFMT) == S_IFLNK);
  CHECK(shmim_file_stat(path_of("link"), 1, st) == 0);
  CHECK((st[3] & S_IFMT) == S_IFIFO);
  shmim_file_unlink(path_of("link"));
  shmim_file_unlink(path_of("fifo"));
}

static void test_rename(void) {
  shmim_fd_close(shmim_file_create(path_of("a"), 0600, 1));
  shmim_fd_close(shmim_file_create(path_of("b"), 0600, 2));
  CHECK(shmim_file_rename(path_of("a"), path_of("b"), 0) == -EEXIST);
  CHECK(shmim_file_rename(path_of("a"), path_of("b"), 1) == 0);
  CHECK(shmim_file_rename(path_of("b"), path_of("c"), 0) == 0);
  CHECK(shmim_file_rename(path_of("b"), path_of("c"), 0) == -ENOENT);
  CHECK(shmim_file_rename(NULL, path_of("c"), 0) == -EINVAL);
  shmim_file_unlink(path_of("c"));
}

static void test_list(void) {
  char names[64];
  shmim_fd_close(shmim_file_create(path_of("first"), 0600, 1));
  shmim_fd_close(shmim_file_create(path_of("second"), 0600, 1));
  CHECK(shmim_dir_list(folder, names, sizeof names) == 13);
  char *exact = malloc(13); /* a byte more is caught */
  CHECK(shmim_dir_list(folder, exact, 13) == 13);
  CHECK(shmim_dir_list(folder, exact, 12) == 13);
  CHECK(shmim_dir_list(folder, NULL, 0) == 13);
  CHECK(shmim_dir_list(folder, NULL, 1) == -EINVAL);
  CHECK(shmim_dir_list(path_of("none"), exact, 13) == -ENOENT);
  free(exact);
  shmim_file_unlink(path_of("first"));
  shmim_file_unlink(path_of("second"));
}

static void test_host(void) {
  char text[64];
  CHECK(shmim_file_text("/proc/self/comm", text, sizeof text) > 1);
  CHECK(shmim_file_text("/proc/self/status", text, 5) == 5);
  CHECK(memcmp(text, "Name:", 5) == 0);
  CHECK(shmim_file_text(path_of("none"), text, 5) == -ENOENT);
  CHECK(shmim_file_text(folder, text, 5) == -EMEDIUMTYPE);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0); /* nobody writes: no hang */
  CHECK(shmim_file_text(path_of("fifo"), text, 5) == -EMEDIUMTYPE);
  shmim_file_unlink(path_of("fifo"));
  CHECK(shmim_file_text(NULL, text, 5) == -EINVAL);
  CHECK(shmim_file_text("/proc/self/comm", NULL, 5) == -EINVAL);
  int64_t fs[6];
  CHECK(shmim_file_system(folder, fs) == 0);
  CHECK(fs[1] > 0 && fs[2] >= 0 && fs[2] <= fs[1] && fs[5] == 0);
  CHECK(shmim_file_system(path_of("none"), fs) == -ENOENT);
  CHECK(shmim_file_system(NULL, fs) == -EINVAL);
  int64_t clock[4];
  CHECK(shmim_clock_state(clock) == 0 && clock[1] >= 0 && clock[3] >= 0);
  CHECK(shmim_clock_state(NULL) == -EINVAL);
  CHECK(shmim_file_access(folder, 7) == 0);
  CHECK(shmim_file_access(path_of("none"), 4) == -ENOENT);
  CHECK(shmim_file_access(folder, 8) == -EINVAL);
}

static void test_clocks(void) {
  int64_t t[2];
  CHECK(shmim_abi_version() == SHMIM_ABI);
  CHECK(shmim_clock(CLOCK_TAI, t) == 0 && t[0] > 0);
  CHECK(shmim_clock(9999, t) == -EINVAL);
  CHECK(shmim_tai_offset() >= 0);
  CHECK(shmim_sleep_until(0) == 0);
  CHECK(shmim_sleep_until(UINT64_MAX) == -ETIMEDOUT);
  CHECK(shmim_schedule_try(0, 0) == 0);
  CHECK(shmim_process_memory() > 0);
}

/* Mappings. */

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

/* Semaphores. */

static void test_semaphores(void) {
  struct shmim_stream s;
  struct shmim_stream second;
  int32_t values[SEMS + 1];
  CHECK(make(&s, "s", 1, 0));
  CHECK(map_existing(&second, "s", 1, 0, true));
  for (int i = 0; i < 12; i++) {
    CHECK(shmim_sem_post(&s, -1) == 0);
  }
  CHECK(shmim_sem_values(&s, values, SEMS + 1) == 0);
  for (int i = 0; i <= SEMS; i++) {
    CHECK(values[i] == 10);
  }
  CHECK(shmim_sem_flush(&s, 1) == 0 && shmim_sem_post(&s, 1) == 0);
  CHECK(shmim_sem_values(&s, values, 2) == 0);
  CHECK(values[0] == 10 && values[1] == 1);
  CHECK(shmim_sem_post(&s, SEMS) == -EINVAL);
  CHECK(shmim_sem_flush(&s, -1) == -EINVAL);
  CHECK(shmim_sem_release(&s, SEMS) == -EINVAL);
  CHECK(shmim_sem_claim(&s, -1) == 0 && shmim_sem_claim(&s, 0) == 1);
  CHECK(shmim_sem_claim(&second, 1) == 2 && shmim_sem_claim(&s, 3) == 3);
  CHECK(shmim_sem_claim(&second, 3) == -EBUSY);
  CHECK(shmim_sem_release(&s, 1) == 0);
  CHECK(shmim_sem_claim(&second, 0) == 1);
  shmim_unmap(&second);
  int32_t pids[SEMS];
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[0] == getpid() && pids[1] == 0 && pids[2] == 0);
  drop(&s, "s");
}

/* Words of a damaged file that glibc must not be given, or never stop. */
static void test_damaged_semaphores(void) {
  const uint32_t kinds[] = {1, 64, 127, 129, 256, 0x1818, UINT32_MAX};
  const uint32_t values[] = {0, 1, 100001, INT32_MAX, 1u << 31, UINT32_MAX};
  const size_t kind_count = sizeof kinds / sizeof *kinds;
  for (size_t k = 0; k < kind_count; k++) {
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      struct shmim_stream s;
      struct shmim_wait w = {.sem = 0, .timeout_us = 2000, .poll_us = 50};
      CHECK(make(&s, "s", 1, 0));
      uint32_t *sem = (uint32_t *)(uintptr_t)(s.base + s.sems);
      sem[0] = values[v];
      sem[1] = 3; /* waiters, by its own account */
      sem[2] = kinds[k];
      memcpy((void *)(uintptr_t)(s.base + s.log_sem), sem, 12);
      CHECK(shmim_sem_claim(&s, 0) == 1);
      CHECK(shmim_sem_post(&s, -1) == 0);
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      CHECK(shmim_sem_flush(&s, 0) == 0);
      /* Sound but full of posts: a time-out all the same. */
      sem[2] = 128;
      CHECK(shmim_sem_claim(&s, 0) == 0);
      sem[0] = values[v];
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      w.mode = 99;
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      drop(&s, "s");
    }
  }
}

static void *claim_one(void *argument) {
  struct shmim_stream *s = argument;
  return (void *)(intptr_t)shmim_sem_claim(s, -1);
}

/* What a process that died leaves behind. */
static void test_forgotten_claim(void) {
  struct shmim_stream s;
  CHECK(make(&s, "s", 1, 0));
  const pid_t child = fork();
  if (child == 0) {
    struct shmim_stream mine;
    _exit(map_existing(&mine, "s", 1, 0, true) &&
                  shmim_sem_claim(&mine, 1) == 1
              ? 0
              : 1);
  }
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(shmim_sem_claim(&s, 2) == 2);
  CHECK(shmim_sem_forget(&s, 2, (int32_t)getpid()) == -EBUSY);
  CHECK(shmim_sem_forget(&s, 0, (int32_t)child) == -ENOENT);
  CHECK(shmim_sem_forget(&s, 1, 0) == -EINVAL);
  CHECK(shmim_sem_forget(&s, SEMS, (int32_t)child) == -EINVAL);
  int32_t pids[SEMS];
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[1] == child && pids[2] == getpid());
  CHECK(shmim_sem_forget(&s, 1, (int32_t)child) == 0);
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[1] == 0 && pids[2] == getpid());
  drop(&s, "s");
}

static void test_claims_of_threads(void) {
  for (int round = 0; round < 50; round++) {
    struct shmim_stream s[SEMS];
    pthread_t threads[SEMS];
    unsigned taken = 0;
    CHECK(make(&s[0], "s", 1, 0));
    for (int i = 1; i < SEMS; i++) {
      CHECK(map_existing(&s[i], "s", 1, 0, true));
    }
    for (int i = 0; i < SEMS; i++) {
      pthread_create(&threads[i], NULL, claim_one, &s[i]);
    }
    for (int i = 0; i < SEMS; i++) {
      void *index;
      pthread_join(threads[i], &index);
      taken |= 1u << (intptr_t)index;
    }
    CHECK(taken == (1u << SEMS) - 1);
    for (int i = 1; i < SEMS; i++) {
      shmim_unmap(&s[i]);
    }
    drop(&s[0], "s");
  }
}

/* Frames. */

static void test_frames(void) {
  struct shmim_stream s;
  struct shmim_frame frame;
  uint8_t pixels[DATA_BYTES];
  const int64_t atime[2] = {1700000000, 123456789};
  CHECK(make(&s, "s", SLICES, 0));
  fill(pixels, 5);
  CHECK(shmim_frame_write(&s, pixels, SLICE_BYTES, SLICE_BYTES, 1, atime,
                          &frame) == 0);
  CHECK(frame.cnt0 == 1 && frame.cnt1 == 1 && frame.atime_ns == atime[1]);
  uint64_t counters[SLICES];
  CHECK(shmim_map_load(&s, s.slice_counters, counters, sizeof counters) == 0);
  CHECK(counters[0] == 0 && counters[1] == 1 && counters[2] == 0);
  CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &frame) == 0);
  CHECK(pixels[SLICE_BYTES - 1] == 0 && pixels[SLICE_BYTES] == 5);
  CHECK(!frame.torn && frame.tries == 1 && frame.cnt0 == 1);
  CHECK(shmim_frame_read(&s, pixels, 1, DATA_BYTES, 1, &frame) == -ERANGE);
  CHECK(shmim_frame_read(&s, pixels, UINT64_MAX, 2, 1, &frame) == -ERANGE);
  CHECK(shmim_frame_read(&s, pixels, 2, UINT64_MAX, 1, &frame) == -ERANGE);
  CHECK(shmim_frame_read(&s, NULL, 0, 1, 1, &frame) == -EINVAL);
  CHECK(shmim_frame_read(NULL, pixels, 0, 1, 1, &frame) == -EINVAL);
  CHECK(shmim_frame_write(&s, pixels, 1, DATA_BYTES, -1, NULL, NULL) ==
        -ERANGE);
  /* A slice beyond the cube is stored, but addresses nothing. */
  CHECK(shmim_frame_write(&s, NULL, 0, 0, INT64_MAX, NULL, &frame) == 0);
  CHECK(frame.cnt1 == INT64_MAX && frame.cnt0 == 2);
  drop(&s, "s");
}

static void test_torn(void) {
  struct shmim_stream s;
  struct shmim_frame frame;
  struct shmim_wait wait = {.mode = SHMIM_WAIT_POLL, .sem = -1, .last = 99,
                            .timeout_us = 2000, .poll_us = 10};
  uint8_t pixels[DATA_BYTES];
  const uint8_t up = 1;
  CHECK(make(&s, "s", 1, 0));
  CHECK(shmim_map_store(&s, s.write_flag, &up, 1) == 0);
  CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 2, &frame) == 0);
  CHECK(frame.torn && frame.stalled && frame.tries == 2);
  CHECK(shmim_frame_next(&s, &wait, pixels, 0, DATA_BYTES, &frame) ==
        -EAGAIN);
  wait.last = 0; /* none came, and the flag is up */
  CHECK(shmim_frame_next(&s, &wait, pixels, 0, DATA_BYTES, &frame) ==
        -EAGAIN);
  CHECK(shmim_frame_write(&s, NULL, 0, 0, -1, NULL, NULL) == 0);
  CHECK(shmim_frame_next(&s, &wait, pixels, 0, DATA_BYTES, &frame) == 0);
  CHECK(!frame.torn && frame.cnt0 == 1);
  drop(&s, "s");
}

static void test_ring(void) {
  struct shmim_stream s;
  struct shmim_frame frame;
  uint8_t pixels[DATA_BYTES];
  const uint8_t up = 1;
  CHECK(make(&s, "s", 1, RING));
  for (uint8_t n = 1; n <= 6; n++) {
    fill(pixels, n);
    CHECK(shmim_frame_write(&s, pixels, 0, DATA_BYTES, -1, NULL, NULL) == 0);
  }
  uint32_t index;
  uint64_t cycle;
  CHECK(shmim_map_load(&s, s.ring_index, &index, 4) == 0 && index == 2);
  CHECK(shmim_map_load(&s, s.ring_cycle, &cycle, 8) == 0 && cycle == 1);
  CHECK(shmim_map_store(&s, s.write_flag, &up, 1) == 0);
  CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &frame) == 0);
  CHECK(!frame.torn && frame.cnt0 == 6 && pixels[DATA_BYTES - 1] == 6);
  index = UINT32_MAX;
  CHECK(shmim_map_store(&s, s.ring_index, &index, 4) == 0);
  CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &frame) == 0);
  CHECK(frame.torn);
  CHECK(shmim_frame_write(&s, pixels, 0, DATA_BYTES, -1, NULL, NULL) == 0);
  drop(&s, "s");
}

struct busy {
  struct shmim_stream *s;
  int64_t stop;
};

static void *write_busily(void *argument) {
  struct busy *b = argument;
  uint8_t pixels[DATA_BYTES];
  for (uint8_t n = 1; !__atomic_load_n(&b->stop, __ATOMIC_ACQUIRE); n++) {
    fill(pixels, n);
    shmim_frame_write(b->s, pixels, 0, DATA_BYTES, -1, NULL, NULL);
  }
  return NULL;
}

static void test_busy_writer(void) {
  struct shmim_stream writer;
  struct shmim_stream s;
  pthread_t thread;
  CHECK(make(&writer, "s", 1, RING));
  CHECK(map_existing(&s, "s", 1, RING, false));
  struct busy b = {.s = &writer};
  pthread_create(&thread, NULL, write_busily, &b);
  for (int i = 0; i < 20000; i++) {
    uint8_t pixels[DATA_BYTES];
    struct shmim_frame frame;
    shmim_frame_read(&s, pixels, 0, DATA_BYTES, 3, &frame);
    for (int k = 0; !frame.torn && k < DATA_BYTES; k++) {
      CHECK(pixels[k] == (uint8_t)frame.cnt0);
    }
  }
  __atomic_store_n(&b.stop, 1, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  shmim_unmap(&s);
  drop(&writer, "s");
}

static void *publish_later(void *argument) {
  sleep_ms(5);
  shmim_frame_write(argument, NULL, 0, 0, -1, NULL, NULL);
  return NULL;
}

static void test_wait(void) {
  struct shmim_stream s;
  struct shmim_wait wait = {.poll_us = 100, .spin_us = 50};
  CHECK(make(&s, "s", 1, 0));
  wait.sem = shmim_sem_claim(&s, -1);
  for (uint64_t mode = 0; mode <= SHMIM_WAIT_ADAPTIVE; mode++) {
    pthread_t thread;
    wait.mode = mode;
    wait.timeout_us = 1000;
    wait.last = shmim_frame_counter(&s);
    CHECK(shmim_frame_wait(&s, &wait) == -ETIMEDOUT);
    wait.timeout_us = 30000000;
    pthread_create(&thread, NULL, publish_later, &s);
    CHECK(shmim_frame_wait(&s, &wait) == 0);
    pthread_join(thread, NULL);
  }
  wait.sem = 1000; /* no such semaphore: polls */
  wait.mode = SHMIM_WAIT_SEMAPHORE;
  CHECK(shmim_frame_wait(&s, &wait) == 0);
  CHECK(shmim_frame_wait(&s, NULL) == -EINVAL);
  drop(&s, "s");
}

/* Pumps. */

struct pump {
  struct shmim_stream *s;
  struct shmim_receive receive;
  struct shmim_transmit transmit;
  struct shmim_control control;
  int32_t result;
  bool sends;
  pthread_t thread;
};

static void *run_pump(void *argument) {
  struct pump *p = argument;
  p->result = p->sends ? shmim_transmit(p->s, &p->transmit, &p->control)
                       : shmim_receive(p->s, &p->receive, &p->control);
  return NULL;
}

static void start_receive(struct pump *p, struct shmim_stream *s, int fd,
                          uint64_t keywords) {
  *p = (struct pump){.s = s};
  p->receive.fd = fd;
  p->receive.pixel_bytes = s->slice_bytes;
  p->receive.keyword_bytes = keywords * 128;
  pthread_create(&p->thread, NULL, run_pump, p);
}

static void start_transmit(struct pump *p, struct shmim_stream *s, int fd,
                           uint64_t keywords) {
  *p = (struct pump){.s = s, .sends = true};
  p->transmit.fd = fd;
  p->transmit.keywords = keywords;
  p->transmit.wait = (struct shmim_wait){.mode = SHMIM_WAIT_POLL,
                                         .sem = -1,
                                         .poll_us = 50,
                                         .last = shmim_frame_counter(s)};
  pthread_create(&p->thread, NULL, run_pump, p);
}

static void join(struct pump *p) {
  pthread_join(p->thread, NULL);
}

static void stop(struct pump *p) {
  __atomic_store_n(&p->control.stop, 1, __ATOMIC_RELEASE);
  join(p);
}

/* True once the pump has handled so many frames. */
static bool reaches(const struct pump *p, uint64_t frames) {
  for (int i = 0; i < 30000; i++) {
    if (__atomic_load_n(&p->control.frames, __ATOMIC_ACQUIRE) >= frames) {
      return true;
    }
    sleep_ms(1);
  }
  return false;
}

static bool pair(int fds[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
}

/* A frame of one slice on the wire. */
static size_t wire(uint8_t *out, uint8_t value, uint64_t counter,
                   uint64_t slice, uint64_t keywords) {
  memset(out, value, SLICE_BYTES);
  memcpy(out + SLICE_BYTES, &counter, 8);
  memcpy(out + SLICE_BYTES + 8, &slice, 8);
  memset(out + SLICE_BYTES + 16, 'k', keywords * 128);
  return SLICE_BYTES + 16 + keywords * 128;
}

static void test_receive(void) {
  for (uint64_t keywords = 0; keywords <= 5; keywords++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[1024];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], keywords);
    for (uint64_t n = 1; n <= 6; n++) {
      const size_t bytes =
          wire(frame, (uint8_t)n, 2 * n, n % SLICES, keywords);
      /* In two pieces, as a network may deliver it. */
      CHECK(send(fds[0], frame, n * 3, 0) == (ssize_t)(n * 3));
      CHECK(send(fds[0], frame + n * 3, bytes - n * 3, 0) > 0);
    }
    CHECK(reaches(&p, 6));
    close(fds[0]);
    join(&p);
    CHECK(p.result == 0 && p.control.end == SHMIM_END_PEER);
    CHECK(p.control.frames == 6 && p.control.last_cnt0 == 12);
    CHECK(p.control.skipped == 5 && shmim_frame_counter(&s) == 6);
    uint8_t pixels[DATA_BYTES];
    struct shmim_frame facts;
    CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &facts) == 0);
    CHECK(pixels[0] == 6 && pixels[SLICE_BYTES] == 4);
    CHECK(facts.cnt1 == 0);
    uint8_t records[KEYWORDS * 128];
    CHECK(shmim_map_load(&s, s.keywords, records, sizeof records) == 0);
    CHECK((records[0] == 'k') == (keywords > 0));
    CHECK((records[255] == 'k') == (keywords > 1));
    drop(&s, "s");
  }
}

static void test_receive_hostile_slice(void) {
  const uint64_t slices[] = {SLICES, 99, UINT32_MAX, 1ull << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[64];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], 0);
    const size_t bytes = wire(frame, 1, 1, slices[i], 0);
    CHECK(send(fds[0], frame, bytes, 0) == (ssize_t)bytes);
    join(&p);
    CHECK(p.control.end == SHMIM_END_SLICE);
    CHECK(p.control.detail == (int64_t)slices[i]);
    CHECK(shmim_frame_counter(&s) == 0);
    close(fds[0]);
    drop(&s, "s");
  }
}

static void test_receive_cut(void) {
  for (size_t cut = 1; cut < SLICE_BYTES + 16 + 128; cut += 13) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[256];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], 1);
    wire(frame, 9, 1, 0, 1);
    CHECK(send(fds[0], frame, cut, 0) == (ssize_t)cut);
    close(fds[0]);
    join(&p);
    CHECK(p.control.end == SHMIM_END_CUT && p.control.frames == 0);
    uint8_t pixel;
    CHECK(shmim_map_load(&s, s.data, &pixel, 1) == 0 && pixel == 0);
    CHECK(shmim_frame_counter(&s) == 0);
    drop(&s, "s");
  }
}

static void test_receive_noise(void) {
  unsigned seed = 1;
  for (int round = 0; round < 20; round++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t noise[4096];
    CHECK(make(&s, "s", SLICES, RING) && pair(fds));
    start_receive(&p, &s, fds[1], (uint64_t)round);
    for (size_t i = 0; i < sizeof noise; i++) {
      seed = seed * 1103515245u + 12345u;
      noise[i] = (uint8_t)(seed >> 24);
    }
    send(fds[0], noise, sizeof noise, MSG_NOSIGNAL);
    close(fds[0]);
    join(&p);
    CHECK(p.control.end != SHMIM_END_RUNNING);
    drop(&s, "s");
  }
}

static void test_receive_ends(void) {
  struct shmim_stream s;
  struct pump p;
  int fds[2];
  uint8_t frame[64];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  start_receive(&p, &s, fds[1], 0);
  stop(&p);
  CHECK(p.control.end == SHMIM_END_STOPPED);
  CHECK(send(fds[0], frame, 1, MSG_NOSIGNAL) < 0); /* it closed its end */
  close(fds[0]);
  CHECK(pair(fds));
  p = (struct pump){.s = &s};
  p.receive = (struct shmim_receive){.fd = fds[1], .idle_ms = 20,
                                     .pixel_bytes = SLICE_BYTES};
  run_pump(&p);
  CHECK(p.control.end == SHMIM_END_IDLE);
  close(fds[0]);
  p.receive.pixel_bytes = SLICE_BYTES + 1;
  p.receive.fd = -1;
  run_pump(&p);
  CHECK(p.result == -EINVAL);
  /* A repeated frame is counted and not published again. */
  CHECK(pair(fds));
  start_receive(&p, &s, fds[1], 0);
  for (int i = 0; i < 3; i++) {
    const size_t bytes = wire(frame, 5, 1, 1, 0);
    CHECK(send(fds[0], frame, bytes, 0) == (ssize_t)bytes);
  }
  close(fds[0]);
  join(&p);
  CHECK(p.control.frames == 1 && p.control.repeats == 2);
  CHECK(shmim_frame_counter(&s) == 1);
  /* The local file shrinks: an error, not a dead process. */
  CHECK(pair(fds));
  start_receive(&p, &s, fds[1], 0);
  CHECK(truncate(path_of("s"), 4096) == 0);
  send(fds[0], frame, wire(frame, 6, 2, 2, 0), MSG_NOSIGNAL);
  join(&p);
  CHECK(p.control.end == SHMIM_END_ERROR && p.control.error == EBADFD);
  close(fds[0]);
  drop(&s, "s");
}

static bool tcp(int fds[2], struct sockaddr_in *local,
                struct sockaddr_in *remote) {
  socklen_t n = sizeof *local;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  *remote = (struct sockaddr_in){.sin_family = AF_INET};
  remote->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool done = bind(listener, (struct sockaddr *)remote, n) == 0 &&
              listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr *)remote, &n) == 0;
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  done = done && connect(fds[0], (struct sockaddr *)remote, n) == 0;
  fds[1] = accept(listener, NULL, NULL);
  done = done && getsockname(fds[0], (struct sockaddr *)local, &n) == 0;
  close(listener);
  return done && fds[1] >= 0;
}

static void test_both_pumps(void) {
  struct shmim_stream from;
  struct shmim_stream to;
  struct pump sender;
  struct pump receiver;
  struct sockaddr_in local;
  struct sockaddr_in remote;
  int fds[2];
  uint8_t pixels[DATA_BYTES];
  struct shmim_frame facts;
  CHECK(make(&from, "from", 1, 0) && make(&to, "to", 1, 0));
  CHECK(tcp(fds, &local, &remote));
  const int taken =
      shmim_socket_take("127.0.0.1", ntohs(local.sin_port), "127.0.0.1",
                        ntohs(remote.sin_port));
  CHECK(taken >= 0 && shmim_socket_tune(taken, 5000) == 0);
  CHECK(shmim_socket_take("127.0.0.1", 1, "127.0.0.1", 1) == -ENOTCONN);
  CHECK(shmim_socket_take("nowhere", 1, "127.0.0.1", 1) == -EINVAL);
  CHECK(shmim_socket_take(NULL, 1, NULL, 1) == -EINVAL);
  close(fds[0]); /* the duplicate carries on */
  start_receive(&receiver, &to, fds[1], KEYWORDS);
  start_transmit(&sender, &from, taken, KEYWORDS);
  for (uint8_t n = 1; n <= 50; n++) {
    fill(pixels, n);
    CHECK(shmim_frame_write(&from, pixels, 0, DATA_BYTES, -1, NULL, NULL) ==
          0);
    CHECK(reaches(&receiver, n));
    CHECK(shmim_frame_read(&to, pixels, 0, DATA_BYTES, 1, &facts) == 0);
    CHECK(pixels[0] == n && pixels[DATA_BYTES - 1] == n);
  }
  stop(&sender);
  join(&receiver);
  CHECK(sender.control.end == SHMIM_END_STOPPED);
  CHECK(receiver.control.end == SHMIM_END_PEER);
  CHECK(sender.control.frames == 50 && receiver.control.frames == 50);
  CHECK(sender.control.skipped == 0 && receiver.control.skipped == 0);
  CHECK(sender.control.bytes == receiver.control.bytes);
  CHECK(receiver.control.latency_count == 50);
  drop(&from, "from");
  drop(&to, "to");
}

static void test_transmit_ends(void) {
  struct shmim_stream s;
  struct pump p;
  int fds[2];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  close(fds[1]);
  join(&p);
  CHECK(p.control.end == SHMIM_END_PEER);
  /* A peer that takes nothing does not hold a stop up. */
  CHECK(pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  for (int i = 0; i < 2000; i++) {
    shmim_frame_write(&s, NULL, 0, 0, i % SLICES, NULL, NULL);
  }
  stop(&p);
  CHECK(p.control.end == SHMIM_END_STOPPED);
  close(fds[1]);
  /* More keywords than there are would read beyond the records. */
  p.transmit.keywords = KEYWORDS + 1;
  p.transmit.fd = -1;
  run_pump(&p);
  CHECK(p.result == -EINVAL);
  /* The source shrinks. */
  CHECK(pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  CHECK(truncate(path_of("s"), 0) == 0);
  join(&p);
  CHECK(p.control.end == SHMIM_END_ERROR && p.control.error == EBADFD);
  close(fds[1]);
  drop(&s, "s");
}

static void run(const char *name, void (*test)(void)) {
  running = name;
  ok = true;
  test();
  if (ok) {
    passed++;
  } else {
    failed++;
  }
}

/* Pixels of FITS files. */

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

static void test_lock(void) {
  const int a = shmim_file_create(path_of("lock"), 0600, 1);
  const int b = shmim_file_open(path_of("lock"), false);
  CHECK(shmim_fd_lock(a) == 0 && shmim_fd_lock(a) == 0);
  CHECK(shmim_fd_lock(b) == -EAGAIN);
  shmim_fd_close(a);
  CHECK(shmim_fd_lock(b) == 0);
  shmim_fd_close(b);
  CHECK(shmim_fd_lock(b) == -EBADF);
  shmim_file_unlink(path_of("lock"));
}

/* The descriptor is the pump's from the call on. */
static void test_refused_pumps(void) {
  struct shmim_stream s;
  struct shmim_control control = {0};
  int fds[2];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  const struct shmim_receive in = {.fd = fds[0], .pixel_bytes = 1};
  CHECK(shmim_receive(&s, &in, &control) == -EINVAL);
  CHECK(control.end == SHMIM_END_ERROR && control.error == EINVAL);
  CHECK(fcntl(fds[0], F_GETFD) == -1);
  const struct shmim_transmit out = {.fd = fds[1], .keywords = 1ull << 58};
  CHECK(shmim_transmit(&s, &out, &control) == -EINVAL);
  CHECK(control.end == SHMIM_END_ERROR && control.error == EINVAL);
  CHECK(fcntl(fds[1], F_GETFD) == -1);
  drop(&s, "s");
}

/* Times that no clock gives: the sum must not overflow. */
static void test_transmit_foreign_times(void) {
  const int64_t times[] = {INT64_MIN, INT64_MAX, -264475882811, 0};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    struct shmim_stream s;
    struct shmim_control control = {0};
    int fds[2];
    CHECK(make(&s, "s", 1, 0) && pair(fds));
    CHECK(shmim_frame_write(&s, NULL, 0, 0, -1, NULL, NULL) == 0);
    memcpy((void *)(uintptr_t)(s.base + s.writetime), &times[i], 8);
    shutdown(fds[1], SHUT_WR); /* ends after the first frame */
    const struct shmim_transmit out = {.fd = fds[0], .first = 1};
    shmim_transmit(&s, &out, &control);
    CHECK(control.end == SHMIM_END_PEER && control.frames == 1);
    close(fds[1]);
    drop(&s, "s");
  }
}

#include "sysv_cases.h"
static const struct tile_test *tile;

static void test_tile(void) {
  CHECK(tile->body());
}

/* Rings. */

enum { RING_SLOTS = 4 };

struct ring_pump {
  pthread_t thread;
  struct shmim_stream *s;
  struct shmim_capture capture;
  struct shmim_play play;
  struct shmim_ring ring;
  struct shmim_caught records[RING_SLOTS];
  uint8_t pixels[RING_SLOTS * DATA_BYTES];
  struct shmim_control control;
  int32_t result;
};

static void *run_capture(void *argument) {
  struct ring_pump *p = argument;
  p->result = shmim_capture(p->s, &p->capture, &p->ring, p->records,
                            p->pixels, &p->control);
  return NULL;
}

static struct ring_pump *start_capture(struct shmim_stream *s) {
  struct ring_pump *p = calloc(1, sizeof *p);
  p->s = s;
  p->capture = (struct shmim_capture){
      .wait = {.mode = SHMIM_WAIT_POLL, .sem = -1, .poll_us = 50},
      .slots = RING_SLOTS,
      .bytes = DATA_BYTES,
  };
  pthread_create(&p->thread, NULL, run_capture, p);
  while (__atomic_load_n(&p->ring.ready, __ATOMIC_ACQUIRE) == 0) {
    sleep_ms(1);
  }
  return p;
}

/* Writes a frame and waits until the pump has seen it. */
static bool caught(struct ring_pump *p, uint8_t value) {
  uint8_t frame[DATA_BYTES];
  const uint64_t before = p->control.frames + p->control.repeats;
  fill(frame, value);
  if (shmim_frame_write(p->s, frame, 0, DATA_BYTES, -1, NULL, NULL) != 0) {
    return false;
  }
  for (int i = 0; i < 30000; i++) {
    if (__atomic_load_n(&p->control.frames, __ATOMIC_ACQUIRE) +
            __atomic_load_n(&p->control.repeats, __ATOMIC_ACQUIRE) >
        before) {
      sleep_ms(1); /* the ring's words follow */
      return true;
    }
    sleep_ms(1);
  }
  return false;
}

static void test_capture(void) {
  struct shmim_stream s;
  CHECK(make(&s, "s", 1, 0));
  struct ring_pump *p = start_capture(&s);
  for (uint8_t n = 1; n <= 7; n++) {
    CHECK(caught(p, n));
  }
  CHECK(p->ring.head == RING_SLOTS && p->ring.overflow == 3);
  for (uint8_t n = 1; n <= RING_SLOTS; n++) {
    CHECK(p->pixels[(n - 1) * DATA_BYTES] == n);
    CHECK(p->pixels[n * DATA_BYTES - 1] == n);
    CHECK(p->records[n - 1].cnt0 == n && p->records[n - 1].missed == 0);
  }
  __atomic_store_n(&p->ring.tail, 1, __ATOMIC_RELEASE);
  CHECK(caught(p, 8));
  CHECK(p->ring.head == 5 && p->pixels[0] == 8);
  CHECK(p->records[0].overflow == 3 && p->ring.overflow == 0);
  __atomic_store_n(&p->control.stop, 1, __ATOMIC_RELEASE);
  pthread_join(p->thread, NULL);
  CHECK(p->result == 0 && p->control.end == SHMIM_END_STOPPED);
  free(p);
  drop(&s, "s");
}

static void test_capture_shrink(void) {
  struct shmim_stream s;
  CHECK(make(&s, "s", 1, 0));
  struct ring_pump *p = start_capture(&s);
  CHECK(truncate(path_of("s"), DATA) == 0);
  pthread_join(p->thread, NULL);
  CHECK(p->result == -EBADFD && p->control.end == SHMIM_END_ERROR);
  free(p);
  drop(&s, "s");
}

static void test_play(void) {
  struct shmim_stream s;
  struct ring_pump *p = calloc(1, sizeof *p);
  CHECK(make(&s, "s", 1, 0));
  for (uint64_t n = 0; n < RING_SLOTS; n++) {
    fill(p->pixels + n * DATA_BYTES, (uint8_t)(n + 1));
    p->records[n] = (struct shmim_caught){.cnt0 = 50 + 3 * n,
                                          .cnt1 = n,
                                          .atime_s = 1000 + (int64_t)n,
                                          .monotonic_ns = n * 1000000};
  }
  p->ring = (struct shmim_ring){.head = RING_SLOTS, .closed = 1};
  p->play = (struct shmim_play){.slots = RING_SLOTS,
                                .bytes = DATA_BYTES,
                                .spin_ns = 1000,
                                .loops = 3,
                                .cycle_ns = 4000000};
  struct timespec a;
  struct timespec b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  CHECK(shmim_play(&s, &p->play, &p->ring, p->records, p->pixels,
                   &p->control) == 0);
  clock_gettime(CLOCK_MONOTONIC, &b);
  CHECK((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec >=
        11000000);
  CHECK(p->control.frames == 12 && p->control.end == SHMIM_END_PEER);
  CHECK(shmim_frame_counter(&s) == 12);
  /* Once more, from the ring, with what the recording says. */
  p->play.loops = 0;
  p->play.keep_counters = 1;
  p->play.keep_times = 1;
  memset(&p->control, 0, sizeof p->control);
  CHECK(shmim_play(&s, &p->play, &p->ring, p->records, p->pixels,
                   &p->control) == 0);
  uint8_t pixels[DATA_BYTES];
  struct shmim_frame facts;
  CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &facts) == 0);
  CHECK(facts.cnt0 == 59 && facts.cnt1 == 3 && facts.atime_s == 1003);
  CHECK(pixels[0] == 4 && p->ring.tail == RING_SLOTS);
  CHECK(p->control.foreign == 0);
  free(p);
  drop(&s, "s");
}

static void test_rings_refused(void) {
  struct shmim_stream s;
  struct ring_pump *p = calloc(1, sizeof *p);
  CHECK(make(&s, "s", 1, 0));
  const struct shmim_capture none = {.slots = 0, .bytes = DATA_BYTES};
  const struct shmim_capture large = {.slots = 4, .bytes = DATA_BYTES + 1};
  CHECK(shmim_capture(&s, &none, &p->ring, p->records, p->pixels,
                      &p->control) == -EINVAL);
  CHECK(shmim_capture(&s, &large, &p->ring, p->records, p->pixels,
                      &p->control) == -EINVAL);
  CHECK(shmim_capture(&s, &none, NULL, p->records, p->pixels,
                      &p->control) == -EINVAL);
  const struct shmim_play open = {.slots = 4, .bytes = DATA_BYTES, .loops = 1};
  CHECK(shmim_play(&s, &open, &p->ring, p->records, p->pixels,
                   &p->control) == -EINVAL);
  p->ring = (struct shmim_ring){.head = 5, .closed = 1};
  CHECK(shmim_play(&s, &open, &p->ring, p->records, p->pixels,
                   &p->control) == -EINVAL);
  free(p);
  drop(&s, "s");
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

int main(void) {
  if (mkdtemp(folder) == NULL) {
    perror("mkdtemp");
    return 1;
  }
  run("shmim_file_create()", test_create);
  run("shmim_file_open()", test_open);
  run("shmim_file_rename()", test_rename);
  run("shmim_dir_list()", test_list);
  run("shmim_clock()", test_clocks);
  run("shmim_file_text() and what a host says", test_host);
  run("shmim_map() stays inside", test_bounds);
  run("shmim_stream_check()", test_table);
  run("shmim_map() survives a file that shrinks", test_shrink);
  run("shmim_sem_claim()", test_semaphores);
  run("shmim_sem_claim() in threads", test_claims_of_threads);
  run("shmim_sem_forget()", test_forgotten_claim);
  run("shmim_sem_post() of damaged semaphores", test_damaged_semaphores);
  run("shmim_frame_write()", test_frames);
  run("shmim_frame_read() of a raised flag", test_torn);
  run("shmim_frame_read() of a circular buffer", test_ring);
  run("shmim_frame_read() of a busy writer", test_busy_writer);
  run("shmim_frame_wait()", test_wait);
  run("shmim_receive() of good frames", test_receive);
  run("shmim_receive() of a hostile slice", test_receive_hostile_slice);
  run("shmim_receive() of a cut frame", test_receive_cut);
  run("shmim_receive() of noise", test_receive_noise);
  run("shmim_receive() ends", test_receive_ends);
  run("shmim_transmit() to shmim_receive()", test_both_pumps);
  run("shmim_transmit() ends", test_transmit_ends);
  run("shmim_convert_bytes() exactly", test_convert_exact);
  run("shmim_convert_bytes() scaled", test_convert_scaled);
  run("shmim_convert_bytes() stays inside", test_convert_bounds);
  run("shmim_convert_file()", test_convert_file);
  run("shmim_convert_file() without a mapping", test_convert_unmapped);
  run("shmim_fd_lock()", test_lock);
  run("shmim_transmit() and shmim_receive() that refuse", test_refused_pumps);
  run("shmim_transmit() of foreign times", test_transmit_foreign_times);
  run("shmim_segment_store() stays inside", test_segment_bounds);
  run("shmim_segment_get() and what the kernel says", test_segment_kernel);
  run("what partitions need", test_partition);
  run("shmim_segment_apply() whole or not at all", test_segment_updates);
  run("shmim_segment_snapshot() of a busy writer", test_segment_records);
  run("shmim_process_start()", test_process_start);
  run("shmim_keep_descriptors()", test_keep_descriptors);
  for (tile = tile_tests; tile->name != NULL; tile++) {
    run(tile->name, test_tile);
  }
  run("shmim_capture()", test_capture);
  run("shmim_capture() of a file that shrinks", test_capture_shrink);
  run("shmim_play()", test_play);
  run("shmim_capture() and shmim_play() that refuse", test_rings_refused);
  run("shmim_swap_pixels()", test_swap);
  if (rmdir(folder) != 0) {
    fprintf(stderr, "the tests left files in %s\n", folder);
    failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
