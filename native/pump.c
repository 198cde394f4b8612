/* What all pumps do: waiting, copying, statistics, the way a pump ends. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

#define NEVER_PAUSES_NS 1000000000ull
/* Ages beyond this are a foreign clock. */
#define PLAUSIBLE_NS 10000000000ll

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

uint64_t frame_age(const struct shmim_stream *s, const struct shmim_frame *f,
                   int64_t tai_ns) {
  struct timespec now;
  clock_gettime((clockid_t)s->clock, &now);
  /* Whatever the file says: sums of 64 bits that wrap. */
  const uint64_t seconds = (uint64_t)now.tv_sec - (uint64_t)f->writetime_s;
  int64_t ns = (int64_t)(seconds * NS_PER_S + (uint64_t)now.tv_nsec -
                         (uint64_t)f->writetime_ns);
  if (ns > PLAUSIBLE_NS) {
    ns -= tai_ns; /* a writer that stamps UTC */
  }
  return ns >= 0 && ns < PLAUSIBLE_NS ? (uint64_t)ns : UINT64_MAX;
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
    const int32_t rc = wait_frame(s, w, last, pump_look(), &ctl->stop);
    if (rc != -ETIMEDOUT) {
      return rc;
    }
    ctl->state = SHMIM_STATE_WAITING;
  }
}

uint64_t pump_look(void) {
  return monotonic_ns() + PUMP_SLICE_MS * 1000000ull;
}

int32_t pump_whole_frame(const struct shmim_stream *from, void *pixels,
                         uint64_t bytes, struct pump_copy *how,
                         struct shmim_frame *frame) {
  struct shmim_control *ctl = how->control;
  uint64_t since = 0;
  for (;;) {
    /* Each try at a flag that is up takes 1 ms of the core. */
    int32_t rc = read_hastily(from, pixels, 0, bytes, since == 0 ? 4 : 1,
                              frame, &how->haste);
    if (rc != 0 || !frame->torn) {
      return rc;
    }
    if (stopped(&ctl->stop)) {
      return -ECANCELED;
    }
    since = since != 0 ? since : monotonic_ns();
    if (frame->stalled) {
      await_writer(from, since, pump_look(), &ctl->stop);
    } else {
      ctl->torn++;
      if (how->allow_torn) {
        return 0;
      }
    }
    if (monotonic_ns() - since > NEVER_PAUSES_NS) {
      ctl->state =
          frame->stalled ? SHMIM_STATE_STALLED : SHMIM_STATE_RESTLESS;
    }
    rc = how->meanwhile != NULL ? how->meanwhile(how->argument) : 0;
    if (rc != 0) {
      return rc;
    }
  }
}
