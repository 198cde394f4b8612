/* Rings: frames caught into one, and played from one. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

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

static uint64_t get(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* `current` and `wait.last` are the caller's. */
static void begin_capture(struct ring_pump *p) {
  p->capture.wait.mode = SHMIM_WAIT_POLL;
  p->capture.wait.sem = -1;
  p->capture.wait.poll_us = 50;
  p->capture.slots = RING_SLOTS;
  p->capture.bytes = DATA_BYTES;
  pthread_create(&p->thread, NULL, run_capture, p);
  while (__atomic_load_n(&p->ring.ready, __ATOMIC_ACQUIRE) == 0) {
    sleep_ms(1);
  }
}

static struct ring_pump *start_capture(struct shmim_stream *s) {
  struct ring_pump *p = calloc(1, sizeof *p);
  p->s = s;
  begin_capture(p);
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

/* A stream made anew: its source goes on counting, or begins again. */
static void test_capture_anew(void) {
  const struct {
    uint64_t there, first, missed;
  } cases[] = {
      {5000003, 5000003, 2}, /* the old one had counted to 5000000 */
      {0, 5000003, 2},       /* made, but nothing was published yet */
      {3, 3, 2},
      {5000000, 5000000, 4999999},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct shmim_stream s;
    CHECK(make(&s, "s", 1, 0));
    CHECK(shmim_map_store(&s, s.cnt0, &cases[i].there, 8) == 0);
    struct ring_pump *p = calloc(1, sizeof *p);
    p->s = &s;
    p->capture.current = 1;
    p->capture.wait.last = 5000000;
    begin_capture(p);
    CHECK(shmim_map_store(&s, s.cnt0, &cases[i].first, 8) == 0);
    for (int ms = 0; ms < 30000 && get(&p->ring.head) == 0; ms++) {
      sleep_ms(1);
    }
    CHECK(get(&p->ring.head) == 1 && p->records[0].cnt0 == cases[i].first);
    CHECK(p->records[0].missed == cases[i].missed);
    __atomic_store_n(&p->control.stop, 1, __ATOMIC_RELEASE);
    pthread_join(p->thread, NULL);
    free(p);
    drop(&s, "s");
  }
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

const struct test rings_tests[] = {
    {"shmim_capture()", test_capture},
    {"shmim_capture() of a stream made anew", test_capture_anew},
    {"shmim_capture() of a file that shrinks", test_capture_shrink},
    {"shmim_play()", test_play},
    {"shmim_capture() and shmim_play() that refuse", test_rings_refused},
    {NULL, NULL},
};
