/*
 * The transmitting pump: waits for the source, copies a whole frame, sends
 * it. What goes over the wire is milk's: the pixels of one slice, the
 * source's cnt0, the slice's index, the keyword records.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "slices.h"

/* A writer that holds its flag up longer than this is named. */
#define STALL_NS 1000000000ull
/* cnt0 and the slice's index, between pixels and keywords. */
#define TAIL_BYTES 16
/* Latencies beyond this are a foreign clock, not a latency. */
#define PLAUSIBLE_NS 10000000000ll

struct transmitter {
  struct shmim_stream *s;
  const struct shmim_transmit *c;
  struct shmim_control *ctl;
  uint8_t *pixels;          /* a whole frame, all slices */
  uint8_t *tail;            /* behind it: cnt0, slice, keywords */
  uint8_t *keywords;        /* in the tail */
  uint64_t keyword_bytes;
  uint64_t pixel_bytes;     /* of one slice */
  uint64_t last;            /* counter of the frame handled last */
  uint64_t last_slice;      /* cnt1 at that time */
  uint64_t first_ns;        /* when the first frame went out, 0 = not yet */
  bool sent;                /* `last` went out, it is no baseline */
  bool repeated;
  bool whole;               /* `pixels` holds all slices, not one */
  bool rolls;               /* cnt1 has been seen to move */
  int64_t tai_ns;
  struct shmim_frame frame;
  struct haste haste;
};

/* true: stop; the flag is the only thing that TypeScript writes. */
static bool told_to_stop(const struct transmitter *t) {
  return stopped(&t->ctl->stop);
}

/* A closed connection, or 0. What the peer may have sent is thrown away. */
static int32_t peer_status(int fd) {
  char bytes[256];
  const ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
  if (n == 0) {
    return -EPIPE;
  }
  return n > 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/*
 * Sends all parts. A stop request ends it at once while nothing of the frame
 * is out, else after PUMP_FINISH_NS, so that the peer gets whole frames. The
 * socket blocks for PUMP_SLICE_MS at most.
 */
static int32_t send_all(struct transmitter *t, struct iovec *part, int parts) {
  struct msghdr m = {.msg_iov = part, .msg_iovlen = (size_t)parts};
  uint64_t give_up = 0;
  bool begun = false;
  uint64_t blocked = 0;
  while (m.msg_iovlen > 0) {
    const int flags = MSG_NOSIGNAL | (give_up ? MSG_DONTWAIT : 0);
    const ssize_t n = m.msg_iovlen == 1
                          ? send((int)t->c->fd, m.msg_iov->iov_base,
                                 m.msg_iov->iov_len, flags)
                          : sendmsg((int)t->c->fd, &m, flags);
    if (n < 0 && errno == EAGAIN) {
      const uint64_t now = monotonic_ns();
      if (told_to_stop(t)) {
        give_up = give_up ? give_up : now + PUMP_FINISH_NS;
        if (!begun || now > give_up) {
          return -ECANCELED;
        }
        /* From here on in steps of its own. */
        struct pollfd p = {.fd = (int)t->c->fd, .events = POLLOUT};
        poll(&p, 1, 5);
      }
      blocked = blocked ? blocked : now - PUMP_SLICE_MS * 1000000ull;
      if (now - blocked > STALL_NS) {
        t->ctl->state = SHMIM_STATE_BLOCKED;
      }
      continue;
    }
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n < 0) {
      return -errno;
    }
    begun = true;
    blocked = 0;
    t->ctl->bytes += (uint64_t)n;
    t->ctl->active = monotonic_ns();
    size_t left = (size_t)n;
    while (m.msg_iovlen > 0 && left >= m.msg_iov->iov_len) {
      left -= m.msg_iov->iov_len;
      m.msg_iov++;
      m.msg_iovlen--;
    }
    if (m.msg_iovlen > 0) {
      m.msg_iov->iov_base = (uint8_t *)m.msg_iov->iov_base + left;
      m.msg_iov->iov_len -= left;
      if (give_up == 0 && told_to_stop(t)) {
        give_up = t->ctl->active + PUMP_FINISH_NS;
      }
    }
  }
  return 0;
}

/* The records announced to the peer: raw, or the used ones packed. */
static void copy_keywords(struct transmitter *t) {
  if (!t->c->keywords_used) {
    for (uint64_t i = 0; i < t->c->keywords; i++) {
      keyword_load(t->s, i, t->keywords + i * KEYWORD_BYTES);
    }
    return;
  }
  if (keywords_used(t->s, t->keywords, t->c->keywords)) {
    t->ctl->dropped_keywords++;
  }
}

