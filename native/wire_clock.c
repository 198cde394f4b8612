/*
 * Heartbeats of the transmitting pump: a ping a second, which the receiver
 * answers at once. Four times make a round trip and the offset of the two
 * clocks; whatever way the time was spent, the offset is wrong by half the
 * round trip at most.
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "wire_transmit.h"

/* The first pings come quickly, so that there is an estimate soon. */
#define EAGER_PINGS 8
#define EAGER_NS 25000000ull
/* Between two looks for an answer: the kernel notes when it came. */
#define LOOK_NS 10000000ull
/* By how much two clocks may drift apart: 30 in a million. */
#define DRIFT(ns) ((ns) / 33333)

/* The kernel notes when an answer came: the pump may be asleep then. */
static void stamps(int fd, int on) {
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
}

void wire_clock_enter(struct wire_out *t) {
  const uint64_t now = monotonic_ns();
  t->ctl->error_ns = WIRE_UNKNOWN;
  t->ctl->one_way_ns = WIRE_UNKNOWN;
  t->w.heard = now;
  t->moved = now;
  t->next_ping = now;
  stamps(t->w.fd, 1);
}

void wire_clock_leave(struct wire_out *t) {
  stamps(t->w.fd, 0);
}

static int32_t ping(struct wire_out *t, uint64_t now) {
  struct wire_ping m = {
      .type = WIRE_PING,
      .number = ++t->pings,
      .offset_ns = t->ctl->offset_ns,
      .error_ns = t->ctl->error_ns,
      .rtt_ns = t->ctl->rtt_ns,
      .last_cnt0 = t->ctl->common.last_cnt0,
      .skipped = t->ctl->common.skipped,
  };
  m.sent_ns = wire_clock(&t->w);
  struct iovec part = {.iov_base = &m, .iov_len = sizeof m};
  t->outstanding++;
  t->next_ping = now + (t->pings < EAGER_PINGS ? EAGER_NS
                                               : t->c->ping_ms * 1000000ull);
  return wire_send(&t->w, &part, 1, false);
}

/* The sample that promises most: a short round trip, not too long ago. */
static void estimate(struct wire_out *t, uint64_t now) {
  const struct wire_trip *best = NULL;
  uint64_t least = WIRE_UNKNOWN;
  const uint64_t n = t->trips < TRIPS ? t->trips : TRIPS;
  for (uint64_t i = 0; i < n; i++) {
    const struct wire_trip *x = &t->trip[i];
    const uint64_t error = x->half_ns + DRIFT(now - x->at);
    if (error < least) {
      least = error;
      best = x;
    }
  }
  if (best != NULL) {
    t->ctl->offset_ns = best->offset_ns;
    t->ctl->rtt_ns = best->rtt_ns;
    t->ctl->error_ns = least;
  }
}

/* The peer's word counts for nothing but the estimate. */
static int32_t take_pong(struct wire_out *t, uint64_t arrived) {
  struct wire_pong m;
  memcpy(&m, t->answer, sizeof m);
  if (m.type != WIRE_PONG || t->outstanding == 0 || m.number > t->pings) {
    return -EBADMSG;
  }
  t->outstanding--;
  const uint64_t now = monotonic_ns();
  /* Sums of 64 bits that wrap: times are the peer's claims. */
  const uint64_t there = m.answered_ns - m.received_ns;
  const uint64_t away = arrived - m.sent_ns;
  if (away < 3600 * NS_PER_S && there <= away) {
    const int64_t out = (int64_t)(m.sent_ns - m.received_ns);
    const int64_t back = (int64_t)(arrived - m.answered_ns);
    t->trip[t->trips++ % TRIPS] = (struct wire_trip){
        .offset_ns = out / 2 + back / 2,
        .half_ns = (away - there) / 2,
        .rtt_ns = away - there,
        .at = now,
    };
    t->ctl->round_trips++;
    estimate(t, now);
  }
  t->ctl->peer_cnt0 = m.last_cnt0;
  t->ctl->peer_frames = m.frames;
  return 0;
}

static uint64_t stamp_of(const struct wire_out *t, struct msghdr *m) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
       c = CMSG_NXTHDR(m, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      struct timespec at;
      memcpy(&at, CMSG_DATA(c), sizeof at);
      return (uint64_t)at.tv_sec * NS_PER_S + (uint64_t)at.tv_nsec +
             (uint64_t)t->w.shift_ns;
    }
  }
  return wire_clock(&t->w);
}

/* Takes what the peer sent; never blocks. */
static int32_t listen_to_peer(struct wire_out *t) {
  for (;;) {
    union {
      struct cmsghdr align;
      char bytes[256];
    } control;
    struct iovec part = {.iov_base = t->answer + t->answered,
                         .iov_len = sizeof t->answer - t->answered};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};
    const ssize_t n = recvmsg(t->w.fd, &m, MSG_DONTWAIT);
    if (n == 0) {
      return -EPIPE;
    }
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    t->w.heard = monotonic_ns();
    t->answered += (uint64_t)n;
    if (t->answered == sizeof t->answer) {
      t->answered = 0;
      const int32_t rc = take_pong(t, stamp_of(t, &m));
      if (rc != 0) {
        return rc;
      }
    }
  }
}

/* A slow line is no dead one: bytes that leave are a sign of life, too. The
 * time is taken here: an answer may have come since the caller took its own,
 * and a difference below 0 is a long time. */
static bool silent(struct wire_out *t) {
  const uint64_t now = monotonic_ns();
  int unsent = 0;
  if (t->w.silence_ns == 0 || now - t->w.heard < t->w.silence_ns) {
    return false;
  }
  if (ioctl(t->w.fd, SIOCOUTQ, &unsent) == 0 && unsent != t->unsent) {
    t->unsent = unsent;
    t->moved = now;
  }
  return now - t->moved > t->w.silence_ns;
}

static int32_t listen_at(struct wire_out *t, uint64_t now) {
  if (now - t->looked < LOOK_NS) {
    return 0;
  }
  t->looked = now;
  const int32_t rc = listen_to_peer(t);
  return rc == 0 && silent(t) ? -ETIMEDOUT : rc;
}

int32_t wire_listen(struct wire_out *t) {
  return listen_at(t, monotonic_ns());
}

int32_t wire_upkeep(struct wire_out *t) {
  const uint64_t now = monotonic_ns();
  const int32_t rc = listen_at(t, now);
  return rc == 0 && now >= t->next_ping ? ping(t, now) : rc;
}
