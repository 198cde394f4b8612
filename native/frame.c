/* Frames: a copy that is not torn, publishing, and waiting for the next. */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* How long a copy waits for the write flag to go down before it counts as a
 * failed try. */
#define QUIET_NS 1000000ull
/* After a semaphore woke us, how long the counter may lag: some writers post
 * before they lower the flag and count. */
#define LAG_FLAG_UP_NS 5000000ull
#define LAG_NS 1000000ull
#define LAG_SPIN_NS 50000ull
/* Between two looks at a flag that stays up: a part of the time that it has
 * been up, so that a writer which died costs nothing. */
#define STALL_PART 64
#define STALL_LEAST_US 50
#define STALL_MOST_US 2000
/* Old posts taken off before sleeping: more than any format lets pile up. */
#define STALE_POSTS 32
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

/* The flag of the frame that is being written. */
static _Atomic uint8_t *writing_flag(const struct shmim_stream *s) {
  return (_Atomic uint8_t *)at(
      s, s->write_flag + segment_writing(s) * s->segment_record);
}

void raise_flag(const struct shmim_stream *s, uint64_t bytes) {
  atomic_store_explicit(writing_flag(s), 1, memory_order_relaxed);
  atomic_thread_fence(memory_order_release); /* before any pixel */
  if (s->segments > 1 && bytes < s->data_bytes) {
    carry_over(s);
  }
}

static void put_word(uint8_t *to, uint64_t value) {
  memcpy(to, &value, 8);
}

static void put_time(uint8_t *to, int64_t s, int64_t ns) {
  put_word(to, (uint64_t)s);
  put_word(to + 8, (uint64_t)ns);
}

/* The process trace: entry 0 is the last writer, behind it the history of the
 * stream that triggered it. */
static void trace(const struct shmim_stream *s, int64_t started_s,
                  int64_t started_ns, int64_t now_s, int64_t now_ns,
                  const struct trigger *trigger) {
  if (s->trace_count == 0) {
    return;
  }
  uint64_t trigger_inode = 0;
  int32_t woken_by = -1;
  uint64_t counter = load_counter(s);
  if (trigger != NULL && trigger->stream != NULL) {
    const struct shmim_stream *from = trigger->stream;
    const uint64_t room = s->trace_count - 1;
    const uint64_t n = from->trace_count < room ? from->trace_count : room;
    memcpy(at(s, s->trace + SHMIM_TRACE_BYTES), at(from, from->trace),
           n * SHMIM_TRACE_BYTES);
    trigger_inode = trigger->inode;
    woken_by = trigger->semaphore;
    counter = trigger->counter;
  }
  /* Word by word: a struct that is filled and copied at once stalls. */
  uint8_t *entry = at(s, s->trace);
  put_word(entry, (uint64_t)(uint32_t)s->pid << 32); /* mode 0, pid */
  put_word(entry + 8, trigger_inode);
  put_time(entry + 16, started_s, started_ns);
  put_time(entry + 32, now_s, now_ns);
  put_word(entry + 48, (uint32_t)woken_by); /* semaphore, status 0 */
  put_word(entry + 56, counter);
}

static void fill_ring(const struct shmim_stream *s) {
  if (s->ring_slots == 0) {
    return; /* a FIFO is none: its frames are written in their place */
  }
  _Atomic uint32_t *stored = (_Atomic uint32_t *)at(s, s->ring_index);
  uint64_t index = (uint64_t)atomic_load(stored) + 1;
  const bool wrapped = index >= s->ring_slots;
  if (wrapped) {
    index = 0;
  }
  memcpy(at(s, s->ring_data + index * s->data_bytes), at(s, s->data),
         s->data_bytes);
  if (wrapped) {
    atomic_fetch_add(word(s, s->ring_cycle), 1);
  }
  atomic_store_explicit(stored, (uint32_t)index, memory_order_release);
}

static void store_times(const struct shmim_stream *s, uint64_t record,
                        int64_t acquired_s, int64_t acquired_ns,
                        int64_t written_s, int64_t written_ns) {
  if (s->writetime != 0) {
    put_time(at(s, s->writetime + record), written_s, written_ns);
  }
  if (s->time_ns) {
    put_word(at(s, s->atime + record),
             (uint64_t)acquired_s * NS_PER_S + (uint64_t)acquired_ns);
  } else {
    put_time(at(s, s->atime + record), acquired_s, acquired_ns);
  }
}

/* Counts the frame in segment `k`; returns the count before it. A copy keeps
 * its number. */
