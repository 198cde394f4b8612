/*
 * The receiving pump of our own wire: takes frames in pieces and publishes
 * each when it is whole, with its source's counters and times. Nothing that
 * the peer sends addresses memory before it has been checked.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* Messages up to this size come with one recv. */
#define SMALL 65536u

struct wire_in {
  struct wire w;
  struct shmim_stream *s;
  const struct shmim_wire_receive *c;
  struct shmim_wire_control *ctl;
  uint8_t *stage;           /* a frame until it is whole */
  uint8_t *keywords;        /* records as the peer has them */
  bool news;                /* `keywords` are not in the stream yet */
  uint64_t last;            /* source counter of the last frame */
  uint64_t run;             /* frames without a gap */
  bool timed;               /* the peer told its clock's offset */
};

static int32_t breach(struct wire_in *r, int64_t which) {
  r->ctl->common.detail = which;
  return -EBADMSG;
}

static int32_t take_keywords(struct wire_in *r) {
  uint8_t *bytes;
  struct wire_keywords m;
  int32_t rc = wire_take(&r->w, sizeof m, true, &bytes);
  if (rc != 0) {
    return rc;
  }
  memcpy(&m, bytes, sizeof m);
  if (m.count == 0 || m.first > r->c->keywords ||
      m.count > r->c->keywords - m.first) {
    return breach(r, WIRE_KEYWORDS);
  }
  uint8_t *records = r->keywords + (uint64_t)m.first * KEYWORD_BYTES;
  const uint64_t n = (uint64_t)m.count * KEYWORD_BYTES;
  rc = wire_fill(&r->w, records, n);
  if (rc != 0) {
    return rc;
  }
  if (shmim_crc32c(shmim_crc32c(0, &m, 12, 0), records, n, 0) != m.crc) {
    r->ctl->damaged++;
    return breach(r, WIRE_KEYWORDS); /* they come once: only anew */
  }
  r->ctl->keyword_updates++;
  r->news = true;
  return 0;
}

static int32_t take_ping(struct wire_in *r) {
  uint8_t *bytes;
  struct wire_ping m;
  const uint64_t received = wire_clock(&r->w);
  const int32_t rc = wire_take(&r->w, sizeof m, true, &bytes);
  if (rc != 0) {
    return rc;
  }
  memcpy(&m, bytes, sizeof m);
  r->ctl->round_trips += m.error_ns != WIRE_UNKNOWN;
  r->timed = m.error_ns != WIRE_UNKNOWN;
  r->ctl->offset_ns = m.offset_ns;
  r->ctl->error_ns = m.error_ns;
  r->ctl->rtt_ns = m.rtt_ns;
  struct wire_pong answer = {
      .type = WIRE_PONG,
      .number = m.number,
      .sent_ns = m.sent_ns,
      .received_ns = received,
      .last_cnt0 = r->last,
      .frames = r->ctl->common.frames,
      .damaged = r->ctl->damaged,
  };
  answer.answered_ns = wire_clock(&r->w);
  struct iovec part = {.iov_base = &answer, .iov_len = sizeof answer};
  return wire_send(&r->w, &part, 1, false);
}

/* Written there, here in the stream: by the clocks' offset. */
static void note_one_way(struct wire_in *r, const struct wire_frame *h) {
  r->ctl->one_way_ns = WIRE_UNKNOWN;
  if (!r->timed || h->age_ns == WIRE_UNKNOWN) {
    return;
  }
  /* Sums of 64 bits that wrap: times are the peer's claims. */
  const int64_t ns =
      (int64_t)(wire_clock(&r->w) + (uint64_t)r->ctl->offset_ns - h->sent_ns +
                h->age_ns);
  r->ctl->one_way_ns = ns > 0 ? (uint64_t)ns : 0;
  pump_latency(&r->ctl->common, r->ctl->one_way_ns);
}

