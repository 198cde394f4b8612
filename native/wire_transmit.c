/*
 * The transmitting pump of our own wire: waits for the source, sends each
 * frame in pieces, and keeps the connection's clocks and heartbeats.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slices.h"
#include "wire_transmit.h"

/* A writer that holds its flag up longer than this is named. */
#define STALL_NS 1000000000ull
/* Ages beyond this are a foreign clock. */
#define PLAUSIBLE_NS 10000000000ll
/* Frames that are copied first after one had to be given up half-way. */
#define CAUTIOUS 16

static bool told_to_stop(const struct wire_out *t) {
  return stopped(&t->ctl->common.stop);
}

/* How old a frame is by the clock of its stream; WIRE_UNKNOWN: nonsense. */
static uint64_t age_of(const struct wire_out *t, const struct shmim_frame *f) {
  struct timespec now;
  clock_gettime((clockid_t)t->s->clock, &now);
  /* Whatever the file says: sums of 64 bits that wrap. */
  const uint64_t s = (uint64_t)now.tv_sec - (uint64_t)f->writetime_s;
  int64_t ns = (int64_t)(s * NS_PER_S + (uint64_t)now.tv_nsec -
                         (uint64_t)f->writetime_ns);
  if (ns > PLAUSIBLE_NS) {
    ns -= t->tai_ns; /* a writer that stamps UTC */
  }
  return ns >= 0 && ns < PLAUSIBLE_NS ? (uint64_t)ns : WIRE_UNKNOWN;
}

/* Whether the pixels are still those of the frame. */
static bool intact(const struct wire_out *t, const struct wire_part *p) {
  atomic_thread_fence(memory_order_acquire);
  const uint64_t number = p->frame.cnt0;
  switch (p->kept) {
  case KEPT_COPY:
    return true;
  case KEPT_LIVE:
    return load_flag(t->s) == 0 && load_counter(t->s) == number;
  case KEPT_SLICE:
    return slice_whole(t->s, number);
  case KEPT_SLOT:
    return load_counter(t->s) + 1 < number + t->s->ring_slots;
  }
  return false;
}

/*
 * One frame. The mark behind a piece says whether the source was still whole
 * when that piece had been handed over, so it leaves with the next piece.
 * 0: sent; ABORTED: the source changed, the peer forgets it.
 */
static int32_t send_frame(struct wire_out *t, const struct wire_part *p) {
  const struct shmim_frame *f = &p->frame;
  const uint64_t newest = load_counter(t->s);
  const uint64_t behind = newest > f->cnt0 ? newest - f->cnt0 : 0;
  struct wire_frame head = {
      .type = WIRE_FRAME,
      .flags = p->flags,
      .cnt0 = f->cnt0,
      .cnt1 = f->cnt1,
      .cnt2 = f->cnt2,
      .atime_s = f->atime_s,
      .atime_ns = f->atime_ns,
      .writetime_s = f->writetime_s,
      .writetime_ns = f->writetime_ns,
      .age_ns = age_of(t, f),
      .slice = p->slice,
      .behind = behind < UINT32_MAX ? (uint32_t)behind : UINT32_MAX,
      .bytes = p->bytes,
  };
  head.sent_ns = wire_clock(&t->w);
  uint32_t crc = shmim_crc32c(0, &head, sizeof head, 0);
  struct wire_mark_bytes mark = {.what = WIRE_MORE};
  uint64_t sent = 0;
  do {
    const uint64_t left = p->bytes - sent;
    const uint64_t n = left < t->c->piece_bytes ? left : t->c->piece_bytes;
    const uint8_t *from = p->pixels + sent;
    const bool last = n == left;
    crc = shmim_crc32c(crc, from, n, 0);
    struct wire_mark_bytes end = {.what = WIRE_END, .crc = crc};
    const bool closed = last && p->kept == KEPT_COPY;
    struct iovec part[3] = {
        {.iov_base = sent == 0 ? (void *)&head : (void *)&mark,
         .iov_len = sent == 0 ? sizeof head : sizeof mark},
        {.iov_base = (void *)(uintptr_t)from, .iov_len = n},
        {.iov_base = &end, .iov_len = sizeof end},
    };
    int32_t rc = wire_send(&t->w, part, closed ? 3 : 2, sent > 0);
    if (rc != 0) {
      return rc;
    }
    sent += n;
    if (closed) {
      break;
    }
    const bool good = intact(t, p) && guard_status(t->s) == 0;
    if (!good || last) {
      end.what = good ? WIRE_END : WIRE_ABORT;
      struct iovec only = {.iov_base = &end, .iov_len = sizeof end};
      rc = wire_send(&t->w, &only, 1, true);
      if (rc != 0 || good) {
        if (rc != 0) {
          return rc;
        }
        break;
      }
      t->ctl->aborted++;
      return ABORTED;
    }
  } while (sent < p->bytes);
  t->ctl->late += behind > 0;
  const uint64_t age = age_of(t, f);
  if (age != WIRE_UNKNOWN) {
    pump_latency(&t->ctl->common, age);
  }
  return 0;
}

