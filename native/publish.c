/* What publishing a frame is: its flag, times, counters, trace and posts. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* The flag of the frame that is being written. */
static _Atomic uint8_t *writing_flag(const struct shmim_stream *s) {
  return (_Atomic uint8_t *)at(
      s, s->write_flag + segment_writing(s) * s->segment_record);
}

void lower_flag(const struct shmim_stream *s) {
  atomic_store_explicit(writing_flag(s), 0, memory_order_release);
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
                    const int64_t *atime, const struct timespec *started,
                    const struct trigger *trigger, int64_t write_time[2]) {
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
