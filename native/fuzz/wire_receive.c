/*
 * The receiving pump of our own wire: bytes of the peer that are anything, or
 * messages that are right in part, into a stream whose words are hostile.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire.h"
#include "common.h"

static uint8_t out[60000];

static size_t put(size_t at, const void *bytes, size_t n) {
  if (n > sizeof out - at) {
    return at;
  }
  memcpy(out + at, bytes, n);
  return at + n;
}

static size_t put_frame(size_t at, struct input *in, uint64_t how) {
  static const uint8_t pixels[DATA_BYTES];
  const bool slice = how & 1;
  struct wire_frame h = {
      .type = WIRE_FRAME,
      .flags = how & 2 ? (uint32_t)take(in, 4) : 0,
      .cnt0 = how & 4 ? take_edge(in) : take(in, 1),
      .cnt1 = take_edge(in),
      .sent_ns = take_edge(in),
      .age_ns = take_edge(in),
      .slice = how & 8 ? (uint32_t)take_edge(in)
                       : (slice ? (uint32_t)take(in, 1) % SLICES : WIRE_WHOLE),
      .bytes = how & 16 ? take_edge(in) : (slice ? SLICE_BYTES : DATA_BYTES),
  };
  const size_t n = slice ? SLICE_BYTES : DATA_BYTES;
  const struct wire_mark_bytes mark = {
      .what = how & 32 ? (uint32_t)take(in, 1) % 4 : WIRE_END,
      .crc = how & 64 ? 0
                      : shmim_crc32c(shmim_crc32c(0, &h, sizeof h, 0), pixels,
                                     n, how >> 7 & 1),
  };
  return put(put(put(at, &h, sizeof h), pixels, n), &mark, sizeof mark);
}

static size_t put_keywords(size_t at, struct input *in) {
  uint8_t records[3 * 128];
  struct wire_keywords m = {.type = WIRE_KEYWORDS,
                            .first = (uint32_t)take_edge(in),
                            .count = (uint32_t)take_edge(in)};
  const size_t n = (size_t)(m.count % 4) * 128;
  memset(records, (int)take(in, 1), sizeof records);
  m.crc = shmim_crc32c(shmim_crc32c(0, &m, 12, 0), records, n, 1);
  return put(put(at, &m, sizeof m), records, n);
}

static size_t put_ping(size_t at, struct input *in) {
  const struct wire_ping m = {.type = WIRE_PING,
                              .number = (uint32_t)take(in, 4),
                              .sent_ns = take_edge(in),
                              .offset_ns = (int64_t)take_edge(in),
                              .error_ns = take_edge(in),
                              .rtt_ns = take_edge(in)};
  return put(at, &m, sizeof m);
}

static size_t script(struct input *in) {
  size_t at = 0;
  while (in->left > 0 && at < sizeof out - 1000) {
    const uint64_t what = take(in, 1);
    if (what < 160) {
      at = put_frame(at, in, take(in, 1));
    } else if (what < 200) {
      at = put_keywords(at, in);
    } else if (what < 240) {
      at = put_ping(at, in);
    } else {
      const uint64_t noise = take(in, 8);
      at = put(at, &noise, sizeof noise);
    }
  }
  return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct shmim_wire_control control;
  struct input in = {.at = data, .left = size};
  struct shmim_stream s;
  const uint64_t choice = take(&in, 1);
  struct shmim_wire_receive config = {
      .last = choice & 8 ? take_edge(&in) : 0,
      .keywords = choice & 7,
      .piece_bytes = 4096,
      .direct = choice >> 4 & 1,
  };
  if (choice >= 240) {
    config.piece_bytes = take_edge(&in);
    config.keywords = take_edge(&in);
  }
  if (!open_stream(&s, &in, true)) {
    return 0;
  }
  size_t n;
  if (choice & 32) {
    n = in.left < sizeof out ? in.left : sizeof out;
    memcpy(out, in.at, n);
  } else {
    n = script(&in);
  }
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  REQUIRE(n == 0 || send(pair[0], out, n, 0) == (ssize_t)n);
  shutdown(pair[0], SHUT_WR);
  memset(&control, 0, sizeof control);
  config.fd = pair[1];
  const int32_t rc = shmim_wire_receive(&s, &config, &control);
  REQUIRE(rc <= 0);
  /* The descriptor is the pump's, whatever happened. */
  REQUIRE(fcntl(pair[1], F_GETFD) == -1);
  const struct shmim_control *c = &control.common;
  REQUIRE(c->end != SHMIM_END_RUNNING);
  /* Every frame has a head, a slice and a mark at least. */
  const uint64_t handled =
      c->frames + c->repeats + control.aborted + control.damaged;
  REQUIRE(handled <= n / sizeof(struct wire_keywords));
  close(pair[0]);
  close_stream(&s);
  return 0;
}