static uint64_t count_frame(const struct shmim_stream *s, uint64_t k,
                            const struct shmim_frame *copy) {
  _Atomic uint64_t *counter = word(s, s->cnt0 + k * s->segment_record);
  if (copy != NULL) {
    *word(s, s->cnt2 + k * s->segment_record) = copy->cnt2;
  }
  if (s->segments < 2) {
    return copy != NULL
               ? atomic_exchange_explicit(counter, copy->cnt0,
                                          memory_order_acq_rel)
               : atomic_fetch_add_explicit(counter, 1, memory_order_acq_rel);
  }
  const uint64_t before = segment_counter(s, segment_before(s, k));
  atomic_store_explicit(counter, copy != NULL ? copy->cnt0 : before + 1,
                        memory_order_release);
  return before;
}

/* Our count of a frame, and what another writer counted meanwhile. */
static void own(struct shmim_stream *s, uint64_t before, uint64_t counter) {
  if (s->own_counter != ~0ull && before != s->own_counter) {
    s->foreign += before > s->own_counter ? before - s->own_counter : 1;
  }
  s->own_counter = counter;
}

static void note_slice(const struct shmim_stream *s, uint64_t k,
                       int64_t acquired_s, int64_t acquired_ns,
                       int64_t written_s, int64_t written_ns,
                       uint64_t counter) {
  put_time(at(s, s->slice_atimes + 16 * k), acquired_s, acquired_ns);
  put_time(at(s, s->slice_writetimes + 16 * k), written_s, written_ns);
  put_word(at(s, s->slice_counters + 8 * k), counter);
}

/*
 * As publish(), but counters and times are those of a frame elsewhere: the
 * stream goes on as its source does. Where there is a circular buffer, the
 * frame lies in the slot that its counter belongs to. `run` frames have come
 * without a gap: where that is less than the slots, others hold older frames
 * than a reader would take them for, and the cycle says that it is not valid.
 */
int32_t publish_as(struct shmim_stream *s, int64_t slice,
                   const struct shmim_frame *f, uint64_t run,
                   const struct timespec *started) {
  struct timespec now;
  if (s->segments > 1 || s->time_ns) {
    const int64_t atime[2] = {f->atime_s, f->atime_ns};
    const struct trigger trigger = {.copy = f};
    return publish(s, slice, atime, started, &trigger, NULL);
  }
  if (s->ring_slots > 0) {
    const uint64_t index = f->cnt0 % s->ring_slots;
    memcpy(at(s, s->ring_data + index * s->data_bytes), at(s, s->data),
           s->data_bytes);
    atomic_store(word(s, s->ring_cycle),
                 f->cnt0 / s->ring_slots + (run < s->ring_slots ? 1 : 0));
    atomic_store_explicit((_Atomic uint32_t *)at(s, s->ring_index),
                          (uint32_t)index, memory_order_release);
  }
  clock_gettime((clockid_t)s->clock, &now);
  store_times(s, 0, f->atime_s, f->atime_ns, f->writetime_s, f->writetime_ns);
  if (s->cnt1 != 0) {
    atomic_store_explicit(word(s, s->cnt1), f->cnt1, memory_order_release);
  }
  if (s->cnt2 != 0) {
    atomic_store_explicit(word(s, s->cnt2), f->cnt2, memory_order_release);
  }
  trace(s, (int64_t)started->tv_sec, (int64_t)started->tv_nsec,
        (int64_t)now.tv_sec, (int64_t)now.tv_nsec, NULL);
  own(s, atomic_exchange_explicit(word(s, s->cnt0), f->cnt0,
                                  memory_order_acq_rel),
      f->cnt0);
  if (slice >= 0 && (uint64_t)slice < s->slices && s->slice_counters != 0) {
    note_slice(s, (uint64_t)slice, f->atime_s, f->atime_ns, f->writetime_s,
               f->writetime_ns, f->cnt0);
  }
  atomic_store_explicit(flag(s), 0, memory_order_release);
  post_all(s);
  return guard_status(s);
}

/* Readers of a FIFO take the greater of the last two counters for the newest:
 * where a copy's counter went back, what was there before is forgotten. */
static void forget_later(const struct shmim_stream *s, uint64_t k,
                         uint64_t counter) {
  if (segment_counter(s, segment_before(s, k)) < counter) {
    return;
  }
  for (uint64_t i = 0; i < s->segments; i++) {
    if (i != k && segment_counter(s, i) >= counter) {
      atomic_store_explicit(word(s, s->cnt0 + i * s->segment_record), 0,
                            memory_order_release);
    }
  }
}

