/* What both pumps do: statistics and the way a pump ends. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>

#include "internal.h"

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
