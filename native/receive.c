/*
 * The receiving pump: takes milk's frames from a socket and publishes each
 * when it is whole. Nothing that the peer sends addresses memory before it
 * has been checked.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* cnt0 and the slice's index, behind the pixels. */
#define TAIL_BYTES 16
/* Frames from this size on wait in the socket until they are whole. The
 * fuzzers have small ones. */
#ifndef WAITING_MIN
#define WAITING_MIN (256ull << 10)
#endif
/* Where there was no room for one, so many at most are read as any other
 * before that is tried again. */
#define PAUSE_MOST 4096
/* The frame is not to be had that way: it is read as any other. */
#define OTHERWISE 1

struct receiver {
  struct shmim_stream *s;
  const struct shmim_receive *c;
  struct shmim_control *ctl;
  uint8_t *frame;           /* pixels, cnt0, slice, keywords */
  uint64_t frame_bytes;
  uint64_t keywords;        /* records of a frame */
  bool any;                 /* a frame has come on this connection */
  bool able;                /* frames may wait in the socket */
  bool waiting;             /* it wakes us for a whole one */
  uint64_t again;           /* frames until that is tried again */
  uint64_t pause;           /* how many that were the last time */
};

static bool set(const struct receiver *r, int option, int value) {
  return setsockopt((int)r->c->fd, SOL_SOCKET, option, &value,
                    sizeof value) == 0;
}

/*
 * Where large frames come faster than they are taken, they stay in the socket
 * until all of one is there, and go from there straight into the stream:
 * copied once, not twice. A frame that comes alone is copied out while it
 * comes: that is sooner done. What lies behind the pixels must be seen first
 * (Linux 6.9), and urgent bytes are bytes like others.
 */
static void enter(struct receiver *r) {
  r->able = r->c->pixel_bytes >= WAITING_MIN &&
            r->frame_bytes <= INT_MAX / 2 &&
            set(r, SO_PEEK_OFF, 0) && set(r, SO_OOBINLINE, 1);
}

static void ask_for_any(struct receiver *r) {
  set(r, SO_RCVLOWAT, 1);
  r->waiting = false;
}

/* The socket as it was. */
static void leave(struct receiver *r) {
  if (r->able) {
    ask_for_any(r);
    set(r, SO_PEEK_OFF, -1);
    set(r, SO_OOBINLINE, 0);
    r->able = false;
  }
}

/* Asks to be woken for a whole frame. There must be room for more than one,
 * so that the next can come meanwhile. */
static bool ask_for_whole(struct receiver *r) {
  int room = 0;
  socklen_t length = sizeof room;
  const int bytes = (int)r->frame_bytes;
  if (!r->waiting) {
    r->waiting = set(r, SO_RCVLOWAT, 2 * bytes) &&
                 set(r, SO_RCVLOWAT, bytes) &&
                 getsockopt((int)r->c->fd, SOL_SOCKET, SO_RCVLOWAT, &room,
                            &length) == 0 &&
                 room == bytes;
  }
  if (!r->waiting) {
    leave(r); /* more than this host allows a socket */
  }
  return r->waiting;
}

static bool told_to_stop(const struct receiver *r, bool begun) {
  const int64_t stop = __atomic_load_n(&r->ctl->stop, __ATOMIC_ACQUIRE);
  return stop == SHMIM_STOP_NOW || (stop == SHMIM_STOP_WHOLE && !begun);
}

/* Nothing came for PUMP_SLICE_MS: whether to go on waiting. */
static int32_t look_round(const struct receiver *r, uint64_t *quiet) {
  socket_delay_acks((int)r->c->fd);
  const uint64_t now = monotonic_ns();
  *quiet = *quiet > 0 ? *quiet : now - PUMP_SLICE_MS * 1000000ull;
  if (guard_status(r->s) != 0) {
    return BROKEN;
  }
  return r->c->idle_ms > 0 && now - *quiet > r->c->idle_ms * 1000000ull
             ? -ETIMEDOUT
             : 0;
}

/*
 * Reads one frame; *whole is when its last bytes were there. The call sleeps
 * until all of it is there, for PUMP_SLICE_MS at most: one that returned with
 * the first bytes cost two more sleeps a frame of 1 MB.
 */
static int32_t read_frame(struct receiver *r, uint64_t *whole) {
  uint64_t got = 0;
  uint64_t quiet = 0;
  while (got < r->frame_bytes) {
    if (told_to_stop(r, got > 0)) {
      return -ECANCELED;
    }
    const ssize_t n = recv((int)r->c->fd, r->frame + got,
                           r->frame_bytes - got, MSG_WAITALL);
    if (n > 0) {
      quiet = monotonic_ns();
      r->ctl->state = SHMIM_STATE_BUSY;
      got += (uint64_t)n;
      r->ctl->bytes += (uint64_t)n;
      r->ctl->active = quiet;
      continue;
    }
    if (n == 0) {
      return got == 0 ? -EPIPE : -EPROTO;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno != EAGAIN) {
      return errno == ECONNRESET && got > 0 ? -EPROTO : -errno;
    }
    const int32_t rc = look_round(r, &quiet);
    if (rc != 0) {
      return rc;
    }
  }
  *whole = quiet;
  r->ctl->state = SHMIM_STATE_WAITING;
  return 0;
}

