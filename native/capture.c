/* The capturing pump: every frame of a stream into a ring of memory that was
 * had beforehand, so that neither a garbage collector nor a slow disk stands
 * between a frame and its copy. Also what turns native pixels into those of
 * a FITS file. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* A count that another thread reads. */
static void put(uint64_t *to, uint64_t value) {
  __atomic_store_n(to, value, __ATOMIC_RELEASE);
}

static uint64_t get(const uint64_t *from) {
  return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static int64_t now_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (int64_t)t.tv_sec * (int64_t)NS_PER_S + (int64_t)t.tv_nsec;
}

static void stamp(struct shmim_caught *record) {
  record->arrival_ns = now_ns(CLOCK_REALTIME);
  record->monotonic_ns = monotonic_ns();
}

struct capture {
  const struct shmim_stream *s;
  const struct shmim_capture *c;
  struct shmim_ring *ring;
  struct shmim_caught *records;
  uint8_t *pixels;
  struct shmim_control *ctl;
};

/*
 * Counters that passed between two frames are missed, whoever is to blame. The
 * first frame of a stream that was made anew follows the last one of the
 * stream before, unless it counts from 0 again.
 */
static void note_gap(const struct capture *k, uint64_t counter,
                     uint64_t last) {
  const uint64_t before = k->c->wait.last;
  if (k->c->current && last == 0 && counter > before) {
    last = before;
  }
  if (counter > last + 1) {
    put(&k->ring->missed, k->ring->missed + (counter - last - 1));
    k->ctl->skipped += counter - last - 1;
  }
}

/* Copies the frame into the next slot. */
static int32_t keep(const struct capture *k, uint64_t counter,
                    uint64_t *last) {
  const uint64_t head = k->ring->head;
  const uint64_t slot = head % k->c->slots;
  struct shmim_caught *record = &k->records[slot];
  struct shmim_frame frame;
  struct pump_copy how = {.control = k->ctl};
  stamp(record);
  const int32_t rc = pump_whole_frame(
      k->s, k->pixels + slot * k->c->bytes, k->c->bytes, &how, &frame);
  if (rc != 0) {
    return rc;
  }
  if (frame.cnt0 == *last) {
    return 0; /* a writer that took its counter back */
  }
  if (frame.cnt0 != counter) {
    stamp(record); /* a later frame than the one that was noticed */
  }
  note_gap(k, frame.cnt0, *last);
  record->cnt0 = frame.cnt0;
  record->cnt1 = frame.cnt1;
  record->cnt2 = frame.cnt2;
  record->atime_s = frame.atime_s;
  record->atime_ns = frame.atime_ns;
  record->writetime_s = frame.writetime_s;
  record->writetime_ns = frame.writetime_ns;
  record->missed = k->ring->missed;
  record->overflow = k->ring->overflow;
  record->tries = frame.tries;
  put(&k->ring->missed, 0);
  put(&k->ring->overflow, 0);
  *last = frame.cnt0;
  k->ctl->frames++;
  k->ctl->last_cnt0 = frame.cnt0;
  k->ctl->last_ns = record->monotonic_ns;
  pump_latency(k->ctl, monotonic_ns() - record->monotonic_ns);
  put(&k->ring->head, head + 1);
  return 0;
}

static int32_t run(const struct capture *k) {
  uint64_t last = load_counter(k->s);
  if (k->c->current) {
    last = 0;
  }
  put(&k->ring->ready, 1);
  for (;;) {
    const int32_t rc = pump_next_counter(k->s, &k->c->wait, last, k->ctl);
    if (rc != 0) {
      return rc;
    }
    const uint64_t counter = load_counter(k->s);
    if (k->ring->head - get(&k->ring->tail) < k->c->slots) {
      k->ctl->state = SHMIM_STATE_BUSY;
      const int32_t kept = keep(k, counter, &last);
      if (kept != 0) {
        return kept;
      }
    } else {
      k->ctl->state = SHMIM_STATE_BLOCKED;
      k->ctl->repeats++;
      note_gap(k, counter, last);
      put(&k->ring->overflow, k->ring->overflow + 1);
      last = counter;
    }
  }
}

/*
 * Copies each new frame, whole, into the next slot of a ring until told to
 * stop. Nothing is overwritten: a frame that finds the ring full is counted
 * (`overflow`, and `repeats` of the control block), one that passed unseen,
 * too (`missed`, `skipped`). The ring's pages are touched before `ready`.
 * Blocks: nonblocking calls only.
 */
