/* The receiving pump of milk's wire, in two files. */
#ifndef SHMIM_RECEIVE_H
#define SHMIM_RECEIVE_H

#include "internal.h"

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

/* What lies behind the pixels. */
struct tail {
  uint64_t counter;
  uint64_t slice;
};

/* receive.c: nothing came for PUMP_SLICE_MS: 0 where it is worth waiting on. */
int32_t receive_quiet(const struct receiver *r, uint64_t *quiet);
/* Takes the tail apart; its slice is one of the stream's, or -EBADMSG. */
int32_t receive_tail(struct receiver *r, const uint8_t *bytes, struct tail *t);
/* Counts a frame that is known to be whole, and what is missing before it. */
void receive_count(struct receiver *r, const struct tail *t);
/* Where a slice's pixels go. */
uint8_t *receive_place(const struct receiver *r, uint64_t slice);
/* Publishes a frame whose pixels are in their place. */
int32_t receive_finish(struct receiver *r, const struct tail *t,
                       const struct timespec *begun, uint64_t whole);

/* receive_waiting.c: large frames that wait in the socket, in between the
 * first two. The frame, where some of it is there: 0, OTHERWISE, an error. */
void waiting_enter(struct receiver *r);
void waiting_leave(struct receiver *r);
int32_t waiting_take(struct receiver *r);

#endif