/*
 * The frame that the last one was already: milk's receivers miss early
 * frames, so transmitters send the first one twice.
 */
static bool known(const struct receiver *r, uint64_t counter,
                  uint64_t slice) {
  const uint64_t k = r->s->slices > 1 ? slice : 0;
  return r->any && counter == r->ctl->last_cnt0 &&
         slice == r->ctl->last_cnt1 &&
         memcmp(segment_pixels(r->s, segment_stored(r->s)) +
                    k * r->c->pixel_bytes,
                r->frame, r->c->pixel_bytes) == 0;
}

/* What lies behind the pixels. */
struct tail {
  uint64_t counter;
  uint64_t slice;
};

static int32_t check(struct receiver *r, const uint8_t *bytes,
                     struct tail *t) {
  memcpy(t, bytes, sizeof *t);
  if (t->slice >= r->s->slices) {
    r->ctl->detail = (int64_t)t->slice;
    return -EBADMSG;
  }
  return 0;
}

static uint8_t *place(const struct receiver *r, uint64_t slice) {
  const struct shmim_stream *s = r->s;
  return segment_pixels(s, segment_writing(s)) +
         slice * (s->slices > 1 ? r->c->pixel_bytes : 0);
}

static void count(struct receiver *r, const struct tail *t) {
  struct shmim_control *ctl = r->ctl;
  if (r->any && t->counter > ctl->last_cnt0 + 1) {
    ctl->skipped += t->counter - ctl->last_cnt0 - 1;
  }
  r->any = true;
  ctl->last_cnt0 = t->counter;
  ctl->last_cnt1 = t->slice;
}

/* The pixels are in their place. */
static int32_t finish(struct receiver *r, const struct tail *t,
                      const struct timespec *begun, uint64_t whole) {
  struct shmim_stream *s = r->s;
  struct shmim_control *ctl = r->ctl;
  keywords_store(s, r->frame + r->c->pixel_bytes + TAIL_BYTES, r->keywords);
  const int32_t rc = publish(s, (int64_t)t->slice, NULL, begun, NULL, NULL);
  const uint64_t now = monotonic_ns();
  ctl->foreign = s->foreign;
  ctl->frames++;
  ctl->last_ns = now;
  pump_latency(ctl, now - whole);
  return rc;
}

static int32_t take_frame(struct receiver *r, uint64_t whole) {
  struct shmim_stream *s = r->s;
  const uint64_t pixels = r->c->pixel_bytes;
  struct tail t;
  const int32_t rc = check(r, r->frame + pixels, &t);
  if (rc != 0) {
    return rc;
  }
  const bool repeat = pixels > 0 && known(r, t.counter, t.slice);
  count(r, &t);
  if (repeat) {
    r->ctl->repeats++;
    return 0;
  }
  if (pixels == 0) {
    r->ctl->empty++;
    return 0;
  }
  struct timespec begun;
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, pixels);
  memcpy(place(r, t.slice), r->frame, pixels);
  return finish(r, &t, &begun, whole);
}

/* Sleeps until a whole frame is in the socket: 0, OTHERWISE, or an error. */
static int32_t await_frame(struct receiver *r) {
  uint64_t quiet = 0;
  int before = 0;
  for (;;) {
    if (told_to_stop(r, false)) {
      return -ECANCELED; /* what has come stays there for the next pump */
    }
    struct pollfd p = {.fd = (int)r->c->fd, .events = POLLIN};
    const int ready = poll(&p, 1, PUMP_SLICE_MS);
    if (ready < 0 && errno != EINTR) {
      return -errno;
    }
    int there = 0;
    if (ioctl(p.fd, FIONREAD, &there) != 0) {
      return -errno;
    }
    if (there >= (int)r->frame_bytes) {
      return 0;
    }
    if (ready > 0) {
      return OTHERWISE; /* the end, an error, or no room for more */
    }
    if (there != before) {
      before = there;
      quiet = monotonic_ns();
      r->ctl->active = quiet;
    }
    const int32_t rc = ready == 0 ? look_round(r, &quiet) : 0;
    if (rc != 0) {
      return rc;
    }
  }
}

