/*
 * pair_receive STREAM: takes frames into an existing stream as milk's
 * receiver does: one blocking recv of a whole frame, flag, pixels, keywords,
 * times, counter, posts. Prints the port it listens on.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "isio.h"

static int answer(void) {
  const int one = 1;
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t length = sizeof at;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (door < 0 || bind(door, (struct sockaddr *)&at, sizeof at) != 0 ||
      listen(door, 5) != 0 ||
      getsockname(door, (struct sockaddr *)&at, &length) != 0) {
    die("listen");
  }
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  const int fd = accept(door, NULL, NULL);
  if (fd < 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0) {
    die("accept");
  }
  return fd;
}

static bool take(int fd, void *into, uint64_t bytes) {
  return recv(fd, into, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

int main(int argc, char **argv) {
  struct isio_metadata sent;
  if (argc != 2) {
    fprintf(stderr, "usage: pair_receive STREAM\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the bench */
  struct isio s = isio_open(argv[1]);
  const int fd = answer();
  if (!take(fd, &sent, sizeof sent) ||
      sent.data_bytes != s.md->data_bytes ||
      sent.keywords != s.md->keywords) {
    die("handshake");
  }
  const uint64_t pixels = s.md->data_bytes;
  const uint64_t bytes = pixels + 16 + s.keyword_bytes;
  uint8_t *frame = malloc(bytes);
  if (frame == NULL) {
    die("malloc");
  }
  while (take(fd, frame, bytes)) {
    uint64_t slice;
    memcpy(&slice, frame + pixels + 8, 8);
    isio_begin(&s);
    s.md->cnt1 = slice;
    memcpy(s.pixels, frame, pixels);
    memcpy(s.keywords, frame + pixels + 16, s.keyword_bytes);
    isio_publish(&s);
  }
  return 0;
}
