/*
 * The transmitting pump of our own wire: waits for the source, sends each
 * frame in pieces, and keeps the connection's clocks and heartbeats.
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "wire_transmit.h"

/* A line that takes nothing for so long is named. */
#define STALL_NS 1000000000ull
/* With the policy "latest": bytes that the kernel may hold back unsent. */
#define UNSENT_MIN 16384u
#define UNSENT_MAX (1u << 20)

/* The policy "latest": a frame is taken when the line is ready for it. Where
 * the kernel holds nothing back there is nothing to poll for. */
static int32_t await_line(struct wire_out *t) {
  int unsent = 0;
  if (ioctl(t->w.fd, SIOCOUTQNSD, &unsent) == 0 && unsent == 0) {
    return 0;
  }
  const uint64_t since = monotonic_ns();
  for (;;) {
    struct pollfd p = {.fd = t->w.fd, .events = POLLOUT};
    if (poll(&p, 1, PUMP_SLICE_MS) != 0) {
      return 0; /* or an error, which sending finds out */
    }
    if (wire_told_to_stop(t)) {
      return -ECANCELED;
    }
    if (monotonic_ns() - since > STALL_NS) {
      t->ctl->common.state = SHMIM_STATE_BLOCKED;
    }
    const int32_t rc = wire_listen(t);
    if (rc != 0) {
      return rc;
    }
  }
}

/* What is new in the source, straight from there: 0, or NOTHING. */
static int32_t step(struct wire_out *t) {
  int32_t rc = wait_frame(t->s, &t->c->wait, t->state.last,
                          pump_look(), &t->ctl->common.stop);
  if (rc != 0) {
    return rc == -ETIMEDOUT ? NOTHING : rc;
  }
  t->ctl->common.state = SHMIM_STATE_BUSY;
  rc = t->c->policy == SHMIM_POLICY_LATEST ? await_line(t) : 0;
  return rc != 0 ? rc : wire_send_news(t);
}

/* The oldest frame of the queue: 0, or NOTHING. */
static int32_t step_queue(struct wire_out *t) {
  struct wire_part p;
  int32_t rc = wire_queue_next(t, &p);
  if (rc == 0) {
    t->ctl->common.state = SHMIM_STATE_BUSY;
    rc = wire_send_part(t, &p);
  }
  if (rc == 0) {
    wire_queue_done(t);
  }
  return rc;
}

static int32_t run(struct wire_out *t) {
  struct shmim_control *ctl = &t->ctl->common;
  for (;;) {
    if (wire_told_to_stop(t)) {
      return -ECANCELED;
    }
    int32_t rc = wire_upkeep(t);
    if (rc != 0) {
      return rc;
    }
    rc = t->queue != NULL ? step_queue(t) : step(t);
    if (rc != 0 && rc != NOTHING) {
      return rc;
    }
    if (rc != 0 || ctl->state == SHMIM_STATE_BUSY ||
        ctl->state == SHMIM_STATE_BLOCKED) {
      ctl->state = SHMIM_STATE_WAITING;
    }
  }
}

/* A queue, where the policy is "every" and the stream keeps no frames. */
static int32_t enter_queue(struct wire_out *t) {
  uint64_t counter;
  const bool slices =
      t->s->slices > 1 && t->c->slice_mode != SHMIM_SLICES_WHOLE;
  if (t->c->policy != SHMIM_POLICY_EVERY || slices ||
      wire_newest_slot(t->s, &counter)) {
    return 0;
  }
  return wire_queue_enter(t);
}

static void limit_unsent(const struct wire_out *t, bool on) {
  const uint64_t frame = t->s->data_bytes;
  const uint64_t bytes = frame < UNSENT_MIN   ? UNSENT_MIN
                         : frame < UNSENT_MAX ? frame
                                              : UNSENT_MAX;
  const bool latest = t->c->policy == SHMIM_POLICY_LATEST;
  shmim_socket_unsent(t->w.fd, on && latest ? bytes : 0);
}

static bool sane(const struct shmim_stream *s,
                 const struct shmim_wire_transmit *c) {
  return wire_sane(s, c->piece_bytes) &&
         c->keywords <= s->keyword_bytes / s->keyword_record;
}

/*
 * Runs until told to stop, the peer goes or something fails; says which in
 * the control block. Closes the socket's duplicate, whatever happens. Blocks:
 * nonblocking calls only.
 */
int32_t shmim_wire_transmit(struct shmim_stream *s,
                            const struct shmim_wire_transmit *c,
                            struct shmim_wire_control *ctl) {
  struct wire_place saved;
  if (c == NULL || ctl == NULL) {
    return -EINVAL;
  }
  if (!sane(s, c)) {
    return wire_refuse(&ctl->common, (int)c->fd);
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
  t.pixels = frame_buffer(s->data_bytes);
  t.keywords = malloc(keywords > 0 ? keywords : 1);
  t.sent_keywords = calloc(1, keywords > 0 ? keywords : 1);
  int32_t rc = -ENOMEM;
  if (t.pixels != NULL && t.keywords != NULL && t.sent_keywords != NULL) {
    wire_enter(&saved, s, (int)c->fd, c->priority, c->cpus);
    wire_clock_enter(&t);
    limit_unsent(&t, true);
    rc = enter_queue(&t);
    rc = rc != 0 ? rc : run(&t);
    wire_queue_leave(&t);
    limit_unsent(&t, false);
    wire_clock_leave(&t);
    wire_leave(&saved, s);
  }
  free(t.pixels);
  free(t.keywords);
  free(t.sent_keywords);
  close((int)c->fd);
  return wire_ended(&t.w, rc);
}