/* Takes a frame that is whole in the socket: 0, OTHERWISE, or an error. */
static int32_t take_waiting(struct receiver *r) {
  struct shmim_stream *s = r->s;
  const uint64_t pixels = r->c->pixel_bytes;
  const uint64_t rest = r->frame_bytes - pixels;
  uint8_t *tail = r->frame + pixels;
  struct tail t;
  struct timespec begun;
  const uint64_t whole = monotonic_ns();
  if (!set(r, SO_PEEK_OFF, (int)pixels) ||
      recv((int)r->c->fd, tail, TAIL_BYTES, MSG_PEEK | MSG_DONTWAIT) !=
          TAIL_BYTES) {
    return OTHERWISE;
  }
  int32_t rc = check(r, tail, &t);
  if (rc != 0) {
    return rc;
  }
  if (r->any && t.counter == r->ctl->last_cnt0) {
    return OTHERWISE; /* to be compared with what is there */
  }
  r->ctl->state = SHMIM_STATE_BUSY;
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, pixels);
  uint8_t *const into[2] = {place(r, t.slice), tail};
  const uint64_t bytes[2] = {pixels, rest};
  for (uint64_t got = 0; got < r->frame_bytes;) {
    struct iovec part[2];
    uint64_t before = got;
    for (int i = 0; i < 2; i++) {
      const uint64_t n = before < bytes[i] ? before : bytes[i];
      part[i] = (struct iovec){into[i] + n, bytes[i] - n};
      before -= n;
    }
    struct msghdr m = {.msg_iov = part, .msg_iovlen = 2};
    const ssize_t n = recvmsg((int)r->c->fd, &m, MSG_WAITALL);
    if (n < 0 && errno == EFAULT) {
      return BROKEN; /* the stream's file shrank */
    }
    if (n <= 0 && errno != EINTR) {
      return -EIO;
    }
    got += n > 0 ? (uint64_t)n : 0;
  }
  r->ctl->bytes += r->frame_bytes;
  r->ctl->active = whole;
  r->ctl->state = SHMIM_STATE_WAITING;
  count(r, &t);
  return finish(r, &t, &begun, whole);
}

/* A frame of which some, or all, is in the socket already. */
static int32_t take_next(struct receiver *r, int there) {
  int32_t rc = 0;
  if (there < (int)r->frame_bytes) {
    if (r->again > 0) {
      r->again--;
      return OTHERWISE;
    }
    rc = ask_for_whole(r) ? await_frame(r) : OTHERWISE;
    if (rc == OTHERWISE) { /* a new connection's window is small */
      r->again = r->pause;
      r->pause = r->pause < PAUSE_MOST ? 2 * r->pause : r->pause;
    }
  }
  return rc == 0 ? take_waiting(r) : rc;
}

static int32_t next_frame(struct receiver *r) {
  int there = 0;
  uint64_t whole = 0;
  int32_t rc = OTHERWISE;
  if (told_to_stop(r, false)) {
    return -ECANCELED;
  }
  if (r->able && ioctl((int)r->c->fd, FIONREAD, &there) == 0 && there > 0) {
    rc = take_next(r, there);
  }
  if (rc != OTHERWISE) {
    return rc;
  }
  if (r->waiting) {
    ask_for_any(r);
  }
  rc = read_frame(r, &whole);
  return rc == 0 ? take_frame(r, whole) : rc;
}

/* Whether the frames that were announced go into the stream. */
static bool suits(const struct shmim_stream *s,
                  const struct shmim_receive *c) {
  if (s == NULL || s->base == 0 || !s->writable) {
    return false;
  }
  const uint64_t room = s->slices > 1 ? s->slice_bytes : s->data_bytes;
  return c->pixel_bytes == 0 || c->pixel_bytes == room;
}

/*
 * Runs until told to stop, the peer goes or breaks the rules; says which in
 * the control block. A frame that is cut off is never published. Closes the
 * socket's duplicate, whatever happens. Blocks: nonblocking calls only.
 */
int32_t shmim_receive(struct shmim_stream *s, const struct shmim_receive *c,
                      struct shmim_control *ctl) {
  struct schedule schedule;
  struct socket_state socket;
  if (c == NULL || ctl == NULL) {
    return -EINVAL;
  }
  if (!suits(s, c)) {
    close((int)c->fd);
    return pump_end(ctl, SHMIM_END_ERROR, -EINVAL);
  }
  struct receiver r = {.s = s, .c = c, .ctl = ctl, .pause = 1};
  r.frame_bytes = c->pixel_bytes + TAIL_BYTES + c->keyword_bytes;
  r.keywords = c->keyword_bytes / KEYWORD_BYTES;
  r.frame = frame_buffer(r.frame_bytes);
  int32_t rc = r.frame == NULL ? -ENOMEM : 0;
  if (rc == 0) {
    schedule_enter(&schedule, c->priority, c->cpus);
    guard_pump(s, true);
    socket_enter(&socket, (int)c->fd);
    enter(&r);
    do {
      rc = next_frame(&r);
    } while (rc == 0);
    leave(&r);
    socket_leave(&socket);
    schedule_leave(&schedule);
    guard_pump(s, false);
  }
  free(r.frame);
  close((int)c->fd);
  switch (rc) {
  case -ECANCELED:
    return pump_end(ctl, SHMIM_END_STOPPED, 0);
  case -EPIPE:
  case -ECONNRESET:
    return pump_end(ctl, SHMIM_END_PEER, 0);
  case -EPROTO:
    return pump_end(ctl, SHMIM_END_CUT, 0);
  case -EBADMSG:
    return pump_end(ctl, SHMIM_END_SLICE, 0);
  case -ETIMEDOUT:
    return pump_end(ctl, SHMIM_END_IDLE, 0);
  default:
    return pump_end(ctl, SHMIM_END_ERROR, rc);
  }
}
