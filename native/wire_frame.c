/* One frame of our own wire on its way out, and the keywords before it. */
#define _GNU_SOURCE
#include <string.h>

#include "wire_transmit.h"

/* Whether the pixels are still those of the frame. */
bool wire_intact(const struct wire_out *t, const struct wire_part *p) {
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

static struct wire_frame head_of(const struct wire_out *t,
                                 const struct wire_part *p, uint64_t behind) {
  const struct shmim_frame *f = &p->frame;
  return (struct wire_frame){
      .type = WIRE_FRAME,
      .flags = p->flags,
      .cnt0 = f->cnt0,
      .cnt1 = f->cnt1,
      .cnt2 = f->cnt2,
      .atime_s = f->atime_s,
      .atime_ns = f->atime_ns,
      .writetime_s = f->writetime_s,
      .writetime_ns = f->writetime_ns,
      .sent_ns = wire_clock(&t->w),
      .age_ns = frame_age(t->s, f, t->tai_ns),
      .slice = p->slice,
      .behind = behind < UINT32_MAX ? (uint32_t)behind : UINT32_MAX,
      .bytes = p->bytes,
  };
}

/*
 * One frame. The mark behind a piece says whether the source was still whole
 * when that piece had been handed over, so it leaves with the next piece.
 * 0: sent; ABORTED: the source changed, the peer forgets it.
 */
static int32_t send_pieces(struct wire_out *t, const struct wire_part *p,
                           struct wire_frame *head) {
  uint32_t crc = shmim_crc32c(0, head, sizeof *head, 0);
  struct wire_mark_bytes mark = {.what = WIRE_MORE};
  for (uint64_t sent = 0;;) {
    const uint64_t left = p->bytes - sent;
    const uint64_t n = left < t->c->piece_bytes ? left : t->c->piece_bytes;
    const uint8_t *from = p->pixels + sent;
    const bool last = n == left;
    crc = shmim_crc32c(crc, from, n, 0);
    struct wire_mark_bytes end = {.what = WIRE_END, .crc = crc};
    const bool closed = last && p->kept == KEPT_COPY;
    struct iovec part[3] = {
        {.iov_base = sent == 0 ? (void *)head : (void *)&mark,
         .iov_len = sent == 0 ? sizeof *head : sizeof mark},
        {.iov_base = (void *)(uintptr_t)from, .iov_len = n},
        {.iov_base = &end, .iov_len = sizeof end},
    };
    const int32_t rc = wire_send(&t->w, part, closed ? 3 : 2, sent > 0);
    if (rc != 0 || closed) {
      return rc;
    }
    sent += n;
    const bool good = wire_intact(t, p) && guard_status(t->s) == 0;
    if (!good || last) {
      end.what = good ? WIRE_END : WIRE_ABORT;
      struct iovec only = {.iov_base = &end, .iov_len = sizeof end};
      const int32_t marked = wire_send(&t->w, &only, 1, true);
      return marked != 0 || good ? marked : ABORTED;
    }
  }
}

static int32_t send_frame(struct wire_out *t, const struct wire_part *p) {
  const uint64_t newest = load_counter(t->s);
  const uint64_t behind = newest > p->frame.cnt0 ? newest - p->frame.cnt0 : 0;
  struct wire_frame head = head_of(t, p, behind);
  const int32_t rc = send_pieces(t, p, &head);
  if (rc != 0) {
    t->ctl->aborted += rc == ABORTED;
    return rc;
  }
  t->ctl->late += behind > 0;
  const uint64_t age = frame_age(t->s, &p->frame, t->tai_ns);
  if (age != UINT64_MAX) {
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
  const uint8_t *now = t->keywords;
  const bool live =
      !t->c->keywords_used && t->s->keyword_record == KEYWORD_BYTES;
  if (live) {
    now = at(t->s, t->s->keywords);
  } else if (keywords_load(t->s, t->keywords, n, t->c->keywords_used != 0)) {
    t->ctl->common.dropped_keywords++;
  }
  if (memcmp(now, t->sent_keywords, n * KEYWORD_BYTES) == 0) {
    return 0;
  }
  /* A writer may change them meanwhile: what is compared is what is sent. */
  if (live) {
    memcpy(t->keywords, now, n * KEYWORD_BYTES);
    now = t->keywords;
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
  if (first == end) {
    return 0; /* they changed back */
  }
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
  ctl->last_ns = ctl->active;
}

/* A frame that is whole as long as intact() says so. Small ones are copied
 * first: a piece, its head and its mark leave in one call then. */
int32_t wire_send_part(struct wire_out *t, struct wire_part *p) {
  if (p->kept != KEPT_COPY && p->bytes <= t->c->piece_bytes) {
    memcpy(t->pixels, p->pixels, p->bytes);
    if (!wire_intact(t, p)) {
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

