/* Frames: writing, reading one that is not torn, waiting for the next. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>

#include "support.h"

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

const struct test frames_tests[] = {
    {"shmim_frame_write()", test_frames},
    {"shmim_frame_read() of a raised flag", test_torn},
    {"shmim_frame_read() of a circular buffer", test_ring},
    {"shmim_frame_read() of a busy writer", test_busy_writer},
    {"shmim_frame_wait()", test_wait},
    {NULL, NULL},
};
