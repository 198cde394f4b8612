/* What is new in a cube: every new slice of a ring, or the cube as a whole. */
#define _GNU_SOURCE
#include "slices.h"

/*
 * Counter and slice index of one moment. False while the writer is busy:
 * some move cnt1 before the pixels, some after.
 */
static bool sample(const struct shmim_stream *s, uint64_t *counter,
                   uint64_t *slice) {
  const uint64_t deadline = monotonic_ns() + 2000000;
  do {
    *counter = load_counter(s);
    const bool before = load_flag(s) == 0;
    *slice = atomic_load(word(s, s->cnt1));
    if (before && load_flag(s) == 0 && load_counter(s) == *counter) {
      return true;
    }
    relax();
  } while (monotonic_ns() < deadline);
  return false;
}

bool slice_whole(const struct shmim_stream *s, uint64_t number) {
  const uint64_t limit = number + s->slices - 1;
  const uint64_t now = load_counter(s);
  return now < limit || (now == limit && load_flag(s) == 0);
}

enum slice_news slices_plan(const struct shmim_stream *s, uint64_t mode,
                            struct slice_state *t, struct slice_plan *plan) {
  const uint64_t n = s->slices;
  uint64_t counter;
  uint64_t slice;
  /* Each frame of a FIFO is a cube of its own. */
  if (mode == SHMIM_SLICES_WHOLE || s->segments > 1) {
    return SLICES_CUBE;
  }
  if (!sample(s, &counter, &slice)) {
    const bool stuck = load_counter(s) == counter;
    t->stuck = !stuck ? 0 : t->stuck != 0 ? t->stuck : monotonic_ns();
    return stuck ? SLICES_STUCK : SLICES_BUSY;
  }
  t->stuck = 0;
  const bool declared = mode != SHMIM_SLICES_AUTO;
  const bool fresh = counter > t->last; /* no restart of the counter */
  const uint64_t news = fresh ? counter - t->last : 1;
  uint64_t steps = slice < n ? (slice + n - t->last_slice % n) % n : 0;
  t->rolls = t->rolls || steps != 0;
  if (slice >= n ||
      (steps == 0 && !declared && (!t->rolls || news % n != 0))) {
    return SLICES_CUBE;
  }
  if (steps == 0) {
    steps = declared && news < n ? 1 : n;
  }
  uint64_t count = news < steps ? news : steps;
  if (!t->sent) {
    count = 1; /* what was written before we came is not news */
  }
  if (count > n - 1) {
    count = n - 1; /* the oldest is being overwritten next */
  }
  *plan = (struct slice_plan){
      .counter = counter,
      .slice = slice,
      .count = count,
      .skipped = fresh && t->sent ? news - count : 0,
  };
  return SLICES_NEW;
}
