/* Bytes of a wire: whole messages out, and in. */
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

/* A peer that takes nothing for so long is named. */
#define BLOCKED_NS 1000000000ull

bool wire_sane(const struct shmim_stream *s, uint64_t piece_bytes) {
  return s != NULL && s->base != 0 && s->data_bytes > 0 &&
         piece_bytes >= WIRE_PIECE_MIN && piece_bytes <= WIRE_PIECE_MAX;
}

int32_t wire_refuse(struct shmim_control *ctl, int fd) {
  close(fd);
  return pump_end(ctl, SHMIM_END_ERROR, -EINVAL);
}

void wire_enter(struct wire_place *saved, const struct shmim_stream *s, int fd,
                int64_t priority, uint64_t cpus) {
  schedule_enter(&saved->schedule, priority, cpus);
  guard_pump(s, true);
  socket_enter(&saved->socket, fd);
}

void wire_leave(struct wire_place *saved, const struct shmim_stream *s) {
  socket_leave(&saved->socket);
  schedule_leave(&saved->schedule);
  guard_pump(s, false);
}

uint64_t wire_clock(const struct wire *w) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec +
         (uint64_t)w->shift_ns;
}

/* What a stop request means in the middle of a message: go on for a while,
 * so that the peer gets it whole. */
static bool hurry(const struct wire *w, bool begun, uint64_t now,
                  uint64_t *give_up) {
  if (!stopped(&w->ctl->stop)) {
    return false;
  }
  *give_up = *give_up ? *give_up : now + PUMP_FINISH_NS;
  return !begun || now > *give_up;
}

int32_t wire_send(struct wire *w, struct iovec *part, int parts, bool begun) {
  struct msghdr m = {.msg_iov = part, .msg_iovlen = (size_t)parts};
  uint64_t give_up = 0;
  uint64_t blocked = 0;
  while (m.msg_iovlen > 0) {
    const int flags = MSG_NOSIGNAL | (give_up ? MSG_DONTWAIT : 0);
    const ssize_t n = m.msg_iovlen == 1
                          ? send(w->fd, m.msg_iov->iov_base,
                                 m.msg_iov->iov_len, flags)
                          : sendmsg(w->fd, &m, flags);
    if (n < 0 && errno == EAGAIN) {
      const uint64_t now = monotonic_ns();
      if (hurry(w, begun, now, &give_up)) {
        return -ECANCELED;
      }
      if (give_up) {
        struct pollfd p = {.fd = w->fd, .events = POLLOUT};
        poll(&p, 1, 5);
      }
      blocked = blocked ? blocked : now - PUMP_SLICE_MS * 1000000ull;
      if (now - blocked > BLOCKED_NS) {
        w->ctl->state = SHMIM_STATE_BLOCKED;
      }
      if (w->silence_ns > 0 && now - blocked > w->silence_ns) {
        return -ETIMEDOUT;
      }
      continue;
    }
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return -errno;
    }
    begun = true;
    blocked = 0;
    w->ctl->bytes += (uint64_t)n;
    w->ctl->active = monotonic_ns();
    size_t left = (size_t)n;
    while (m.msg_iovlen > 0 && left >= m.msg_iov->iov_len) {
      left -= m.msg_iov->iov_len;
      m.msg_iov++;
      m.msg_iovlen--;
    }
    if (m.msg_iovlen > 0) {
      m.msg_iov->iov_base = (uint8_t *)m.msg_iov->iov_base + left;
      m.msg_iov->iov_len -= left;
      if (give_up == 0 && stopped(&w->ctl->stop)) {
        give_up = w->ctl->active + PUMP_FINISH_NS;
      }
    }
  }
  return 0;
}

/*
 * One recv of at most `room` bytes. The socket blocks for PUMP_SLICE_MS at
 * most, after which flags and limits are looked at. `begun`: in a message.
 */
static int64_t receive(struct wire *w, void *out, uint64_t room, bool begun,
                       int flags) {
  for (;;) {
    if (stopped_between(&w->ctl->stop, begun)) {
      return -ECANCELED;
    }
    const ssize_t n = recv(w->fd, out, room, flags);
    if (n > 0) {
      w->heard = monotonic_ns();
      w->ctl->bytes += (uint64_t)n;
      w->ctl->active = w->heard;
      return n;
    }
    if (n == 0) {
      return begun ? -EPROTO : -EPIPE;
    }
    if (errno == EINTR) {
      continue;
    }
    if (errno != EAGAIN) {
      return errno == ECONNRESET && begun ? -EPROTO : -errno;
    }
    socket_delay_acks(w->fd);
    const uint64_t now = monotonic_ns();
    if (w->silence_ns > 0 && now - w->heard > w->silence_ns) {
      return -ETIMEDOUT;
    }
  }
}

static void take(struct wire *w, uint64_t n) {
  w->from += n;
  if (w->from == w->to) {
    w->from = w->to = 0; /* what was taken stays as it is until more comes */
  }
}

int32_t wire_take(struct wire *w, uint64_t n, bool begun, uint8_t **out) {
  if (n > w->room) {
    return -EBADMSG;
  }
  if (w->from + n > w->room) {
    memmove(w->in, w->in + w->from, w->to - w->from);
    w->to -= w->from;
    w->from = 0;
  }
  while (w->to - w->from < n) {
    const int64_t got = receive(w, w->in + w->to, w->room - w->to,
                                begun || w->to > w->from, 0);
    if (got < 0) {
      return (int32_t)got;
    }
    w->to += (uint64_t)got;
  }
  *out = w->in + w->from;
  take(w, n);
  return 0;
}

int32_t wire_peek(struct wire *w, uint64_t n, uint8_t **out) {
  const int32_t rc = wire_take(w, n, false, out);
  if (rc == 0) {
    w->from = (uint64_t)(*out - w->in);
    w->to = w->to == 0 ? w->from + n : w->to;
  }
  return rc;
}

int32_t wire_fill(struct wire *w, uint8_t *out, uint64_t n) {
  const uint64_t there = w->to - w->from < n ? w->to - w->from : n;
  memcpy(out, w->in + w->from, there);
  take(w, there);
  for (uint64_t got = there; got < n;) {
    const int64_t more =
        receive(w, out + got, n - got, true, MSG_WAITALL);
    if (more < 0) {
      return (int32_t)more;
    }
    got += (uint64_t)more;
  }
  return 0;
}

int32_t wire_ended(struct wire *w, int32_t rc) {
  switch (rc) {
  case -ECANCELED:
    return pump_end(w->ctl, SHMIM_END_STOPPED, 0);
  case -EPIPE:
  case -ECONNRESET:
    return pump_end(w->ctl, SHMIM_END_PEER, 0);
  case -EPROTO:
    return pump_end(w->ctl, SHMIM_END_CUT, 0);
  case -EBADMSG:
    return pump_end(w->ctl, SHMIM_END_BREACH, 0);
  case -ETIMEDOUT:
    return pump_end(w->ctl, SHMIM_END_IDLE, 0);
  default:
    return pump_end(w->ctl, SHMIM_END_ERROR, rc);
  }
}