static void note_latency(struct transmitter *t) {
  struct timespec now;
  clock_gettime((clockid_t)t->s->clock, &now);
  /* Whatever the file says: sums of 64 bits that wrap. */
  const uint64_t s = (uint64_t)now.tv_sec - (uint64_t)t->frame.writetime_s;
  int64_t ns = (int64_t)(s * NS_PER_S + (uint64_t)now.tv_nsec -
                         (uint64_t)t->frame.writetime_ns);
  if (ns > PLAUSIBLE_NS) {
    ns -= t->tai_ns; /* a writer that stamps UTC */
  }
  if (ns >= 0 && ns < PLAUSIBLE_NS) {
    pump_latency(t->ctl, (uint64_t)ns);
  }
}

/* One frame of the wire. */
static int32_t send_slice(struct transmitter *t, const uint8_t *pixels,
                          uint64_t counter, uint64_t slice) {
  const uint64_t tail = TAIL_BYTES + t->keyword_bytes;
  struct iovec part[2] = {
      {.iov_base = (void *)(uintptr_t)pixels, .iov_len = t->pixel_bytes},
      {.iov_base = t->tail, .iov_len = tail},
  };
  memcpy(t->tail, &counter, 8);
  memcpy(t->tail + 8, &slice, 8);
  copy_keywords(t);
  if (pixels + t->pixel_bytes == t->tail) {
    part[0].iov_len += tail; /* an image: one piece of memory */
    return send_all(t, part, 1);
  }
  return send_all(t, part, 2);
}

/*
 * Copies the newest whole frame of the source into t->pixels, however long a
 * writer takes to pause. -ECANCELED: told to stop meanwhile.
 */
static int32_t copy_frame(struct transmitter *t) {
  uint64_t since = 0;
  uint64_t checked = 0;
  for (;;) {
    const int32_t rc = read_hastily(t->s, t->pixels, 0, t->s->data_bytes, 4,
                                    &t->frame, &t->haste);
    if (rc != 0 || !t->frame.torn) {
      return rc;
    }
    if (told_to_stop(t)) {
      return -ECANCELED;
    }
    const uint64_t now = monotonic_ns();
    since = since ? since : now;
    if (t->frame.stalled) {
      if (now - since > STALL_NS) {
        t->ctl->state = SHMIM_STATE_STALLED;
      }
      pause_us(50);
    } else {
      t->ctl->torn++;
      if (t->c->allow_torn) {
        return 0;
      }
      if (now - since > STALL_NS) {
        t->ctl->state = SHMIM_STATE_RESTLESS;
      }
    }
    if (now - checked > PUMP_SLICE_MS * 1000000ull) {
      const int32_t peer = peer_status((int)t->c->fd);
      if (peer != 0) {
        return peer;
      }
      checked = now;
    }
  }
}

static void count_sent(struct transmitter *t, uint64_t counter) {
  t->ctl->frames++;
  t->ctl->last_cnt0 = counter;
  t->ctl->last_ns = t->ctl->active;
  if (t->first_ns == 0) {
    t->first_ns = t->ctl->last_ns;
  }
}

/* The frame as a whole: an image, or a cube as all its slices. */
static int32_t send_frame(struct transmitter *t, bool again) {
  int32_t rc = copy_frame(t);
  t->whole = true;
  for (uint64_t k = 0; rc == 0 && k < t->s->slices; k++) {
    rc = send_slice(t, t->pixels + k * t->pixel_bytes, t->frame.cnt0, k);
  }
  if (rc != 0) {
    return rc;
  }
  const uint64_t counter = t->frame.cnt0;
  if (again && counter == t->last) {
    t->ctl->repeats++;
    return 0;
  }
  note_latency(t);
  if (counter > t->last + 1) {
    t->ctl->skipped += counter - t->last - 1;
  }
  t->last = counter;
  t->last_slice = t->frame.cnt1;
  count_sent(t, counter);
  return 0;
}

/* `count` slices of a ring that end at `slice`, the oldest first. */
static int32_t send_ring(struct transmitter *t, uint64_t counter,
                         uint64_t slice, uint64_t count) {
  const uint64_t n = t->s->slices;
  for (uint64_t i = count; i-- > 0;) {
    const uint64_t k = (slice + n - i % n) % n;
    const uint64_t number = counter - i;
    int32_t rc = told_to_stop(t) ? -ECANCELED : 0;
    if (rc == 0) {
      t->whole = false;
      memcpy(t->pixels, at(t->s, t->s->data + k * t->pixel_bytes),
             t->pixel_bytes);
      atomic_thread_fence(memory_order_acquire);
      note_frame(t->s, 0, &t->frame);
      rc = guard_status(t->s);
    }
    if (rc == 0 && !slice_whole(t->s, number)) {
      t->ctl->skipped++;
      t->ctl->torn++;
      t->last = number;
      t->last_slice = k;
      continue;
    }
    if (rc == 0) {
      rc = send_slice(t, t->pixels, number, k);
    }
    if (rc != 0) {
      return rc;
    }
    if (i == 0) {
      note_latency(t);
    }
    t->last = number;
    t->last_slice = k;
    t->ctl->last_cnt1 = k;
    count_sent(t, number);
  }
  return 0;
}