/* Keyword records, where they changed since they were sent: those between
 * the first and the last that did. */
static int32_t send_keywords(struct wire_out *t) {
  const uint64_t n = t->c->keywords;
  if (n == 0) {
    return 0;
  }
  const uint8_t *now = at(t->s, t->s->keywords);
  if (t->c->keywords_used) {
    if (keywords_used(t->s, t->keywords, n)) {
      t->ctl->common.dropped_keywords++;
    }
    now = t->keywords;
  }
  if (memcmp(now, t->sent_keywords, n * KEYWORD_BYTES) == 0) {
    return 0;
  }
  uint64_t first = 0;
  uint64_t end = n;
  while (first < n && memcmp(now + first * KEYWORD_BYTES,
                             t->sent_keywords + first * KEYWORD_BYTES,
                             KEYWORD_BYTES) == 0) {
    first++;
  }
  while (end > first && memcmp(now + (end - 1) * KEYWORD_BYTES,
                               t->sent_keywords + (end - 1) * KEYWORD_BYTES,
                               KEYWORD_BYTES) == 0) {
    end--;
  }
  /* A writer may change them meanwhile: what is summed is what is sent. */
  uint8_t *records = t->sent_keywords + first * KEYWORD_BYTES;
  memcpy(records, now + first * KEYWORD_BYTES, (end - first) * KEYWORD_BYTES);
  struct wire_keywords head = {
      .type = WIRE_KEYWORDS,
      .first = (uint32_t)first,
      .count = (uint32_t)(end - first),
  };
  const uint64_t bytes = (end - first) * KEYWORD_BYTES;
  head.crc = shmim_crc32c(shmim_crc32c(0, &head, 12, 0), records, bytes, 0);
  struct iovec part[2] = {{.iov_base = &head, .iov_len = sizeof head},
                          {.iov_base = records, .iov_len = bytes}};
  t->ctl->keyword_updates++;
  return wire_send(&t->w, part, 2, false);
}

static void count_sent(struct wire_out *t, const struct wire_part *p) {
  struct shmim_control *ctl = &t->ctl->common;
  const uint64_t counter = p->frame.cnt0;
  if (counter > t->state.last + 1) {
    ctl->skipped += counter - t->state.last - 1;
  }
  t->state.last = counter;
  t->state.last_slice = p->frame.cnt1;
  t->state.sent = true;
  ctl->frames++;
  ctl->last_cnt0 = counter;
  ctl->last_cnt1 = p->frame.cnt1;
  ctl->last_ns = monotonic_ns();
}

/* A frame that is whole as long as intact() says so. Small ones are copied
 * first: a piece, its head and its mark leave in one call then. */
static int32_t send_part(struct wire_out *t, struct wire_part *p) {
  if (p->kept != KEPT_COPY && p->bytes <= t->c->piece_bytes) {
    memcpy(t->pixels, p->pixels, p->bytes);
    if (!intact(t, p)) {
      t->ctl->aborted++;
      return ABORTED;
    }
    p->pixels = t->pixels;
    p->kept = KEPT_COPY;
  }
  int32_t rc = guard_status(t->s);
  rc = rc != 0 ? rc : send_keywords(t);
  rc = rc != 0 ? rc : send_frame(t, p);
  if (rc == 0) {
    count_sent(t, p);
  }
  return rc;
}

