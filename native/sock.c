/*
 * Sockets are opened by Deno, so that its net permission holds; the helper
 * finds the connected socket by its two addresses and duplicates it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "internal.h"

/* An address as 16 bytes: IPv4 in its IPv6 form. */
static bool parse(const char *text, uint8_t out[16]) {
  memset(out, 0, 16);
  if (inet_pton(AF_INET, text, out + 12) == 1) {
    out[10] = out[11] = 0xff;
    return true;
  }
  return inet_pton(AF_INET6, text, out) == 1;
}

static bool same(const struct sockaddr_storage *a, const uint8_t address[16],
                 uint32_t port) {
  uint8_t bytes[16] = {0};
  uint32_t found;
  if (a->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)a;
    bytes[10] = bytes[11] = 0xff;
    memcpy(bytes + 12, &in->sin_addr, 4);
    found = ntohs(in->sin_port);
  } else if (a->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;
    memcpy(bytes, &in->sin6_addr, 16);
    found = ntohs(in->sin6_port);
  } else {
    return false;
  }
  return found == port && memcmp(bytes, address, 16) == 0;
}

static bool is_socket(int fd, const uint8_t local[16], uint32_t local_port,
                      const uint8_t remote[16], uint32_t remote_port) {
  struct sockaddr_storage a;
  struct sockaddr_storage b;
  socklen_t an = sizeof a;
  socklen_t bn = sizeof b;
  return getsockname(fd, (struct sockaddr *)&a, &an) == 0 &&
         getpeername(fd, (struct sockaddr *)&b, &bn) == 0 &&
         same(&a, local, local_port) && same(&b, remote, remote_port);
}

/*
 * Returns a duplicate of the connected TCP socket of this process with these
 * ends, to be closed by the pump that gets it; -ENOTCONN where there is none.
 */
int32_t shmim_socket_take(const char *local, uint32_t local_port,
                          const char *remote, uint32_t remote_port) {
  uint8_t l[16];
  uint8_t r[16];
  if (local == NULL || remote == NULL || !parse(local, l) ||
      !parse(remote, r)) {
    return -EINVAL;
  }
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL) {
    return -errno;
  }
  int32_t rc = -ENOTCONN;
  struct dirent *entry;
  while (rc == -ENOTCONN && (entry = readdir(dir)) != NULL) {
    char *end;
    const long fd = strtol(entry->d_name, &end, 10);
    if (end != entry->d_name && *end == '\0' &&
        is_socket((int)fd, l, local_port, r, remote_port)) {
      const int copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 3);
      rc = copy < 0 ? -errno : copy;
    }
  }
  closedir(dir);
  return rc;
}

/*
 * No delay, and a dead peer is noticed: by keep-alive probes where nothing is
 * sent, by a limit on unacknowledged data where something is.
 */
int32_t shmim_socket_tune(int32_t fd, uint64_t timeout_ms) {
  const int one = 1;
  const int idle = 5;
  const int interval = 2;
  const int count = 4;
  const unsigned limit = (unsigned)timeout_ms;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
      setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval,
                 sizeof interval) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count) != 0 ||
      setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof limit) !=
          0) {
    return -errno;
  }
  return 0;
}

/* How many bytes the kernel may hold back unsent; 0 = its own limit. */
int32_t shmim_socket_unsent(int32_t fd, uint64_t bytes) {
  const unsigned limit = bytes < UINT32_MAX ? (unsigned)bytes : UINT32_MAX;
  return setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &limit,
                    sizeof limit) == 0
             ? 0
             : -errno;
}

static void set_timeouts(int fd, long ms) {
  const struct timeval t = {.tv_sec = 0, .tv_usec = ms * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

/*
 * Calls `found` with every registration of the socket `st` in the epoll
 * instance whose /proc/self/fdinfo is `info`.
 */
static void each_watch(FILE *info, int epoll, const struct stat *st,
                       void (*found)(struct socket_state *,
                                     const struct socket_watch *),
                       struct socket_state *state) {
  char line[256];
  while (fgets(line, sizeof line, info) != NULL) {
    struct socket_watch w = {.epoll = epoll};
    unsigned events;
    unsigned long long data;
    unsigned long long inode;
    struct stat target;
    if (sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx", &w.fd,
               &events, &data, &inode) == 4 &&
        inode == (unsigned long long)st->st_ino &&
        fstat(w.fd, &target) == 0 && target.st_ino == st->st_ino &&
        target.st_dev == st->st_dev) {
      w.events = events;
      w.data = data;
      found(state, &w);
    }
  }
}

/* Looks through the epoll instances of this process. */
static void each_epoll(int fd, void (*found)(struct socket_state *,
                                             const struct socket_watch *),
                       struct socket_state *state) {
  struct stat st;
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL || fstat(fd, &st) != 0) {
    if (dir != NULL) {
      closedir(dir);
    }
    return;
  }
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    char path[64];
    char target[32];
    snprintf(path, sizeof path, "/proc/self/fd/%.16s", entry->d_name);
    const ssize_t n = readlink(path, target, sizeof target);
    if (n < 22 || memcmp(target, "anon_inode:[eventpoll]", 22) != 0) {
      continue;
    }
    snprintf(path, sizeof path, "/proc/self/fdinfo/%.16s", entry->d_name);
    FILE *info = fopen(path, "re");
    if (info != NULL) {
      each_watch(info, atoi(entry->d_name), &st, found, state);
      fclose(info);
    }
  }
  closedir(dir);
}

static void change_watch(const struct socket_watch *w, uint32_t events) {
  struct epoll_event event = {.events = events, .data = {.u64 = w->data}};
  epoll_ctl(w->epoll, EPOLL_CTL_MOD, w->fd, &event);
}

static void mute(struct socket_state *state, const struct socket_watch *w) {
  if (state->watches < SOCKET_WATCHES &&
      (w->events & (EPOLLIN | EPOLLOUT)) != 0) {
    state->watch[state->watches++] = *w;
    change_watch(w, EPOLLET);
  }
}

/* Gives a registration back what it asked for, if it is still the same. */
static void unmute(struct socket_state *state, const struct socket_watch *w) {
  for (int i = 0; i < state->watches; i++) {
    const struct socket_watch *saved = &state->watch[i];
    if (saved->epoll == w->epoll && saved->fd == w->fd &&
        saved->data == w->data && (w->events & (EPOLLIN | EPOLLOUT)) == 0) {
      change_watch(w, saved->events);
    }
  }
}

void socket_delay_acks(int fd) {
  const int off = 0;
  setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof off);
}

void socket_enter(struct socket_state *saved, int fd) {
  memset(saved, 0, sizeof *saved);
  saved->fd = fd;
  saved->flags = fcntl(fd, F_GETFL);
  each_epoll(fd, mute, saved);
  set_timeouts(fd, PUMP_SLICE_MS);
  socket_delay_acks(fd);
  if (saved->flags >= 0) {
    fcntl(fd, F_SETFL, saved->flags & ~O_NONBLOCK);
  }
}

void socket_leave(struct socket_state *saved) {
  if (saved->flags >= 0) {
    fcntl(saved->fd, F_SETFL, saved->flags);
  }
  set_timeouts(saved->fd, 0);
  each_epoll(saved->fd, unmute, saved);
}