/*
 * In the order that readers rely on: ring, times, counters, flag, in a FIFO
 * the index, posts. `write_time` gets the time of publication; returns where
 * the frame's fields lie, from those of the first.
 */
static uint64_t put(struct shmim_stream *s, int64_t slice,
                    const int64_t *atime,
                const struct timespec *started, const struct trigger *trigger,
                int64_t write_time[2]) {
  struct timespec now;
  const uint64_t segment = segment_writing(s);
  const uint64_t record = segment * s->segment_record;
  fill_ring(s);
  clock_gettime((clockid_t)s->clock, &now);
  const int64_t now_s = (int64_t)now.tv_sec;
  const int64_t now_ns = (int64_t)now.tv_nsec;
  const int64_t acquired_s = atime != NULL ? atime[0] : now_s;
  const int64_t acquired_ns = atime != NULL ? atime[1] : now_ns;
  write_time[0] = now_s;
  write_time[1] = now_ns;
  store_times(s, record, acquired_s, acquired_ns, now_s, now_ns);
  if (slice >= 0) {
    atomic_store_explicit(word(s, s->cnt1 + record), (uint64_t)slice,
                          memory_order_release);
  }
  trace(s, started != NULL ? (int64_t)started->tv_sec : now_s,
        started != NULL ? (int64_t)started->tv_nsec : now_ns, now_s, now_ns,
        trigger);
  const struct shmim_frame *copy = trigger != NULL ? trigger->copy : NULL;
  const uint64_t before = count_frame(s, segment, copy);
  const uint64_t counter = copy != NULL ? copy->cnt0 : before + 1;
  own(s, before, counter);
  if (slice >= 0 && (uint64_t)slice < s->slices && s->slice_counters != 0) {
    note_slice(s, (uint64_t)slice, acquired_s, acquired_ns, now_s, now_ns,
               counter);
  }
  atomic_store_explicit((_Atomic uint8_t *)at(s, s->write_flag + record), 0,
                        memory_order_release);
  if (s->segments > 1) {
    atomic_store_explicit((_Atomic uint32_t *)at(s, s->segment_index),
                          (uint32_t)segment, memory_order_release);
    if (copy != NULL) {
      forget_later(s, segment, counter);
    }
  }
  post_all(s);
  return record;
}

int32_t publish(struct shmim_stream *s, int64_t slice, const int64_t *atime,
                const struct timespec *started, const struct trigger *trigger,
                struct shmim_frame *frame) {
  int64_t write_time[2];
  const uint64_t record = put(s, slice, atime, started, trigger, write_time);
  const int32_t rc = guard_status(s);
  if (frame != NULL) {
    *frame = (struct shmim_frame){
        .cnt0 = s->own_counter,
        .cnt1 = *word(s, s->cnt1 + record),
        .cnt2 = *word(s, s->cnt2 + record),
        .atime_s = atime != NULL ? atime[0] : write_time[0],
        .atime_ns = atime != NULL ? atime[1] : write_time[1],
        .writetime_s = write_time[0],
        .writetime_ns = write_time[1],
        .seen_s = write_time[0],
        .seen_ns = write_time[1],
    };
  }
  return rc;
}

/*
 * Publishes a frame: `bytes` of `in` at `offset` of the data block, or
 * nothing new where `in` is NULL. `slice` is stored as cnt1, -1 leaves it;
 * `atime` is two int64 (seconds, nanoseconds) or NULL for "now".
 */
int32_t shmim_frame_write(struct shmim_stream *s, const void *in,
                          uint64_t offset, uint64_t bytes, int64_t slice,
                          const int64_t *atime, struct shmim_frame *frame) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  raise_flag(s, in != NULL ? bytes : 0);
  if (in != NULL && bytes > 0) {
    memcpy(segment_pixels(s, segment_writing(s)) + offset, in, bytes);
  }
  return publish(s, slice, atime, NULL, NULL, frame);
}

/*
 * Publishes a whole frame now, for loops at full speed: `hot` is the stream's
 * entry (`guard`); the frame's number is in `own_counter`. The caller sees to
 * it that `in` holds data_bytes.
 */
