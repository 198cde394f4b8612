/* The playing pump: frames out of a ring into a stream, each at its time. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* How long to sleep while no frame is in the ring. */
#define EMPTY_US 200
/* Later than this for want of frames: all that follow move with it. */
#define LATE_NS 1000000ull
/* A larger frame would push itself out of the cache. */
#define WARM_BYTES 262144ull
#define CACHE_LINE 64

struct player {
  struct shmim_stream *s;
  const struct shmim_play *c;
  struct shmim_ring *ring;
  const struct shmim_caught *records;
  const uint8_t *pixels;
  struct shmim_control *ctl;
  uint64_t base;            /* when the first frame is due, 0 = not known */
  uint64_t last;            /* when the frame before was played, 0 = none */
  uint64_t last_offset;     /* and its offset */
};

static uint64_t get(const uint64_t *from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

/* Brings a frame near the core while there is nothing else to do: a copy out
 * of memory takes several us more or less than one out of a cache. */
static void warm(const struct player *p, const uint8_t *pixels) {
  if (p->c->bytes > WARM_BYTES) {
    return;
  }
  for (uint64_t i = 0; i < p->c->bytes; i += CACHE_LINE) {
    __builtin_prefetch(pixels + i);
  }
}

/* Sleeps, and spins for the last part: waking up takes some 50 us. */
static int32_t wait_until(const struct player *p, uint64_t due,
                          const uint8_t *pixels) {
  for (;;) {
    if (stopped(&p->ctl->stop)) {
      return -ECANCELED;
    }
    const uint64_t now = monotonic_ns();
    if (now + p->c->spin_ns >= due) {
      break;
    }
    const uint64_t limit = now + PUMP_SLICE_MS * 1000000ull;
    const uint64_t target = due - p->c->spin_ns;
    const uint64_t until = target < limit ? target : limit;
    const struct timespec t = {.tv_sec = (time_t)(until / NS_PER_S),
                               .tv_nsec = (long)(until % NS_PER_S)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
  }
  warm(p, pixels);
  while (monotonic_ns() < due) {
    relax();
  }
  return 0;
}

/* Writes one frame. What is kept of the recording goes in under the flag. */
static int32_t write_frame(const struct player *p,
                           const struct shmim_caught *record,
                           const uint8_t *pixels) {
  struct shmim_stream *s = p->s;
  struct timespec begun;
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, s->data_bytes);
  memcpy(segment_pixels(s, segment_writing(s)), pixels, s->data_bytes);
  int64_t slice = -1;
  struct shmim_frame kept = {.cnt0 = record->cnt0};
  const struct trigger trigger = {.copy = &kept};
  const bool keep = p->c->keep_counters && record->cnt0 > 0;
  if (keep) {
    kept.cnt2 = *word(s, s->cnt2 + segment_writing(s) * s->segment_record);
    slice = (int64_t)(record->cnt1 & INT64_MAX);
  }
  const int64_t atime[2] = {record->atime_s, record->atime_ns};
  return publish(s, slice, p->c->keep_times ? atime : NULL, &begun,
                 keep ? &trigger : NULL, NULL);
}

/* Waits for frame number n of the ring; 0, 1 = there will be none. */
static int32_t await_frame(const struct player *p, uint64_t n) {
  while (get(&p->ring->head) <= n) {
    if (get(&p->ring->closed)) {
      return get(&p->ring->head) <= n;
    }
    if (stopped(&p->ctl->stop)) {
      return -ECANCELED;
    }
    const int32_t rc = guard_status(p->s);
    if (rc != 0) {
      return rc;
    }
    p->ctl->state = SHMIM_STATE_BLOCKED;
    pause_us(EMPTY_US);
  }
  return 0;
}

/* One frame at its time; `offset` is after the very first one. */
static int32_t play(struct player *p, uint64_t slot, uint64_t offset,
                    bool waited) {
  const uint8_t *pixels = p->pixels + slot * p->c->bytes;
  const uint64_t now = monotonic_ns();
  if (p->base == 0) {
    p->base = now + p->c->lead_ns;
  }
  uint64_t due = p->base + offset;
  if (waited && now > due + LATE_NS) {
    p->ctl->empty++;
    p->base += now - due;
    due = now;
  }
  /* What is late catches up, but never in a burst: no two frames come closer
   * than half of what they should be apart. */
  const uint64_t apart = p->last != 0 ? (offset - p->last_offset) / 2 : 0;
  const uint64_t earliest = p->last + apart;
  p->ctl->state = SHMIM_STATE_WAITING;
  int32_t rc = wait_until(p, due > earliest ? due : earliest, pixels);
  if (rc != 0) {
    return rc;
  }
  p->last = monotonic_ns();
  p->last_offset = offset;
  pump_latency(p->ctl, p->last - due);
  p->ctl->state = SHMIM_STATE_BUSY;
  rc = write_frame(p, &p->records[slot], pixels);
  p->ctl->frames++;
  p->ctl->last_cnt0 = load_counter(p->s);
  p->ctl->last_ns = monotonic_ns();
  p->ctl->foreign = p->s->foreign;
  return rc;
}

/* Everything that comes, once. 1: all of it was played. */
static int32_t play_once(struct player *p) {
  for (uint64_t n = 0;; n++) {
    const bool waited = get(&p->ring->head) <= n;
    int32_t rc = await_frame(p, n);
    if (rc == 0) {
      const uint64_t slot = n % p->c->slots;
      rc = play(p, slot, p->records[slot].monotonic_ns, waited && n > 0);
    }
    if (rc != 0) {
      return rc;
    }
    __atomic_store_n(&p->ring->tail, n + 1, __ATOMIC_RELEASE);
  }
}

/* What is in the ring, again and again. */
static int32_t play_rounds(struct player *p) {
  const uint64_t count = get(&p->ring->head);
  for (uint64_t round = 0; round < p->c->loops; round++) {
    for (uint64_t n = 0; n < count; n++) {
      const uint64_t offset =
          round * p->c->cycle_ns + p->records[n].monotonic_ns;
      const int32_t rc = play(p, n, offset, false);
      if (rc != 0) {
        return rc;
      }
    }
  }
  return 1;
}

/*
 * Plays the frames of a ring until it is `closed` and empty, or told to stop.
 * With `loops` above 0 the ring must be closed before: its frames are played
 * so many times and stay. Times are kept to the microsecond where the machine
 * is idle: the histogram holds how late each frame was. Blocks: nonblocking
 * calls only.
 */
int32_t shmim_play(struct shmim_stream *s, const struct shmim_play *c,
                   struct shmim_ring *ring,
                   const struct shmim_caught *records, const void *pixels,
                   struct shmim_control *ctl) {
  struct schedule schedule;
  if (s == NULL || s->base == 0 || c == NULL || ring == NULL ||
      records == NULL || pixels == NULL || ctl == NULL || c->slots == 0 ||
      c->bytes != s->data_bytes ||
      (c->loops > 0 && (!ring->closed || ring->head > c->slots))) {
    return -EINVAL;
  }
  if (!s->writable) {
    return pump_end(ctl, SHMIM_END_ERROR, -EACCES);
  }
  struct player p = {.s = s, .c = c, .ring = ring, .records = records,
                     .pixels = pixels, .ctl = ctl};
  schedule_enter(&schedule, c->priority, c->cpus);
  guard_pump(s, true);
  const int32_t rc = c->loops > 0 ? play_rounds(&p) : play_once(&p);
  guard_pump(s, false);
  schedule_leave(&schedule);
  if (rc == 1) {
    return pump_end(ctl, SHMIM_END_PEER, 0);
  }
  return rc == -ECANCELED ? pump_end(ctl, SHMIM_END_STOPPED, 0)
                          : pump_end(ctl, SHMIM_END_ERROR, rc);
}