static int32_t put_frame(struct wire_in *r, const struct wire_frame *h,
                         const uint8_t *pixels, uint64_t offset,
                         const struct timespec *begun) {
  struct shmim_stream *s = r->s;
  struct shmim_control *ctl = &r->ctl->common;
  const struct shmim_frame f = {
      .cnt0 = h->cnt0,
      .cnt1 = h->cnt1,
      .cnt2 = h->cnt2,
      .atime_s = h->atime_s,
      .atime_ns = h->atime_ns,
      .writetime_s = h->writetime_s,
      .writetime_ns = h->writetime_ns,
  };
  if (h->cnt0 == r->last) {
    ctl->repeats++;
    if (!r->ctl->incomplete) {
      return 0;
    }
  } else {
    if (h->cnt0 > r->last + 1) {
      ctl->skipped += h->cnt0 - r->last - 1;
    }
    r->run = h->cnt0 == r->last + 1 ? r->run + 1 : 1;
  }
  if (pixels != NULL) {
    raise_flag(s, h->bytes);
    memcpy(segment_pixels(s, segment_writing(s)) + offset, pixels, h->bytes);
  }
  if (r->news) {
    keywords_store(s, r->keywords, r->c->keywords);
    r->news = false;
  }
  const int32_t rc = publish_as(
      s, h->slice == WIRE_WHOLE ? -1 : (int64_t)h->slice, &f, r->run, begun);
  r->ctl->incomplete = 0;
  r->last = h->cnt0;
  ctl->last_cnt0 = h->cnt0;
  ctl->last_cnt1 = h->cnt1;
  ctl->last_ns = r->w.heard;
  ctl->foreign = s->foreign;
  ctl->frames++;
  r->ctl->late += h->behind > 0;
  note_one_way(r, h);
  return rc;
}

static int32_t check_frame(struct wire_in *r, const struct wire_frame *h,
                           uint64_t *offset) {
  const struct shmim_stream *s = r->s;
  const bool whole = h->slice == WIRE_WHOLE;
  if (!whole && (s->slices < 2 || h->slice >= s->slices)) {
    return breach(r, WIRE_FRAME);
  }
  if ((h->flags & ~WIRE_FLAGS) != 0 ||
      h->bytes != (whole ? s->data_bytes : s->slice_bytes)) {
    return breach(r, WIRE_FRAME);
  }
  *offset = whole ? 0 : h->slice * s->slice_bytes;
  return 0;
}

/* One piece and the mark behind it. */
static int32_t take_piece(struct wire_in *r, uint8_t *out, uint64_t n,
                          bool last, uint32_t *crc,
                          struct wire_mark_bytes *mark) {
  uint8_t *bytes;
  int32_t rc = wire_fill(&r->w, out, n);
  *crc = shmim_crc32c(*crc, out, n, 0);
  rc = rc != 0 ? rc : wire_take(&r->w, sizeof *mark, true, &bytes);
  if (rc != 0) {
    return rc;
  }
  memcpy(mark, bytes, sizeof *mark);
  const bool known = mark->what == WIRE_ABORT ||
                     mark->what == (last ? WIRE_END : WIRE_MORE);
  return known ? 0 : breach(r, WIRE_FRAME);
}

/* A frame that one recv takes in whole goes into the stream from there. */
static int32_t take_small(struct wire_in *r, const struct wire_frame *h,
                          uint64_t offset, const struct timespec *begun) {
  uint8_t *bytes;
  struct wire_mark_bytes mark;
  const int32_t rc =
      wire_take(&r->w, h->bytes + sizeof mark, true, &bytes);
  if (rc != 0) {
    return rc;
  }
  memcpy(&mark, bytes + h->bytes, sizeof mark);
  if (mark.what == WIRE_ABORT) {
    r->ctl->aborted++;
    return 0;
  }
  if (mark.what != WIRE_END) {
    return breach(r, WIRE_FRAME);
  }
  const uint32_t crc = shmim_crc32c(0, h, sizeof *h, 0);
  if (shmim_crc32c(crc, bytes, h->bytes, 0) != mark.crc) {
    r->ctl->damaged++;
    return 0;
  }
  return put_frame(r, h, bytes, offset, begun);
}

