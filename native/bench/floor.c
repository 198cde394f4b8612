/*
 * floor tcp BYTES HZ FRAMES | floor memcpy BYTES FRAMES: the limits beneath.
 * tcp: two processes and one loopback connection, a frame at every 1/HZ s,
 * from just before send() to after recv(MSG_WAITALL). memcpy: one copy of a
 * frame in ordinary memory.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "isio.h"

static uint8_t *memory(uint64_t bytes) {
  uint8_t *p = malloc(bytes);
  if (p == NULL) {
    die("malloc");
  }
  memset(p, 1, bytes);
  return p;
}

static void copies(uint64_t bytes, uint64_t frames) {
  uint8_t *from = memory(bytes);
  uint8_t *to = memory(bytes);
  uint32_t *ns = calloc(frames, sizeof *ns);
  if (ns == NULL) {
    die("calloc");
  }
  for (uint64_t i = 0; i < frames; i++) {
    const int64_t started = monotonic_ns();
    memcpy(to, from, bytes);
    __asm__ volatile("" : : "r"(to) : "memory");
    ns[i] = (uint32_t)(monotonic_ns() - started);
  }
  report("", ns, frames);
}

static void listen_side(int door, uint64_t bytes, uint64_t frames) {
  uint8_t *into = memory(bytes);
  uint32_t *ns = calloc(frames, sizeof *ns);
  const int fd = accept(door, NULL, NULL);
  if (fd < 0 || ns == NULL) {
    die("accept");
  }
  for (uint64_t i = 0; i < frames; i++) {
    int64_t stamp;
    if (recv(fd, into, bytes, MSG_WAITALL) != (ssize_t)bytes) {
      die("recv");
    }
    memcpy(&stamp, into, sizeof stamp);
    ns[i] = (uint32_t)(monotonic_ns() - stamp);
  }
  report("", ns, frames);
}

static void dial_side(const struct sockaddr_in *to, uint64_t bytes,
                      int64_t period, uint64_t frames) {
  const int one = 1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint8_t *from = memory(bytes);
  if (fd < 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
      connect(fd, (const struct sockaddr *)to, sizeof *to) != 0) {
    die("connect");
  }
  int64_t next = monotonic_ns() + 20000000;
  for (uint64_t i = 0; i < frames; i++, next += period) {
    sleep_until(next);
    const int64_t stamp = monotonic_ns();
    memcpy(from, &stamp, sizeof stamp);
    if (send(fd, from, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) {
      die("send");
    }
  }
}

static void ping(uint64_t bytes, int64_t period, uint64_t frames) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t length = sizeof at;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (door < 0 || bind(door, (struct sockaddr *)&at, sizeof at) != 0 ||
      listen(door, 1) != 0 ||
      getsockname(door, (struct sockaddr *)&at, &length) != 0) {
    die("listen");
  }
  const pid_t child = fork();
  if (child < 0) {
    die("fork");
  }
  if (child == 0) {
    dial_side(&at, bytes, period, frames);
    _exit(0);
  }
  listen_side(door, bytes, frames);
  waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
  if (argc == 5 && strcmp(argv[1], "tcp") == 0 && number(argv[2]) >= 8) {
    ping((uint64_t)number(argv[2]), 1000000000 / number(argv[3]),
         (uint64_t)number(argv[4]));
    return 0;
  }
  if (argc == 4 && strcmp(argv[1], "memcpy") == 0) {
    copies((uint64_t)number(argv[2]), (uint64_t)number(argv[3]));
    return 0;
  }
  fprintf(stderr, "usage: floor tcp BYTES HZ FRAMES | memcpy BYTES FRAMES\n");
  return 2;
}
