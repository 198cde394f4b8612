/* Pumps that need no network: one stream into another, and a stream watched
 * for the times of its frames. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal.h"

static int32_t ended(struct shmim_control *ctl, int32_t rc) {
  if (rc == -ECANCELED) {
    return pump_end(ctl, SHMIM_END_STOPPED, 0);
  }
  return pump_end(ctl, SHMIM_END_ERROR, rc);
}

static void count(struct shmim_control *ctl, uint64_t counter,
                  uint64_t last) {
  if (counter > last + 1) {
    ctl->skipped += counter - last - 1;
  }
  ctl->frames++;
  ctl->last_cnt0 = counter;
  ctl->last_ns = monotonic_ns();
}

/* Seconds that the copy's clock is ahead of the source's. */
static int64_t clock_ahead(const struct shmim_stream *from,
                           const struct shmim_stream *to) {
  const int64_t tai = shmim_tai_offset();
  return (to->clock == CLOCK_TAI ? tai : 0) -
         (from->clock == CLOCK_TAI ? tai : 0);
}

static int32_t relay(const struct shmim_stream *from, struct shmim_stream *to,
                     const struct shmim_relay *c, uint8_t *pixels,
                     struct shmim_control *ctl) {
  struct shmim_frame frame;
  uint64_t last = c->wait.last;
  const uint64_t records = from->keyword_bytes / from->keyword_record;
  const uint64_t room = to->keyword_bytes / to->keyword_record;
  const uint64_t keywords =
      !c->keywords ? 0 : records < room ? records : room;
  const int64_t ahead = clock_ahead(from, to);
  struct pump_copy how = {.control = ctl};
  for (;;) {
    int32_t rc = pump_next_counter(from, &c->wait, last, ctl);
    ctl->state = SHMIM_STATE_BUSY;
    if (rc == 0) {
      rc = pump_whole_frame(from, pixels, from->data_bytes, &how, &frame);
    }
    if (rc != 0) {
      return rc;
    }
    const uint64_t seen = monotonic_ns();
    struct timespec begun;
    clock_gettime((clockid_t)to->clock, &begun);
    const struct trigger trigger = {.stream = from,
                                    .inode = c->inode,
                                    .semaphore = (int32_t)c->wait.sem,
                                    .counter = frame.cnt0,
                                    .copy = c->counters ? &frame : NULL};
    const int64_t atime[2] = {frame.atime_s + ahead, frame.atime_ns};
    raise_flag(to, to->data_bytes);
    memcpy(segment_pixels(to, segment_writing(to)), pixels, to->data_bytes);
    for (uint64_t i = 0; i < keywords; i++) {
      uint8_t record[KEYWORD_BYTES];
      keyword_load(from, i, record);
      keyword_store(to, i, record);
    }
    rc = publish(to, (int64_t)(frame.cnt1 & INT64_MAX), atime, &begun,
                 &trigger, NULL);
    if (rc != 0) {
      return rc;
    }
    count(ctl, frame.cnt0, last);
    ctl->foreign = to->foreign;
    pump_latency(ctl, monotonic_ns() - seen);
    last = frame.cnt0;
  }
}

/*
 * Copies each new frame of one stream into another of the same type and
 * size, until told to stop. Blocks: nonblocking calls only.
 */
int32_t shmim_relay(const struct shmim_stream *from, struct shmim_stream *to,
                    const struct shmim_relay *c, struct shmim_control *ctl) {
  struct schedule schedule;
  if (from == NULL || from->base == 0 || to == NULL || to->base == 0 ||
      !to->writable || c == NULL || ctl == NULL ||
      from->data_bytes != to->data_bytes) {
    return -EINVAL;
  }
  uint8_t *pixels = malloc(from->data_bytes);
  if (pixels == NULL) {
    return pump_end(ctl, SHMIM_END_ERROR, -ENOMEM);
  }
  schedule_enter(&schedule, 0, 0);
  guard_pump(from, true);
  guard_pump(to, true);
  const int32_t rc = relay(from, to, c, pixels, ctl);
  guard_pump(from, false);
  guard_pump(to, false);
  schedule_leave(&schedule);
  free(pixels);
  return ended(ctl, rc);
}

/*
 * Watches a stream until told to stop: the control block's histogram holds
 * the times between frames, as they are seen here. Blocks.
 */
int32_t shmim_observe(const struct shmim_stream *s,
                      const struct shmim_wait *w, struct shmim_control *ctl) {
  struct schedule schedule;
  if (s == NULL || s->base == 0 || w == NULL || ctl == NULL) {
    return -EINVAL;
  }
  schedule_enter(&schedule, 0, 0);
  uint64_t last = w->last;
  uint64_t seen = 0;
  int32_t rc;
  while ((rc = pump_next_counter(s, w, last, ctl)) == 0) {
    const uint64_t now = monotonic_ns();
    const uint64_t counter = load_counter(s);
    if (seen != 0) {
      pump_latency(ctl, now - seen);
    }
    count(ctl, counter, last);
    seen = now;
    last = counter;
  }
  schedule_leave(&schedule);
  return ended(ctl, rc);
}