static int32_t take_frame(struct wire_in *r) {
  uint8_t *bytes;
  struct wire_frame h;
  struct timespec begun;
  uint64_t offset = 0;
  clock_gettime((clockid_t)r->s->clock, &begun);
  int32_t rc = wire_take(&r->w, sizeof h, true, &bytes);
  if (rc != 0) {
    return rc;
  }
  memcpy(&h, bytes, sizeof h);
  rc = check_frame(r, &h, &offset);
  if (rc != 0) {
    return rc;
  }
  if (h.bytes <= r->c->piece_bytes &&
      h.bytes + sizeof h + sizeof(struct wire_mark_bytes) <= r->w.room) {
    return take_small(r, &h, offset, &begun);
  }
  uint8_t *out = r->stage;
  if (r->c->direct) {
    out = segment_pixels(r->s, segment_writing(r->s)) + offset;
    raise_flag(r->s, h.bytes);
    r->ctl->incomplete = 1;
  }
  uint32_t crc = shmim_crc32c(0, &h, sizeof h, 0);
  struct wire_mark_bytes mark = {.what = WIRE_MORE};
  for (uint64_t got = 0; rc == 0 && mark.what == WIRE_MORE;) {
    const uint64_t left = h.bytes - got;
    const uint64_t n = left < r->c->piece_bytes ? left : r->c->piece_bytes;
    rc = take_piece(r, out + got, n, n == left, &crc, &mark);
    got += n;
  }
  if (rc != 0) {
    return rc;
  }
  if (mark.what == WIRE_ABORT) {
    r->ctl->aborted++;
    return 0;
  }
  if (mark.crc != crc) {
    r->ctl->damaged++;
    return 0;
  }
  return put_frame(r, &h, r->c->direct ? NULL : r->stage, offset, &begun);
}

static int32_t run(struct wire_in *r) {
  for (;;) {
    uint8_t *bytes;
    uint32_t type;
    int32_t rc = wire_peek(&r->w, sizeof type, &bytes);
    if (rc != 0) {
      return rc;
    }
    memcpy(&type, bytes, sizeof type);
    r->ctl->common.state = SHMIM_STATE_BUSY;
    switch (type) {
    case WIRE_FRAME:
      rc = take_frame(r);
      break;
    case WIRE_KEYWORDS:
      rc = take_keywords(r);
      break;
    case WIRE_PING:
      rc = take_ping(r);
      break;
    default:
      rc = breach(r, 0);
    }
    rc = rc != 0 ? rc : guard_status(r->s);
    if (rc != 0) {
      return rc;
    }
    r->ctl->common.state = SHMIM_STATE_WAITING;
  }
}

static bool sane(const struct shmim_stream *s,
                 const struct shmim_wire_receive *c) {
  return wire_sane(s, c->piece_bytes) && s->writable &&
         c->keywords <= UINT16_MAX;
}

/*
 * Runs until told to stop, the peer goes or breaks the rules; says which in
 * the control block. A frame that is cut off is never published. Closes the
 * socket's duplicate, whatever happens. Blocks: nonblocking calls only.
 */
int32_t shmim_wire_receive(struct shmim_stream *s,
                           const struct shmim_wire_receive *c,
                           struct shmim_wire_control *ctl) {
  struct wire_place saved;
  if (c == NULL || ctl == NULL) {
    return -EINVAL;
  }
  if (!sane(s, c)) {
    return wire_refuse(&ctl->common, (int)c->fd);
  }
  const uint64_t keywords = c->keywords * KEYWORD_BYTES;
  struct wire_in r = {
      .w = {.fd = (int)c->fd,
            .ctl = &ctl->common,
            .silence_ns = c->silence_ms * 1000000ull,
            .shift_ns = c->shift_ns,
            .room = SMALL,
            .heard = monotonic_ns()},
      .s = s,
      .c = c,
      .ctl = ctl,
      .last = c->last,
  };
  ctl->error_ns = WIRE_UNKNOWN;
  ctl->one_way_ns = WIRE_UNKNOWN;
  r.w.in = malloc(SMALL);
  r.stage = frame_buffer(c->direct ? 1 : s->data_bytes);
  r.keywords = calloc(1, keywords > 0 ? keywords : 1);
  int32_t rc = -ENOMEM;
  if (r.w.in != NULL && r.stage != NULL && r.keywords != NULL) {
    wire_enter(&saved, s, (int)c->fd, c->priority, c->cpus);
    rc = run(&r);
    wire_leave(&saved, s);
  }
  free(r.w.in);
  free(r.stage);
  free(r.keywords);
  close((int)c->fd);
  return wire_ended(&r.w, rc);
}
