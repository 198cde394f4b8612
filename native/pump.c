/* What all pumps do: waiting, copying, statistics, the way a pump ends. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

#define NEVER_PAUSES_NS 1000000000ull

/* 16 buckets for each power of two: values below 16 ns have their own. */
static uint64_t bucket(uint64_t ns) {
  if (ns < 16) {
    return ns;
  }
  const uint64_t e = 63 - (uint64_t)__builtin_clzll(ns);
  const uint64_t i = (e - 3) * 16 + ((ns >> (e - 4)) & 15);
  return i < SHMIM_HISTOGRAM ? i : SHMIM_HISTOGRAM - 1;
}

#define HUGE_PAGE (2ull << 20)

void *frame_buffer(uint64_t bytes) {
  if (bytes < HUGE_PAGE / 4 || bytes > UINT64_MAX - HUGE_PAGE) {
    return malloc(bytes > 0 ? bytes : 1);
  }
  const uint64_t whole = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  void *p = aligned_alloc(HUGE_PAGE, whole);
  if (p != NULL) {
    madvise(p, whole, MADV_HUGEPAGE); /* a wish */
  }
  return p;
}

void pump_latency(struct shmim_control *control, uint64_t ns) {
  control->histogram[bucket(ns)]++;
  control->latency_count++;
  if (ns > control->latency_max) {
    control->latency_max = ns;
  }
}

int32_t pump_end(struct shmim_control *control, enum shmim_end end,
                 int32_t rc) {
  control->error = rc < 0 ? (uint64_t)-rc : 0;
  __atomic_store_n(&control->end, (uint64_t)end, __ATOMIC_RELEASE);
  return rc;
}

/* Waits for a counter other than `last` until told to stop. */
int32_t pump_next_counter(const struct shmim_stream *s,
                          const struct shmim_wait *w, uint64_t last,
                          struct shmim_control *ctl) {
  for (;;) {
    if (stopped(&ctl->stop)) {
      return -ECANCELED;
    }
    const int32_t rc =
        wait_frame(s, w, last, monotonic_ns() + PUMP_SLICE_MS * 1000000ull,
                   &ctl->stop);
    if (rc != -ETIMEDOUT) {
      return rc;
    }
    ctl->state = SHMIM_STATE_WAITING;
  }
}

/* A whole frame of the source in `pixels`, however long its writer takes. */
int32_t pump_whole_frame(const struct shmim_stream *from, void *pixels,
                         uint64_t bytes, struct shmim_control *ctl,
                         struct shmim_frame *frame) {
  uint64_t since = 0;
  for (;;) {
    const int32_t rc = shmim_frame_read(from, pixels, 0, bytes, 4, frame);
    if (rc != 0 || !frame->torn) {
      return rc;
    }
    if (stopped(&ctl->stop)) {
      return -ECANCELED;
    }
    const uint64_t now = monotonic_ns();
    since = since ? since : now;
    if (frame->stalled) {
      pause_us(50);
    } else {
      ctl->torn++;
    }
    if (now - since > NEVER_PAUSES_NS) {
      ctl->state =
          frame->stalled ? SHMIM_STATE_STALLED : SHMIM_STATE_RESTLESS;
    }
  }
}
