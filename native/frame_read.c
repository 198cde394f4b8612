/* Reading frames: a copy that is not torn. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* How long a copy waits for the write flag to go down before it counts as a
 * failed try. */
#define QUIET_NS 1000000ull
/* Copies that shmim_frame_take() makes before it gives up. */
#define COPY_TRIES 8
#define HASTE_FRAMES 1024

void note_frame(const struct shmim_stream *s, uint64_t k,
                struct shmim_frame *f) {
  struct timespec t;
  const uint64_t record = k * s->segment_record;
  if (f == NULL) {
    return;
  }
  f->cnt1 = *word(s, s->cnt1 + record);
  f->cnt2 = *word(s, s->cnt2 + record);
  if (s->time_ns) {
    int64_t ns;
    memcpy(&ns, at(s, s->atime + record), 8);
    f->atime_s = ns / (int64_t)NS_PER_S;
    f->atime_ns = ns % (int64_t)NS_PER_S;
  } else {
    memcpy(&f->atime_s, at(s, s->atime + record), 16);
  }
  if (s->writetime != 0) {
    memcpy(&f->writetime_s, at(s, s->writetime + record), 16);
  } else {
    f->writetime_s = f->atime_s;
    f->writetime_ns = f->atime_ns;
  }
  clock_gettime((clockid_t)s->clock, &t);
  f->seen_s = (int64_t)t.tv_sec;
  f->seen_ns = (int64_t)t.tv_nsec;
}

uint64_t shmim_frame_counter(const struct shmim_stream *s) {
  return s == NULL || s->base == 0 ? 0 : load_counter(s);
}

/* Waits a short while for the write flag; true when it is down. */
static bool quiet(const struct shmim_stream *s, uint64_t counter) {
  if (load_flag(s) == 0) {
    return true;
  }
  const uint64_t deadline = monotonic_ns() + QUIET_NS;
  while (load_flag(s) != 0 && load_counter(s) == counter) {
    if (monotonic_ns() > deadline) {
      return false;
    }
    relax();
  }
  return load_flag(s) == 0;
}

/*
 * Where writers lower the flag before they count, one of them may have written
 * the whole frame between two looks at both. Then what was copied is not what
 * is there.
 */
static bool same_still(const struct shmim_stream *s, uint64_t k,
                       const void *copy, uint64_t offset, uint64_t bytes,
                       uint64_t counter) {
  const bool same = memcmp(copy, segment_pixels(s, k) + offset, bytes) == 0;
  atomic_thread_fence(memory_order_acquire);
  return same && segment_flag(s, k) == 0 && segment_counter(s, k) == counter;
}

/*
 * One copy of the frame in the data block. True when no writer touched it:
 * flag down and counter equal before and after.
 */
static bool copy_once(const struct shmim_stream *s, void *out,
                      uint64_t offset, uint64_t bytes, uint64_t *counter) {
  *counter = load_counter(s);
  const bool before = quiet(s, *counter);
  *counter = load_counter(s);
  memcpy(out, at(s, s->data + offset), bytes);
  atomic_thread_fence(memory_order_acquire);
  return before && load_flag(s) == 0 && load_counter(s) == *counter &&
         (!s->late_counter || same_still(s, 0, out, offset, bytes, *counter));
}

/*
 * The same from a FIFO. A writer comes back to a segment only after it has
 * counted the one before it: while that has not happened nothing can be torn.
 */
static bool copy_segment(const struct shmim_stream *s, void *out,
                         uint64_t offset, uint64_t bytes, uint64_t *counter,
                         uint64_t *k) {
  *k = segment_newest(s, counter);
  memcpy(out, segment_pixels(s, *k) + offset, bytes);
  atomic_thread_fence(memory_order_acquire);
  return segment_flag(s, *k) == 0 && segment_counter(s, *k) == *counter &&
         segment_counter(s, segment_before(s, *k)) <= *counter;
}

/*
 * One copy of the newest slot of the circular buffer, where the buffer is
 * being filled: its own count agrees with cnt0. The slot is whole if the
 * writer has not come round again.
 */
