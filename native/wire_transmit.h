/* The transmitting pump of our own wire, in several files. */
#ifndef SHMIM_WIRE_TRANSMIT_H
#define SHMIM_WIRE_TRANSMIT_H

#include "slices.h"
#include "wire.h"

/* The source changed: what was sent of the frame is void. */
#define ABORTED 1
/* No frame came in PUMP_SLICE_MS. */
#define NOTHING 2

/* Where the pixels are, and what may happen to them. */
enum wire_kept {
  KEPT_COPY,                /* nothing */
  KEPT_LIVE,                /* the next frame overwrites them */
  KEPT_SLICE,               /* a ring of slices comes round */
  KEPT_SLOT,                /* the circular buffer comes round */
};

struct wire_part {
  struct shmim_frame frame;
  const uint8_t *pixels;
  uint64_t bytes;
  uint32_t slice;
  uint32_t flags;
  enum wire_kept kept;
};

/* Round trips that the estimate is made of. */
#define TRIPS 16
struct wire_trip {
  int64_t offset_ns;
  uint64_t half_ns;
  uint64_t rtt_ns;
  uint64_t at;              /* CLOCK_MONOTONIC */
};

/* A queue of more frames than this is no queue. */
#define WIRE_QUEUE_MAX 65536ull
struct wire_queue;

struct wire_out {
  struct wire w;
  struct shmim_stream *s;
  const struct shmim_wire_transmit *c;
  struct shmim_wire_control *ctl;
  uint8_t *pixels;          /* a whole frame, all slices */
  uint8_t *keywords;
  uint8_t *sent_keywords;
  struct slice_state state;
  uint64_t cautious;        /* copy so many frames before sending them */
  int64_t tai_ns;
  struct wire_queue *queue; /* NULL: frames go straight from the stream */
  /* wire_clock.c */
  uint8_t answer[sizeof(struct wire_pong)];
  uint64_t answered;        /* bytes of `answer` */
  uint32_t pings;
  uint64_t outstanding;
  uint64_t next_ping;       /* CLOCK_MONOTONIC */
  uint64_t looked;
  uint64_t moved;           /* when unsent bytes last changed */
  int unsent;
  struct wire_trip trip[TRIPS];
  uint64_t trips;
};

/* wire_clock.c: heartbeats, and the clocks' offset. */
void wire_clock_enter(struct wire_out *t);
void wire_clock_leave(struct wire_out *t);
/* Between two messages: pings when it is time, takes answers, notices a peer
 * that is gone. */
int32_t wire_upkeep(struct wire_out *t);
/* The same without pings: where the line takes none. */
int32_t wire_listen(struct wire_out *t);

/* wire_frame.c: keywords where they changed, then a frame that is whole as
 * long as wire_intact() says so: 0, or ABORTED. */
int32_t wire_send_part(struct wire_out *t, struct wire_part *p);
bool wire_intact(const struct wire_out *t, const struct wire_part *p);

/* wire_source.c: sends what is new, by the policy. */
int32_t wire_send_news(struct wire_out *t);
/* Counter of the newest frame of the circular buffer, where it is filled. */
bool wire_newest_slot(const struct shmim_stream *s, uint64_t *counter);

/* wire_queue.c: every frame, where the stream itself keeps none. */
int32_t wire_queue_enter(struct wire_out *t);
void wire_queue_leave(struct wire_out *t);
/* The oldest frame that waits: 0, or NOTHING. */
int32_t wire_queue_next(struct wire_out *t, struct wire_part *p);
/* It is sent, its place is free. */
void wire_queue_done(struct wire_out *t);

static inline bool wire_told_to_stop(const struct wire_out *t) {
  return stopped(&t->ctl->common.stop);
}

#endif
