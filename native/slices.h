/* What the transmitting pumps look for in a source. */
#ifndef SHMIM_SLICES_H
#define SHMIM_SLICES_H

#include "internal.h"

/* What a transmitting pump knows of its source. */
struct slice_state {
  uint64_t last;            /* counter of the frame handled last */
  uint64_t last_slice;      /* cnt1 at that time */
  bool sent;                /* `last` went out, it is no baseline */
  bool rolls;               /* cnt1 has been seen to move */
  uint64_t stuck;           /* no look since then, CLOCK_MONOTONIC; 0 = not so */
};

enum slice_news {
  SLICES_BUSY,              /* no moment was found to look */
  SLICES_STUCK,             /* the same, and the counter stands still */
  SLICES_CUBE,              /* the cube as a whole */
  SLICES_NEW,               /* `count` slices that end at `slice` */
};

struct slice_plan {
  uint64_t counter;         /* of `slice` */
  uint64_t slice;
  uint64_t count;
  uint64_t skipped;         /* frames before these that are lost */
};

enum slice_news slices_plan(const struct shmim_stream *s, uint64_t mode,
                            struct slice_state *state,
                            struct slice_plan *plan);
/* True where no writer has come round to the slice of frame `number`. */
bool slice_whole(const struct shmim_stream *s, uint64_t number);

#endif
