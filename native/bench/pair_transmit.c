/*
 * pair_transmit STREAM PORT: sends a stream to 127.0.0.1 as milk's
 * transmitter does: sleep on semaphore 6, sample the counters, copy pixels,
 * counters and keywords into one buffer, one blocking send.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "isio.h"

#define SEMAPHORE 6

static int dial(uint16_t port) {
  const int one = 1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
      connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
    die("connect");
  }
  return fd;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: pair_transmit STREAM PORT\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the bench */
  struct isio s = isio_open(argv[1]);
  const int fd = dial((uint16_t)number(argv[2]));
  const uint64_t pixels = s.md->data_bytes;
  const uint64_t bytes = pixels + 16 + s.keyword_bytes;
  uint8_t *frame = malloc(bytes);
  if (frame == NULL || send(fd, s.md, sizeof *s.md, 0) != sizeof *s.md) {
    die("handshake");
  }
  while (sem_trywait(&s.sems[SEMAPHORE]) == 0) {
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 2;
    if (sem_timedwait(&s.sems[SEMAPHORE], &deadline) != 0) {
      continue;
    }
    const uint64_t counters[2] = {s.md->cnt0, 0};
    memcpy(frame, s.pixels, pixels);
    memcpy(frame + pixels, counters, 16);
    memcpy(frame + pixels + 16, s.keywords, s.keyword_bytes);
    if (send(fd, frame, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) {
      return 0;
    }
  }
}