int32_t shmim_frame_publish(uint32_t hot, const void *in) {
  struct shmim_stream *s = guard_stream(hot);
  int64_t write_time[2];
  if (s == NULL || (in == NULL && s->data_bytes > 0)) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  raise_flag(s, s->data_bytes);
  memcpy(segment_pixels(s, segment_writing(s)), in, s->data_bytes);
  put(s, -1, NULL, NULL, NULL, write_time);
  const struct timespec now = {.tv_sec = write_time[0],
                               .tv_nsec = write_time[1]};
  return guard_glance(s, &now);
}

/*
 * Publishes a whole frame with the counters and times of its original, which
 * were turned into this stream's clock. Where nothing was published there,
 * only the pixels are stored.
 */
int32_t shmim_frame_copy(struct shmim_stream *s, const void *in,
                         uint64_t bytes, const struct shmim_frame *original,
                         struct shmim_frame *frame) {
  if (s == NULL || s->base == 0 || in == NULL || original == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (bytes != s->data_bytes) {
    return -ERANGE;
  }
  const int64_t atime[2] = {original->atime_s, original->atime_ns};
  const struct trigger trigger = {.copy = original};
  raise_flag(s, bytes);
  memcpy(segment_pixels(s, segment_writing(s)), in, bytes);
  if (original->cnt0 == 0) {
    return shmim_frame_end(s, 0, NULL, NULL);
  }
  return publish(s, (int64_t)(original->cnt1 & INT64_MAX), atime, NULL,
                 &trigger, frame);
}

/* Copies a frame of elsewhere into the stream and publishes it as publish_as()
 * does; what is checked is what addresses memory. */
int32_t shmim_frame_put(struct shmim_stream *s, const void *in,
                        uint64_t offset, uint64_t bytes, int64_t slice,
                        const struct shmim_frame *frame, uint64_t run) {
  struct timespec begun;
  if (s == NULL || s->base == 0 || in == NULL || frame == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, bytes);
  memcpy(segment_pixels(s, segment_writing(s)) + offset, in, bytes);
  const int32_t rc = publish_as(s, slice, frame, run, &begun);
  return rc != 0 ? rc : guard_status(s);
}

/* Raises the write flag, for pixels that are changed in several calls. */
int32_t shmim_frame_begin(const struct shmim_stream *s) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  raise_flag(s, 0);
  return guard_status(s);
}

/* Publishes what was changed since shmim_frame_begin(), or only lowers the
 * flag where the change failed. */
int32_t shmim_frame_end(struct shmim_stream *s, int32_t published,
                        const int64_t *atime, struct shmim_frame *frame) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (!published) {
    atomic_store_explicit(writing_flag(s), 0, memory_order_release);
    return guard_status(s);
  }
  return publish(s, -1, atime, NULL, NULL, frame);
}

/* Spins until the counter moves or the time is up. */
static bool spin(const struct shmim_stream *s, uint64_t last,
                 uint64_t deadline, const int64_t *stop) {
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (load_counter(s) != last) {
        return true;
      }
      relax();
    }
    if (monotonic_ns() >= deadline || stopped(stop)) {
      return load_counter(s) != last;
    }
  }
}

static bool poll_counter(const struct shmim_stream *s, uint64_t last,
                         uint64_t deadline, uint64_t pause,
                         const int64_t *stop) {
  while (load_counter(s) == last) {
    if (monotonic_ns() >= deadline || stopped(stop) || guard_status(s) != 0) {
      return false;
    }
    pause_us(pause);
  }
  return true;
}

void await_writer(const struct shmim_stream *s, uint64_t since, uint64_t until,
                  const int64_t *stop) {
  const uint64_t counter = load_counter(s);
  while (load_flag(s) != 0 && load_counter(s) == counter && !stopped(stop) &&
         guard_status(s) == 0) {
    const uint64_t now = monotonic_ns();
    if (now >= until) {
      return;
    }
    const uint64_t us = (now - since) / 1000 / STALL_PART;
    pause_us(us < STALL_LEAST_US  ? STALL_LEAST_US
             : us > STALL_MOST_US ? STALL_MOST_US
                                  : us);
  }
}

/* The counter of a writer that posts first; false where the post was an old
 * one. */
static bool lagging(const struct shmim_stream *s, uint64_t last,
                    uint64_t deadline, const int64_t *stop) {
  const uint64_t now = monotonic_ns();
  const uint64_t lag = now + (load_flag(s) ? LAG_FLAG_UP_NS : LAG_NS);
  return spin(s, last, now + LAG_SPIN_NS, stop) ||
         poll_counter(s, last, lag < deadline ? lag : deadline, 20, stop);
}