static bool copy_ring(const struct shmim_stream *s, void *out,
                      uint64_t offset, uint64_t bytes, uint64_t *counter) {
  if (s->ring_slots < 2) {
    return false;
  }
  const uint32_t index = atomic_load((_Atomic uint32_t *)at(s, s->ring_index));
  const uint64_t cycle = atomic_load(word(s, s->ring_cycle));
  const uint64_t now = load_counter(s);
  const uint64_t number = cycle * s->ring_slots + index;
  if (index >= s->ring_slots || number != now) {
    return false;
  }
  memcpy(out, at(s, s->ring_data + index * s->data_bytes + offset), bytes);
  atomic_thread_fence(memory_order_acquire);
  *counter = number;
  return load_counter(s) + 1 < number + s->ring_slots;
}

/*
 * A whole frame, from where it is soonest to be had: while the flag is up,
 * the slot before is whole already. A copy of pixels that are being written
 * would be for nothing, and cost the writer bandwidth.
 */
static bool copy_frame(const struct shmim_stream *s, void *out,
                       uint64_t offset, uint64_t bytes, uint64_t *counter,
                       uint64_t *k, struct haste *haste) {
  if (s->segments > 1) {
    return copy_segment(s, out, offset, bytes, counter, k);
  }
  if ((haste->frames > 0 || load_flag(s) != 0) &&
      copy_ring(s, out, offset, bytes, counter)) {
    haste->frames -= haste->frames > 0;
    return true;
  }
  if (copy_once(s, out, offset, bytes, counter)) {
    return true;
  }
  haste->frames = HASTE_FRAMES;
  return copy_ring(s, out, offset, bytes, counter);
}

/* shmim_frame_read() for a pump, which remembers its writer's haste. */
int32_t read_hastily(const struct shmim_stream *s, void *out, uint64_t offset,
                     uint64_t bytes, uint32_t tries, struct shmim_frame *frame,
                     struct haste *haste) {
  if (s == NULL || s->base == 0 || frame == NULL || (out == NULL && bytes)) {
    return -EINVAL;
  }
  if (offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  bool whole = false;
  uint64_t counter = 0;
  uint64_t n = 0;
  uint64_t k = 0;
  while (!whole && n < tries) {
    n++;
    whole = copy_frame(s, out, offset, bytes, &counter, &k, haste);
  }
  note_frame(s, k, frame);
  frame->cnt0 = counter;
  frame->tries = n;
  frame->torn = whole ? 0 : 1;
  frame->stalled =
      !whole && load_flag(s) != 0 && load_counter(s) == counter ? 1 : 0;
  return guard_status(s);
}

/*
 * Copies `bytes` at `offset` of the data block. `frame->torn` is 1 when no
 * quiet moment was found in `tries` copies; the last copy is in `out` then.
 * Does not sleep; takes at most `tries` copies and 1 ms each of waiting.
 */
int32_t shmim_frame_read(const struct shmim_stream *s, void *out,
                         uint64_t offset, uint64_t bytes, uint32_t tries,
                         struct shmim_frame *frame) {
  struct haste haste = {0};
  return read_hastily(s, out, offset, bytes, tries, frame, &haste);
}

/*
 * Copies the whole frame that is in the stream now, for loops at full speed:
 * `hot` is the stream's entry (`guard`); the frame's number goes to `copied`,
 * everything else that shmim_frame_read() tells is left out. -EAGAIN: no
 * quiet moment was found. The caller sees to it that `out` holds data_bytes.
 */
int32_t shmim_frame_take(uint32_t hot, void *out) {
  struct shmim_stream *s = guard_stream(hot);
  struct timespec now;
  uint64_t k = 0;
  if (s == NULL || (out == NULL && s->data_bytes > 0)) {
    return -EINVAL;
  }
  bool whole = false;
  struct haste haste = {0};
  for (int n = 0; !whole && n < COPY_TRIES; n++) {
    whole = copy_frame(s, out, 0, s->data_bytes, &s->copied, &k, &haste);
  }
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const int32_t rc = guard_glance(s, &now);
  return rc == 0 && !whole ? -EAGAIN : rc;
}
