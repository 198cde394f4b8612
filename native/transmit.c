/*
 * The transmitting pump: waits for the source, copies a whole frame, sends
 * it. What goes over the wire is milk's: the pixels of one slice, the
 * source's cnt0, the slice's index, the keyword records.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "slices.h"
#include "wire.h"

/* cnt0 and the slice's index, between pixels and keywords. */
#define TAIL_BYTES 16

struct transmitter {
  struct wire w;
  struct shmim_stream *s;
  const struct shmim_transmit *c;
  struct shmim_control *ctl;
  uint8_t *pixels;          /* a whole frame, all slices */
  uint8_t *tail;            /* behind it: cnt0, slice, keywords */
  uint8_t *keywords;        /* in the tail */
  uint64_t keyword_bytes;
  uint64_t pixel_bytes;     /* of one slice */
  struct slice_state state;
  uint64_t first_ns;        /* when the first frame went out, 0 = not yet */
  bool repeated;
  bool whole;               /* `pixels` holds all slices, not one */
  int64_t tai_ns;
  struct shmim_frame frame;
  struct pump_copy copy;
  uint64_t checked;         /* when the peer was looked at meanwhile */
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

static void note_latency(struct transmitter *t) {
  const uint64_t age = frame_age(t->s, &t->frame, t->tai_ns);
  if (age != UINT64_MAX) {
    pump_latency(t->ctl, age);
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
  t->ctl->dropped_keywords += keywords_load(t->s, t->keywords, t->c->keywords,
                                            t->c->keywords_used != 0);
  if (pixels + t->pixel_bytes == t->tail) {
    part[0].iov_len += tail; /* an image: one piece of memory */
    return wire_send(&t->w, part, 1, false);
  }
  return wire_send(&t->w, part, 2, false);
}

/* Now and then while a writer does not pause: whether the peer is there. */
static int32_t look_at_peer(void *argument) {
  struct transmitter *t = argument;
  const uint64_t now = monotonic_ns();
  if (now - t->checked <= PUMP_SLICE_MS * 1000000ull) {
    return 0;
  }
  t->checked = now;
  return peer_status((int)t->c->fd);
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
  int32_t rc = pump_whole_frame(t->s, t->pixels, t->s->data_bytes, &t->copy,
                                &t->frame);
  t->whole = true;
  for (uint64_t k = 0; rc == 0 && k < t->s->slices; k++) {
    rc = send_slice(t, t->pixels + k * t->pixel_bytes, t->frame.cnt0, k);
  }
  if (rc != 0) {
    return rc;
  }
  const uint64_t counter = t->frame.cnt0;
  if (again && counter == t->state.last) {
    t->ctl->repeats++;
    return 0;
  }
  note_latency(t);
  if (counter > t->state.last + 1) {
    t->ctl->skipped += counter - t->state.last - 1;
  }
  t->state.last = counter;
  t->state.last_slice = t->frame.cnt1;
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
      t->state.last = number;
      t->state.last_slice = k;
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
    t->state.last = number;
    t->state.last_slice = k;
    t->ctl->last_cnt1 = k;
    count_sent(t, number);
  }
  return 0;
}

/* Frames of a cube: every new slice of a ring, or the cube as a whole. */
static int32_t send_cube(struct transmitter *t) {
  struct slice_plan plan;
  switch (slices_plan(t->s, t->c->slice_mode, &t->state, &plan)) {
  case SLICES_CUBE:
    return send_frame(t, false);
  case SLICES_NEW:
    t->ctl->skipped += plan.skipped;
    return send_ring(t, plan.counter, plan.slice, plan.count);
  case SLICES_STUCK:
    t->ctl->state = SHMIM_STATE_STALLED;
    await_writer(t->s, t->state.stuck, pump_look(), &t->ctl->stop);
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
      rc = wait_frame(t->s, &t->c->wait, t->state.last, pump_look(),
                      &ctl->stop);
    }
    if (rc == 0) {
      pending = false;
      ctl->state = SHMIM_STATE_BUSY;
      rc = t->s->slices > 1 ? send_cube(t) : send_frame(t, false);
      t->state.sent = t->state.sent || ctl->frames > 0;
      if (ctl->state == SHMIM_STATE_BUSY || ctl->state == SHMIM_STATE_BLOCKED) {
        ctl->state = SHMIM_STATE_WAITING;
      }
    } else if (rc == -ETIMEDOUT) {
      ctl->state = SHMIM_STATE_WAITING;
      rc = peer_status((int)t->c->fd);
      if (rc == 0 && repeat_due(t)) {
        t->repeated = true;
        if (!t->whole) {
          rc = send_slice(t, t->pixels, t->state.last, t->state.last_slice);
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
  struct transmitter t = {
      .w = {.fd = (int)c->fd, .ctl = ctl}, .s = s, .c = c, .ctl = ctl};
  t.keyword_bytes = c->keywords * KEYWORD_BYTES;
  t.pixel_bytes = s->slices > 1 ? s->slice_bytes : s->data_bytes;
  t.state.last = c->wait.last;
  t.state.last_slice = *word(s, s->cnt1);
  t.copy = (struct pump_copy){.control = ctl,
                              .allow_torn = c->allow_torn != 0,
                              .meanwhile = look_at_peer,
                              .argument = &t};
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