static bool sleep_on(const struct shmim_stream *s, uint64_t last,
                     uint64_t deadline, uint64_t index, const int64_t *stop) {
  const struct timespec t = {.tv_sec = (time_t)(deadline / NS_PER_S),
                             .tv_nsec = (long)(deadline % NS_PER_S)};
  /* Posts of frames that are handled already. Left there, one of them would
   * wake every later wait too early; only a post under a raised flag can
   * belong to a frame that is not counted yet. */
  for (int n = 0; n < STALE_POSTS && load_flag(s) == 0 &&
                  sem_trywait(semaphore(s, index)) == 0;
       n++) {
  }
  while (load_counter(s) == last) {
    if (sem_clockwait(semaphore(s, index), CLOCK_MONOTONIC, &t) == 0) {
      if (load_counter(s) != last || lagging(s, last, deadline, stop)) {
        return true;
      }
      /* A damaged value holds more old posts than there is time for. */
      if (monotonic_ns() >= deadline) {
        return false;
      }
    } else if (errno != EINTR) {
      return load_counter(s) != last;
    }
    if (stopped(stop) || guard_status(s) != 0) {
      return false;
    }
  }
  /* The post of the frame that is seen already. */
  sem_trywait(semaphore(s, index));
  return true;
}

int32_t wait_frame(const struct shmim_stream *s, const struct shmim_wait *w,
                   uint64_t last, uint64_t deadline, const int64_t *stop) {
  bool moved = load_counter(s) != last;
  uint64_t mode = w->mode;
  if (!moved && mode == SHMIM_WAIT_ADAPTIVE) {
    const uint64_t until = monotonic_ns() + w->spin_us * 1000;
    moved = spin(s, last, until < deadline ? until : deadline, stop);
    mode = SHMIM_WAIT_SEMAPHORE;
  }
  if (!moved && mode == SHMIM_WAIT_SEMAPHORE &&
      (w->sem < 0 || (uint64_t)w->sem >= s->sem_count || !s->writable ||
       !semaphore_sound(semaphore(s, (uint64_t)w->sem)))) {
    mode = SHMIM_WAIT_POLL;
  }
  if (!moved) {
    if (mode == SHMIM_WAIT_SPIN) {
      moved = spin(s, last, deadline, stop);
    } else if (mode == SHMIM_WAIT_SEMAPHORE) {
      moved = sleep_on(s, last, deadline, (uint64_t)w->sem, stop);
    } else {
      moved = poll_counter(s, last, deadline, w->poll_us, stop);
    }
  }
  if (moved) {
    return 0; /* the copy that follows looks at the mapping */
  }
  const int32_t rc = guard_status(s);
  return rc != 0 ? rc : -ETIMEDOUT;
}

/* Waits for a counter other than w->last: 0, or -ETIMEDOUT. */
int32_t shmim_frame_wait(const struct shmim_stream *s,
                         const struct shmim_wait *w) {
  if (s == NULL || s->base == 0 || w == NULL) {
    return -EINVAL;
  }
  const int32_t rc = wait_frame(s, w, w->last,
                                monotonic_ns() + w->timeout_us * 1000, NULL);
  return rc == 0 ? guard_status(s) : rc;
}

/*
 * Waits for the next frame and copies it. -ETIMEDOUT: none came. -EAGAIN: a
 * writer holds the write flag up, whether it has counted its frame or not.
 * `frame->torn` is 1 where the writer never paused until the time was up.
 */
int32_t shmim_frame_next(const struct shmim_stream *s,
                         const struct shmim_wait *w, void *out,
                         uint64_t offset, uint64_t bytes,
                         struct shmim_frame *frame) {
  if (s == NULL || s->base == 0 || w == NULL || frame == NULL) {
    return -EINVAL;
  }
  const uint64_t deadline = monotonic_ns() + w->timeout_us * 1000;
  int32_t rc = wait_frame(s, w, w->last, deadline, NULL);
  if (rc == -ETIMEDOUT && load_flag(s) != 0) {
    return -EAGAIN;
  }
  if (rc != 0) {
    return rc;
  }
  const uint64_t arrived = monotonic_ns();
  for (;;) {
    rc = shmim_frame_read(s, out, offset, bytes, 4, frame);
    if (rc != 0 || !frame->torn) {
      return rc;
    }
    if (monotonic_ns() >= deadline) {
      return frame->stalled ? -EAGAIN : 0;
    }
    if (frame->stalled) {
      await_writer(s, arrived, deadline, NULL);
    }
  }
}
