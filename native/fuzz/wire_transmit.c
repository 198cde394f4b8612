/*
 * The transmitting pump of our own wire: a stream whose words are hostile,
 * and a receiver that answers anything and goes away.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wire.h"
#include "common.h"

/* Takes what was sent apart: whole messages, whose sums agree. */
static void check_sent(int fd, const struct shmim_stream *s, bool cut) {
  static uint8_t bytes[1 << 20];
  size_t got = 0;
  ssize_t n;
  while ((n = recv(fd, bytes + got, sizeof bytes - got, 0)) > 0) {
    got += (size_t)n;
  }
  size_t at = 0;
  while (got - at >= 96) {
    struct wire_frame h;
    memcpy(&h, bytes + at, sizeof h);
    if (h.type == WIRE_PING) {
      at += sizeof(struct wire_ping);
      continue;
    }
    if (h.type == WIRE_KEYWORDS) {
      struct wire_keywords m;
      memcpy(&m, bytes + at, sizeof m);
      REQUIRE(m.first + m.count <= s->keyword_bytes / 128);
      at += sizeof m + (size_t)m.count * 128;
      continue;
    }
    REQUIRE(h.type == WIRE_FRAME);
    REQUIRE(h.bytes == s->data_bytes ||
            (h.bytes == s->slice_bytes && h.slice < s->slices));
    if (got - at < sizeof h + h.bytes + 8) {
      break;
    }
    struct wire_mark_bytes mark;
    memcpy(&mark, bytes + at + sizeof h + h.bytes, sizeof mark);
    REQUIRE(mark.what == WIRE_END);
    REQUIRE(mark.crc ==
            shmim_crc32c(0, bytes + at, sizeof h + h.bytes, 1));
    at += sizeof h + h.bytes + sizeof mark;
  }
  REQUIRE(cut || at <= got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct shmim_wire_control control;
  struct input in = {.at = data, .left = size};
  struct shmim_stream s;
  const uint64_t choice = take(&in, 1);
  const uint64_t mode = take(&in, 1);
  if (!open_stream(&s, &in, true)) {
    return 0;
  }
  struct shmim_wire_transmit config = {
      .wait = {.mode = mode % 4,
               .sem = mode & 16 ? 0 : -1,
               .last = take_edge(&in),
               .poll_us = 20,
               .spin_us = 20},
      .slice_mode = choice & 3,
      .policy = choice >> 2 & 1,
      .queue = 1 + (choice >> 3 & 3),
      .keywords = choice & 32 ? s.keyword_bytes / 128 : 0,
      .keywords_used = choice >> 6 & 1,
      .piece_bytes = 4096,
      .ping_ms = 1,
      .silence_ms = 50,
      .first = choice >> 7,
      .allow_torn = mode >> 5 & 1,
  };
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const size_t n = in.left < 4000 ? in.left : 4000;
  REQUIRE(n == 0 || send(pair[1], in.at, n, 0) == (ssize_t)n);
  shutdown(pair[1], SHUT_WR);
  memset(&control, 0, sizeof control);
  config.fd = pair[0];
  const int32_t rc = shmim_wire_transmit(&s, &config, &control);
  REQUIRE(rc <= 0);
  REQUIRE(fcntl(pair[0], F_GETFD) == -1);
  REQUIRE(control.common.end != SHMIM_END_RUNNING);
  REQUIRE(control.queued == 0);
  check_sent(pair[1], &s, true);
  close(pair[1]);
  close_stream(&s);
  return 0;
}
