/*
 * The receiving pump: takes milk's frames from a socket and publishes each
 * when it is whole. Nothing that the peer sends addresses memory before it
 * has been checked.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "receive.h"

int32_t receive_quiet(const struct receiver *r, uint64_t *quiet) {
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
    if (stopped_between(&r->ctl->stop, got > 0)) {
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
    const int32_t rc = receive_quiet(r, &quiet);
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

int32_t receive_tail(struct receiver *r, const uint8_t *bytes, struct tail *t) {
  memcpy(t, bytes, sizeof *t);
  if (t->slice >= r->s->slices) {
    r->ctl->detail = (int64_t)t->slice;
    return -EBADMSG;
  }
  return 0;
}

uint8_t *receive_place(const struct receiver *r, uint64_t slice) {
  const struct shmim_stream *s = r->s;
  return segment_pixels(s, segment_writing(s)) +
         slice * (s->slices > 1 ? r->c->pixel_bytes : 0);
}

void receive_count(struct receiver *r, const struct tail *t) {
  struct shmim_control *ctl = r->ctl;
  if (r->any && t->counter > ctl->last_cnt0 + 1) {
    ctl->skipped += t->counter - ctl->last_cnt0 - 1;
  }
  r->any = true;
  ctl->last_cnt0 = t->counter;
  ctl->last_cnt1 = t->slice;
}

int32_t receive_finish(struct receiver *r, const struct tail *t,
                       const struct timespec *begun, uint64_t whole) {
  struct shmim_stream *s = r->s;
  struct shmim_control *ctl = r->ctl;
  keywords_store(s, r->frame + r->c->pixel_bytes + sizeof *t, r->keywords);
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
  const int32_t rc = receive_tail(r, r->frame + pixels, &t);
  if (rc != 0) {
    return rc;
  }
  const bool repeat = pixels > 0 && known(r, t.counter, t.slice);
  receive_count(r, &t);
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
  memcpy(receive_place(r, t.slice), r->frame, pixels);
  return receive_finish(r, &t, &begun, whole);
}

static int32_t next_frame(struct receiver *r) {
  uint64_t whole = 0;
  int32_t rc = stopped_between(&r->ctl->stop, false) ? -ECANCELED
                                                     : waiting_take(r);
  if (rc == OTHERWISE) {
    rc = read_frame(r, &whole);
    rc = rc == 0 ? take_frame(r, whole) : rc;
  }
  return rc;
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
  r.frame_bytes = c->pixel_bytes + sizeof(struct tail) + c->keyword_bytes;
  r.keywords = c->keyword_bytes / KEYWORD_BYTES;
  r.frame = frame_buffer(r.frame_bytes);
  int32_t rc = r.frame == NULL ? -ENOMEM : 0;
  if (rc == 0) {
    schedule_enter(&schedule, c->priority, c->cpus);
    guard_pump(s, true);
    socket_enter(&socket, (int)c->fd);
    waiting_enter(&r);
    do {
      rc = next_frame(&r);
    } while (rc == 0);
    waiting_leave(&r);
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