/* Frames of a cube: every new slice of a ring, or the cube as a whole. */
static int32_t send_cube(struct transmitter *t) {
  struct slice_state state = {.last = t->last,
                              .last_slice = t->last_slice,
                              .sent = t->sent,
                              .rolls = t->rolls};
  struct slice_plan plan;
  const enum slice_news news =
      slices_plan(t->s, t->c->slice_mode, &state, &plan);
  t->rolls = state.rolls;
  switch (news) {
  case SLICES_CUBE:
    return send_frame(t, false);
  case SLICES_NEW:
    t->ctl->skipped += plan.skipped;
    return send_ring(t, plan.counter, plan.slice, plan.count);
  case SLICES_STUCK:
    t->ctl->state = SHMIM_STATE_STALLED;
    break;
  case SLICES_BUSY:
    t->ctl->state = SHMIM_STATE_RESTLESS;
    break;
  }
  return peer_status((int)t->c->fd);
}

static bool repeat_due(const struct transmitter *t) {
  return t->c->repeat_ms > 0 && !t->repeated && t->ctl->frames == 1 &&
         monotonic_ns() - t->first_ns > t->c->repeat_ms * 1000000ull;
}

static int32_t run(struct transmitter *t) {
  struct shmim_control *ctl = t->ctl;
  bool pending = t->c->first && load_counter(t->s) > 0;
  for (;;) {
    if (told_to_stop(t)) {
      return -ECANCELED;
    }
    int32_t rc = 0;
    if (!pending) {
      rc = wait_frame(t->s, &t->c->wait, t->last,
                      monotonic_ns() + PUMP_SLICE_MS * 1000000ull,
                      &ctl->stop);
    }
    if (rc == 0) {
      pending = false;
      ctl->state = SHMIM_STATE_BUSY;
      rc = t->s->slices > 1 ? send_cube(t) : send_frame(t, false);
      t->sent = t->sent || ctl->frames > 0;
      if (ctl->state == SHMIM_STATE_BUSY || ctl->state == SHMIM_STATE_BLOCKED) {
        ctl->state = SHMIM_STATE_WAITING;
      }
    } else if (rc == -ETIMEDOUT) {
      ctl->state = SHMIM_STATE_WAITING;
      rc = peer_status((int)t->c->fd);
      if (rc == 0 && repeat_due(t)) {
        t->repeated = true;
        if (!t->whole) {
          rc = send_slice(t, t->pixels, t->last, t->last_slice);
          ctl->repeats++;
        } else {
          rc = send_frame(t, true);
        }
      }
    }
    if (rc != 0) {
      return rc;
    }
  }
}

/*
 * Runs until told to stop, the peer goes or something fails; says which in
 * the control block. Closes the socket's duplicate, whatever happens. Blocks:
 * nonblocking calls only.
 */
int32_t shmim_transmit(struct shmim_stream *s, const struct shmim_transmit *c,
                       struct shmim_control *ctl) {
  struct schedule schedule;
  struct socket_state socket;
  if (c == NULL || ctl == NULL) {
    return -EINVAL;
  }
  if (s == NULL || s->base == 0 ||
      c->keywords > s->keyword_bytes / s->keyword_record) {
    close((int)c->fd);
    return pump_end(ctl, SHMIM_END_ERROR, -EINVAL);
  }
  struct transmitter t = {.s = s, .c = c, .ctl = ctl};
  t.keyword_bytes = c->keywords * KEYWORD_BYTES;
  t.pixel_bytes = s->slices > 1 ? s->slice_bytes : s->data_bytes;
  t.last = c->wait.last;
  t.last_slice = *word(s, s->cnt1);
  t.tai_ns = (int64_t)shmim_tai_offset() * 1000000000;
  t.pixels = frame_buffer(s->data_bytes + TAIL_BYTES + t.keyword_bytes);
  int32_t rc = t.pixels == NULL ? -ENOMEM : 0;
  if (rc == 0) {
    t.tail = t.pixels + s->data_bytes;
    t.keywords = t.tail + TAIL_BYTES;
    schedule_enter(&schedule, c->priority, c->cpus);
    guard_pump(s, true);
    socket_enter(&socket, (int)c->fd);
    rc = run(&t);
    socket_leave(&socket);
    schedule_leave(&schedule);
    guard_pump(s, false);
  }
  free(t.pixels);
  close((int)c->fd);
  if (rc == -ECANCELED) {
    return pump_end(ctl, SHMIM_END_STOPPED, 0);
  }
  if (rc == -EPIPE || rc == -ECONNRESET) {
    return pump_end(ctl, SHMIM_END_PEER, 0);
  }
  return pump_end(ctl, SHMIM_END_ERROR, rc);
}
