/* What both pumps of our own wire share; docs/wire.md specifies it. */
#ifndef SHMIM_WIRE_H
#define SHMIM_WIRE_H

#include <sys/socket.h>
#include <sys/uio.h>

#include "internal.h"

enum wire_type {
  WIRE_FRAME = 1,
  WIRE_KEYWORDS = 2,
  WIRE_PING = 3,
  WIRE_PONG = 4,
};

enum wire_mark {
  WIRE_MORE = 0,
  WIRE_END = 1,
  WIRE_ABORT = 2,
};

#define WIRE_WHOLE 0xffffffffu /* the frame is no single slice */
#define WIRE_UNKNOWN (~0ull)
/* Flags of a frame. */
#define WIRE_FLAG_TORN 2u        /* its sender could not copy it whole */
#define WIRE_FLAG_LATER_TIMES 4u /* its times are those of a later frame */
#define WIRE_FLAGS (WIRE_FLAG_TORN | WIRE_FLAG_LATER_TIMES)

#define WIRE_PIECE_MIN 4096ull
#define WIRE_PIECE_MAX (16ull << 20)

struct wire_frame {
  uint32_t type;
  uint32_t flags;
  uint64_t cnt0, cnt1, cnt2;
  int64_t atime_s, atime_ns;
  int64_t writetime_s, writetime_ns;
  uint64_t sent_ns;         /* sender's clock */
  uint64_t age_ns;          /* of the frame at that time */
  uint32_t slice;
  uint32_t behind;          /* newer frames that were there already */
  uint64_t bytes;
};

struct wire_mark_bytes {
  uint32_t what;
  uint32_t crc;
};

struct wire_keywords {
  uint32_t type;
  uint32_t first;
  uint32_t count;
  uint32_t crc;
};

struct wire_ping {
  uint32_t type;
  uint32_t number;
  uint64_t sent_ns;
  int64_t offset_ns;        /* sender's clock minus receiver's */
  uint64_t error_ns;
  uint64_t rtt_ns;
  uint64_t last_cnt0;
  uint64_t skipped;
};

struct wire_pong {
  uint32_t type;
  uint32_t number;
  uint64_t sent_ns;         /* of the ping */
  uint64_t received_ns;     /* receiver's clock */
  uint64_t answered_ns;
  uint64_t last_cnt0;
  uint64_t frames;
  uint64_t damaged;
};

_Static_assert(sizeof(struct wire_frame) == 96, "wire frame");
_Static_assert(sizeof(struct wire_keywords) == 16, "wire keywords");
_Static_assert(sizeof(struct wire_ping) == 56, "wire ping");
_Static_assert(sizeof(struct wire_pong) == 56, "wire pong");

/* wire_io.c: a connection, and what has come on it but was not taken yet. */
struct wire {
  int fd;
  struct shmim_control *ctl;
  uint64_t silence_ns;      /* give up after this, 0 = never */
  int64_t shift_ns;         /* added to the clock that the peer is told */
  uint8_t *in;
  uint64_t room, from, to;  /* of `in` */
  uint64_t heard;           /* CLOCK_MONOTONIC of the last byte */
};

/* What a pump changes of its thread and its connection while it runs. */
struct wire_place {
  struct schedule schedule;
  struct socket_state socket;
};

/* Whether there is a stream, and pieces are of a size that is spoken. */
bool wire_sane(const struct shmim_stream *s, uint64_t piece_bytes);
/* Settings that make no sense: the connection was taken over, so it is closed. */
int32_t wire_refuse(struct shmim_control *ctl, int fd);
void wire_enter(struct wire_place *saved, const struct shmim_stream *s, int fd,
                int64_t priority, uint64_t cpus);
void wire_leave(struct wire_place *saved, const struct shmim_stream *s);
/* This end's clock as the peer is told. */
uint64_t wire_clock(const struct wire *w);
/* Sends all parts, in order; `begun`: a message is out in part already. A stop
 * ends it at once while nothing of a message is out, else after PUMP_FINISH_NS,
 * so that the peer gets it whole. */
int32_t wire_send(struct wire *w, struct iovec *part, int parts, bool begun);
/* Has `n` bytes ready at the returned place, which the next call changes. */
int32_t wire_take(struct wire *w, uint64_t n, bool begun, uint8_t **out);
/* The same, but they stay: the beginning of the next message. */
int32_t wire_peek(struct wire *w, uint64_t n, uint8_t **out);
/* Receives exactly `n` bytes of a message that has begun. */
int32_t wire_fill(struct wire *w, uint8_t *out, uint64_t n);
/* The end that a result means. */
int32_t wire_ended(struct wire *w, int32_t rc);

#endif