/*
 * A copy of the newest whole frame in `out`, however long a writer takes to
 * pause. -ECANCELED: told to stop meanwhile.
 */
int32_t wire_copy_frame(struct wire_out *t, uint8_t *out,
                        struct shmim_frame *frame, bool *torn,
                        int32_t (*meanwhile)(struct wire_out *)) {
  uint64_t since = 0;
  *torn = false;
  for (;;) {
    int32_t rc = shmim_frame_read(t->s, out, 0, t->s->data_bytes, 4, frame);
    if (rc != 0 || !frame->torn) {
      return rc;
    }
    if (told_to_stop(t)) {
      return -ECANCELED;
    }
    const uint64_t now = monotonic_ns();
    since = since ? since : now;
    if (frame->stalled) {
      if (now - since > STALL_NS) {
        t->ctl->common.state = SHMIM_STATE_STALLED;
      }
      pause_us(50);
    } else {
      t->ctl->common.torn++;
      if (t->c->allow_torn) {
        *torn = true;
        return 0;
      }
      if (now - since > STALL_NS) {
        t->ctl->common.state = SHMIM_STATE_RESTLESS;
      }
    }
    rc = meanwhile != NULL ? meanwhile(t) : 0;
    if (rc != 0) {
      return rc;
    }
  }
}

/* The frame that is in the stream now, straight from there: 1 where a writer
 * is at work, so that a copy must be tried. */
static int32_t live_frame(const struct wire_out *t, struct wire_part *p) {
  p->frame.cnt0 = load_counter(t->s);
  p->pixels = at(t->s, t->s->data);
  p->kept = KEPT_LIVE;
  note_frame(t->s, &p->frame);
  return intact(t, p) ? 0 : 1;
}

/* The newest frame as a whole: an image, or a cube with all its slices. */
static int32_t send_newest(struct wire_out *t) {
  struct wire_part p = {.slice = WIRE_WHOLE, .bytes = t->s->data_bytes};
  const bool large = p.bytes > t->c->piece_bytes;
  for (;;) {
    bool torn = false;
    int32_t rc = 1;
    if (large && t->cautious == 0) {
      rc = live_frame(t, &p);
    }
    if (rc == 1) {
      rc = wire_copy_frame(t, t->pixels, &p.frame, &torn, wire_upkeep);
      p.pixels = t->pixels;
      p.kept = KEPT_COPY;
      p.flags = torn ? WIRE_FLAG_TORN : 0;
      t->cautious -= t->cautious > 0;
    }
    rc = rc != 0 ? rc : send_part(t, &p);
    if (rc != ABORTED) {
      return rc;
    }
    t->cautious = CAUTIOUS;
  }
}

static void note_slice_times(const struct shmim_stream *s, uint64_t k,
                             struct shmim_frame *f, uint64_t number) {
  uint64_t stored = 0;
  if (s->slice_counters != 0) {
    memcpy(&stored, at(s, s->slice_counters + 8 * k), 8);
  }
  if (stored == number) {
    memcpy(&f->atime_s, at(s, s->slice_atimes + 16 * k), 16);
    memcpy(&f->writetime_s, at(s, s->slice_writetimes + 16 * k), 16);
  }
}

/* New slices of a ring, the oldest first. */
static int32_t send_slices(struct wire_out *t, const struct slice_plan *plan) {
  const struct shmim_stream *s = t->s;
  const uint64_t n = s->slices;
  for (uint64_t i = plan->count; i-- > 0;) {
    const uint64_t k = (plan->slice + n - i % n) % n;
    struct wire_part p = {
        .slice = (uint32_t)k,
        .bytes = s->slice_bytes,
        .pixels = at(s, s->data + k * s->slice_bytes),
        .kept = KEPT_SLICE,
        .flags = i > 0 ? WIRE_FLAG_LATER_TIMES : 0,
    };
    note_frame(s, &p.frame);
    p.frame.cnt0 = plan->counter - i;
    p.frame.cnt1 = k;
    note_slice_times(s, k, &p.frame, p.frame.cnt0);
    int32_t rc = told_to_stop(t) ? -ECANCELED : 0;
    if (rc == 0 && plan->counter - i <= t->state.last && t->state.sent) {
      continue;
    }
    rc = rc != 0 ? rc : send_part(t, &p);
    if (rc != 0 && rc != ABORTED) {
      return rc;
    }
  }
  return 0;
}

