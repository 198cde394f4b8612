/*
 * Where large frames come faster than they are taken, they stay in the socket
 * until all of one is there, and go from there straight into the stream:
 * copied once, not twice. A frame that comes alone is copied out while it
 * comes: that is sooner done. What lies behind the pixels must be seen first
 * (Linux 6.9), and urgent bytes are bytes like others.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "receive.h"

/* Frames from this size on wait in the socket until they are whole. The
 * fuzzers have small ones. */
#ifndef WAITING_MIN
#define WAITING_MIN (256ull << 10)
#endif
/* Where there was no room for one, so many at most are read as any other
 * before that is tried again. */
#define PAUSE_MOST 4096

static bool set(const struct receiver *r, int option, int value) {
  return setsockopt((int)r->c->fd, SOL_SOCKET, option, &value,
                    sizeof value) == 0;
}

void waiting_enter(struct receiver *r) {
  r->able = r->c->pixel_bytes >= WAITING_MIN &&
            r->frame_bytes <= INT_MAX / 2 &&
            set(r, SO_PEEK_OFF, 0) && set(r, SO_OOBINLINE, 1);
}

static void ask_for_any(struct receiver *r) {
  set(r, SO_RCVLOWAT, 1);
  r->waiting = false;
}

/* The socket as it was. */
void waiting_leave(struct receiver *r) {
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
    waiting_leave(r); /* more than this host allows a socket */
  }
  return r->waiting;
}

/* Sleeps until a whole frame is in the socket: 0, OTHERWISE, or an error. */
static int32_t await_frame(struct receiver *r) {
  uint64_t quiet = 0;
  int before = 0;
  for (;;) {
    if (stopped_between(&r->ctl->stop, false)) {
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
    const int32_t rc = ready == 0 ? receive_quiet(r, &quiet) : 0;
    if (rc != 0) {
      return rc;
    }
  }
}

/* Bytes that are known to be there; up to an urgent one at a time. */
static int32_t take_bytes(const struct receiver *r, uint8_t *out, uint64_t n) {
  for (uint64_t got = 0; got < n;) {
    const ssize_t more = recv((int)r->c->fd, out + got, n - got, MSG_WAITALL);
    if (more < 0 && errno == EFAULT) {
      return BROKEN; /* the stream's file shrank */
    }
    if (more == 0 || (more < 0 && errno != EINTR)) {
      return -EIO;
    }
    got += more > 0 ? (uint64_t)more : 0;
  }
  return 0;
}

/* Takes a frame that is whole in the socket: 0, OTHERWISE, or an error. */
static int32_t take_waiting(struct receiver *r) {
  struct shmim_stream *s = r->s;
  const uint64_t pixels = r->c->pixel_bytes;
  uint8_t *tail = r->frame + pixels;
  struct tail t;
  struct timespec begun;
  const uint64_t whole = monotonic_ns();
  if (!set(r, SO_PEEK_OFF, (int)pixels) ||
      recv((int)r->c->fd, tail, sizeof t, MSG_PEEK | MSG_DONTWAIT) !=
          sizeof t) {
    return OTHERWISE;
  }
  int32_t rc = receive_tail(r, tail, &t);
  if (rc != 0) {
    return rc;
  }
  if (r->any && t.counter == r->ctl->last_cnt0) {
    return OTHERWISE; /* to be compared with what is there */
  }
  r->ctl->state = SHMIM_STATE_BUSY;
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, pixels);
  rc = take_bytes(r, receive_place(r, t.slice), pixels);
  rc = rc != 0 ? rc : take_bytes(r, tail, r->frame_bytes - pixels);
  if (rc != 0) {
    return rc;
  }
  r->ctl->bytes += r->frame_bytes;
  r->ctl->active = whole;
  r->ctl->state = SHMIM_STATE_WAITING;
  receive_count(r, &t);
  return receive_finish(r, &t, &begun, whole);
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

int32_t waiting_take(struct receiver *r) {
  int there = 0;
  int32_t rc = OTHERWISE;
  if (r->able && ioctl((int)r->c->fd, FIONREAD, &there) == 0 && there > 0) {
    rc = take_next(r, there);
  }
  if (rc == OTHERWISE && r->waiting) {
    ask_for_any(r);
  }
  return rc;
}
