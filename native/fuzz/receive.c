/*
 * The receiving pump: arbitrary bytes from the peer, into a stream whose
 * words are hostile, too.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct shmim_control control;
  struct input in = {.at = data, .left = size};
  struct shmim_stream s;
  const uint64_t choice = take(&in, 1);
  if (!open_stream(&s, &in, true)) {
    return 0;
  }
  const uint64_t room = s.slices > 1 ? s.slice_bytes : s.data_bytes;
  struct shmim_receive config = {.pixel_bytes = choice & 1 ? 0 : room,
                                 .keyword_bytes = (choice >> 1 & 7) * 128};
  if (choice >= 240) {
    config.pixel_bytes = take_edge(&in);
    config.keyword_bytes = take(&in, 2);
  }
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  const size_t n = in.left < 60000 ? in.left : 60000;
  REQUIRE(n == 0 || send(pair[0], in.at, n, 0) == (ssize_t)n);
  close(pair[0]);
  memset(&control, 0, sizeof control);
  config.fd = pair[1];
  const int32_t rc = shmim_receive(&s, &config, &control);
  REQUIRE(rc <= 0);
  /* The descriptor is the pump's, whatever happened. */
  REQUIRE(fcntl(pair[1], F_GETFD) == -1);
  REQUIRE(control.bytes <= n);
  const uint64_t wire = config.pixel_bytes + 16 + config.keyword_bytes;
  const uint64_t handled = control.frames + control.repeats + control.empty;
  REQUIRE(handled <= n / wire);
  REQUIRE(control.end != SHMIM_END_SLICE ||
          (uint64_t)control.detail >= s.slices);
  close_stream(&s);
  return 0;
}