static int32_t send_cube(struct wire_out *t) {
  struct slice_plan plan;
  switch (slices_plan(t->s, t->c->slice_mode, &t->state, &plan)) {
  case SLICES_STUCK:
    t->ctl->common.state = SHMIM_STATE_STALLED;
    return 0;
  case SLICES_BUSY:
    t->ctl->common.state = SHMIM_STATE_RESTLESS;
    return 0;
  case SLICES_CUBE:
    return send_newest(t);
  case SLICES_NEW:
    return send_slices(t, &plan);
  }
  return 0;
}

static int32_t send_news(struct wire_out *t) {
  return t->s->slices > 1 ? send_cube(t) : send_newest(t);
}

static int32_t run(struct wire_out *t) {
  struct shmim_control *ctl = &t->ctl->common;
  for (;;) {
    if (told_to_stop(t)) {
      return -ECANCELED;
    }
    int32_t rc = wire_upkeep(t);
    if (rc != 0) {
      return rc;
    }
    rc = wait_frame(t->s, &t->c->wait, t->state.last,
                    monotonic_ns() + PUMP_SLICE_MS * 1000000ull, &ctl->stop);
    if (rc == 0) {
      ctl->state = SHMIM_STATE_BUSY;
      rc = send_news(t);
      if (ctl->state == SHMIM_STATE_BUSY || ctl->state == SHMIM_STATE_BLOCKED) {
        ctl->state = SHMIM_STATE_WAITING;
      }
    } else if (rc == -ETIMEDOUT) {
      ctl->state = SHMIM_STATE_WAITING;
      rc = 0;
    }
    if (rc != 0) {
      return rc;
    }
  }
}

static bool sane(const struct shmim_stream *s,
                 const struct shmim_wire_transmit *c) {
  return s != NULL && s->base != 0 && s->data_bytes > 0 &&
         c->keywords <= s->keyword_bytes / KEYWORD_BYTES &&
         c->piece_bytes >= WIRE_PIECE_MIN && c->piece_bytes <= WIRE_PIECE_MAX;
}

/*
 * Runs until told to stop, the peer goes or something fails; says which in
 * the control block. Closes the socket's duplicate, whatever happens. Blocks:
 * nonblocking calls only.
 */
int32_t shmim_wire_transmit(struct shmim_stream *s,
                            const struct shmim_wire_transmit *c,
                            struct shmim_wire_control *ctl) {
  struct schedule schedule;
  struct socket_state socket;
  if (c == NULL || ctl == NULL) {
    return -EINVAL;
  }
  if (!sane(s, c)) {
    close((int)c->fd);
    return pump_end(&ctl->common, SHMIM_END_ERROR, -EINVAL);
  }
  struct wire_out t = {
      .w = {.fd = (int)c->fd,
            .ctl = &ctl->common,
            .silence_ns = c->silence_ms * 1000000ull,
            .shift_ns = c->shift_ns},
      .s = s,
      .c = c,
      .ctl = ctl,
      .state = {.last = c->wait.last,
                .last_slice = *word(s, s->cnt1),
                .sent = !c->first},
      .tai_ns = (int64_t)shmim_tai_offset() * 1000000000,
  };
  const uint64_t keywords = c->keywords * KEYWORD_BYTES;
  t.pixels = malloc(s->data_bytes);
  t.keywords = malloc(keywords > 0 ? keywords : 1);
  t.sent_keywords = calloc(1, keywords > 0 ? keywords : 1);
  int32_t rc = -ENOMEM;
  if (t.pixels != NULL && t.keywords != NULL && t.sent_keywords != NULL) {
    schedule_enter(&schedule, c->priority, c->cpus);
    guard_pump(s, true);
    socket_enter(&socket, (int)c->fd);
    wire_clock_enter(&t);
    rc = run(&t);
    wire_clock_leave(&t);
    socket_leave(&socket);
    schedule_leave(&schedule);
    guard_pump(s, false);
  }
  free(t.pixels);
  free(t.keywords);
  free(t.sent_keywords);
  close((int)c->fd);
  return wire_ended(&t.w, rc);
}
