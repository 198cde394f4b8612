/* Which frames the transmitting pump takes from its source, and how. */
#define _GNU_SOURCE
#include <string.h>

#include "wire_transmit.h"

/* Frames that are copied first after one had to be given up half-way. */
#define CAUTIOUS 16

static int32_t upkeep(void *argument) {
  return wire_upkeep(argument);
}

/* The frame that is in the stream now, straight from there: 1 where a writer
 * is at work, so that a copy must be tried. */
static int32_t live_frame(const struct wire_out *t, struct wire_part *p) {
  if (t->s->segments > 1 || t->s->late_counter) {
    return 1; /* only a copy can be seen to be whole */
  }
  p->frame.cnt0 = load_counter(t->s);
  p->pixels = at(t->s, t->s->data);
  p->kept = KEPT_LIVE;
  note_frame(t->s, 0, &p->frame);
  return wire_intact(t, p) ? 0 : 1;
}

/* The newest frame as a whole: an image, or a cube with all its slices. */
static int32_t send_newest(struct wire_out *t) {
  struct wire_part p = {.slice = WIRE_WHOLE, .bytes = t->s->data_bytes};
  const bool large = p.bytes > t->c->piece_bytes;
  for (;;) {
    int32_t rc = 1;
    if (large && t->cautious == 0) {
      rc = live_frame(t, &p);
    }
    if (rc == 1) {
      struct pump_copy how = {.control = &t->ctl->common,
                              .allow_torn = t->c->allow_torn != 0,
                              .meanwhile = upkeep,
                              .argument = t};
      rc = pump_whole_frame(t->s, t->pixels, p.bytes, &how, &p.frame);
      p.pixels = t->pixels;
      p.kept = KEPT_COPY;
      p.flags = p.frame.torn ? WIRE_FLAG_TORN : 0;
      t->cautious -= t->cautious > 0;
    }
    rc = rc != 0 ? rc : wire_send_part(t, &p);
    if (rc != ABORTED) {
      return rc;
    }
    t->cautious = CAUTIOUS;
  }
}

static void note_slice_times(const struct shmim_stream *s, uint64_t k,
                             struct shmim_frame *f, uint64_t number) {
  uint64_t stored = 0;
  if (s->slice_counters != 0) {
    memcpy(&stored, at(s, s->slice_counters + 8 * k), 8);
  }
  if (stored == number) {
    memcpy(&f->atime_s, at(s, s->slice_atimes + 16 * k), 16);
    memcpy(&f->writetime_s, at(s, s->slice_writetimes + 16 * k), 16);
  }
}

/* New slices of a ring, the oldest first. */
static int32_t send_slices(struct wire_out *t, const struct slice_plan *plan) {
  const struct shmim_stream *s = t->s;
  const uint64_t n = s->slices;
  for (uint64_t i = plan->count; i-- > 0;) {
    const uint64_t k = (plan->slice + n - i % n) % n;
    struct wire_part p = {
        .slice = (uint32_t)k,
        .bytes = s->slice_bytes,
        .pixels = at(s, s->data + k * s->slice_bytes),
        .kept = KEPT_SLICE,
        .flags = i > 0 ? WIRE_FLAG_LATER_TIMES : 0,
    };
    note_frame(s, 0, &p.frame);
    p.frame.cnt0 = plan->counter - i;
    p.frame.cnt1 = k;
    note_slice_times(s, k, &p.frame, p.frame.cnt0);
    int32_t rc = wire_told_to_stop(t) ? -ECANCELED : 0;
    rc = rc != 0 ? rc : wire_send_part(t, &p);
    if (rc != 0 && rc != ABORTED) {
      return rc;
    }
  }
  return 0;
}

/* Counter of the newest frame that is in the circular buffer, where that is
 * being filled: its own count agrees with cnt0, or is ahead by the frame that
 * is being published. */
bool wire_newest_slot(const struct shmim_stream *s, uint64_t *counter) {
  if (s->ring_slots < 3) {
    return false;
  }
  const uint64_t index = atomic_load((_Atomic uint32_t *)at(s, s->ring_index));
  const uint64_t cycle = atomic_load(word(s, s->ring_cycle));
  *counter = load_counter(s);
  const uint64_t ahead = cycle * s->ring_slots + index - *counter;
  return index < s->ring_slots && ahead < 2;
}

/* New frames of the circular buffer, the oldest first. */
static int32_t send_slots(struct wire_out *t, uint64_t counter) {
  const struct shmim_stream *s = t->s;
  const uint64_t n = s->ring_slots;
  const uint64_t last = t->state.last;
  const bool fresh = counter > last && t->state.sent;
  const uint64_t news = fresh ? counter - last : 1;
  for (uint64_t i = news < n - 2 ? news : n - 2; i-- > 0;) {
    const uint64_t number = counter - i;
    struct wire_part p = {
        .slice = WIRE_WHOLE,
        .bytes = s->data_bytes,
        .pixels = at(s, s->ring_data + number % n * s->data_bytes),
        .kept = KEPT_SLOT,
    };
    note_frame(s, 0, &p.frame);
    p.frame.cnt0 = number;
    p.flags = load_counter(s) != number || load_flag(s) != 0
                  ? WIRE_FLAG_LATER_TIMES
                  : 0;
    int32_t rc = wire_told_to_stop(t) ? -ECANCELED : 0;
    rc = rc != 0 ? rc : wire_send_part(t, &p);
    if (rc != 0 && rc != ABORTED) {
      return rc;
    }
  }
  return 0;
}

static int32_t send_cube(struct wire_out *t) {
  struct slice_plan plan;
  switch (slices_plan(t->s, t->c->slice_mode, &t->state, &plan)) {
  case SLICES_STUCK:
    t->ctl->common.state = SHMIM_STATE_STALLED;
    await_writer(t->s, t->state.stuck, pump_look(), &t->ctl->common.stop);
    return 0;
  case SLICES_BUSY:
    t->ctl->common.state = SHMIM_STATE_RESTLESS;
    return 0;
  case SLICES_CUBE:
    return send_newest(t);
  case SLICES_NEW:
    if (t->c->policy == SHMIM_POLICY_LATEST) {
      plan.count = 1;
    }
    return send_slices(t, &plan);
  }
  return 0;
}

int32_t wire_send_news(struct wire_out *t) {
  uint64_t counter;
  if (t->s->slices > 1 && t->c->slice_mode != SHMIM_SLICES_WHOLE) {
    return send_cube(t);
  }
  if (t->c->policy == SHMIM_POLICY_EVERY && wire_newest_slot(t->s, &counter)) {
    return send_slots(t, counter);
  }
  return send_newest(t);
}