int32_t shmim_capture(const struct shmim_stream *s,
                      const struct shmim_capture *c, struct shmim_ring *ring,
                      struct shmim_caught *records, void *pixels,
                      struct shmim_control *ctl) {
  struct schedule schedule;
  if (s == NULL || s->base == 0 || c == NULL || ring == NULL ||
      records == NULL || ctl == NULL || c->slots == 0 ||
      (c->bytes != 0 && (c->bytes != s->data_bytes || pixels == NULL))) {
    return -EINVAL;
  }
  const struct capture k = {.s = s, .c = c, .ring = ring, .records = records,
                            .pixels = pixels, .ctl = ctl};
  if (c->bytes != 0) {
    memset(pixels, 0, c->slots * c->bytes);
  }
  memset(records, 0, c->slots * sizeof *records);
  schedule_enter(&schedule, c->priority, c->cpus);
  guard_pump(s, true);
  const int32_t rc = run(&k);
  guard_pump(s, false);
  schedule_leave(&schedule);
  return rc == -ECANCELED ? pump_end(ctl, SHMIM_END_STOPPED, 0)
                          : pump_end(ctl, SHMIM_END_ERROR, rc);
}

static void swap(uint8_t *p, uint64_t count, uint64_t width) {
  if (width == 2) {
    for (uint64_t i = 0; i < count; i++) {
      uint16_t v;
      memcpy(&v, p + 2 * i, 2);
      v = __builtin_bswap16(v);
      memcpy(p + 2 * i, &v, 2);
    }
  } else if (width == 4) {
    for (uint64_t i = 0; i < count; i++) {
      uint32_t v;
      memcpy(&v, p + 4 * i, 4);
      v = __builtin_bswap32(v);
      memcpy(p + 4 * i, &v, 4);
    }
  } else if (width == 8) {
    for (uint64_t i = 0; i < count; i++) {
      uint64_t v;
      memcpy(&v, p + 8 * i, 8);
      v = __builtin_bswap64(v);
      memcpy(p + 8 * i, &v, 8);
    }
  }
}

/* Inverts the sign bit of big-endian values: the first bit of each. */
static void flip(uint8_t *p, uint64_t count, uint64_t width) {
  for (uint64_t i = 0; i < count; i++) {
    p[i * width] ^= 0x80;
  }
}

/* The ones' complement sum of FITS (DATASUM), unfolded: each big-endian
 * 32-bit word of the data unit; `position` is where the bytes begin. */
static uint64_t sum_words(const uint8_t *p, uint64_t bytes,
                          uint64_t position) {
  uint64_t sum = 0;
  uint64_t i = 0;
  for (; i < bytes && (position + i) % 4 != 0; i++) {
    sum += (uint64_t)p[i] << (8 * (3 - (position + i) % 4));
  }
  for (; i + 4 <= bytes; i += 4) {
    uint32_t v;
    memcpy(&v, p + i, 4);
    sum += __builtin_bswap32(v);
  }
  for (; i < bytes; i++) {
    sum += (uint64_t)p[i] << (8 * (3 - (position + i) % 4));
  }
  return sum;
}

/*
 * Turns `count` native values of `width` bytes into big-endian ones in place,
 * or back: first the swap, then the sign bit of unsigned and signed-byte
 * types. `sum`, where it is not NULL, takes the folded checksum of what comes
 * out, which begins at byte `position` of its data unit; then the order is
 * that of writing. With `sum` NULL the sign is inverted first: reading.
 */
int32_t shmim_swap_pixels(void *bytes, uint64_t count, uint64_t width,
                          uint64_t flip_sign, uint64_t position,
                          uint64_t *sum) {
  if ((bytes == NULL && count > 0) ||
      (width != 1 && width != 2 && width != 4 && width != 8)) {
    return -EINVAL;
  }
  if (sum == NULL && flip_sign) {
    flip(bytes, count, width);
  }
  swap(bytes, count, width);
  if (sum == NULL) {
    return 0;
  }
  if (flip_sign) {
    flip(bytes, count, width);
  }
  /* 2^32 words of 2^32 - 1 fit into 64 bits; no ring holds as many. */
  uint64_t total = sum_words(bytes, count * width, position);
  while (total >> 32 != 0) {
    total = (total & 0xffffffffu) + (total >> 32);
  }
  *sum = total;
  return 0;
}
