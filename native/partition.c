/*
 * What partitions need beyond plain segments: memory of one NUMA node, the
 * address of an attached segment for a view, the host's own name.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "sysv.h"

/* linux/mempolicy.h: part of the kernel's interface, not of the C library. */
#define POLICY_PREFERRED 1
#define POLICY_BIND 2
#define NODES 64

/*
 * Places the pages of an attached segment, before anybody has touched them,
 * on a node of memory: only there (`strict`) or there first. -ENOSYS: the
 * kernel knows no nodes, -EINVAL: it has none of this number, -EPERM: a
 * sandbox forbids it.
 */
int32_t shmim_segment_place(const struct shmim_segment *s, uint32_t node,
                            int32_t strict) {
  if (s == NULL || s->base == 0 || node >= NODES) {
    return -EINVAL;
  }
  unsigned long mask[NODES / (8 * sizeof(unsigned long)) + 1] = {0};
  mask[node / (8 * sizeof(unsigned long))] =
      1UL << node % (8 * sizeof(unsigned long));
  const unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
  const unsigned long bytes = ((unsigned long)s->length + page - 1) & ~(page - 1);
  /* The kernel reads one bit less than it is told. */
  return syscall(SYS_mbind, (void *)(uintptr_t)s->base, bytes,
                 strict ? POLICY_BIND : POLICY_PREFERRED, mask,
                 (unsigned long)NODES + 1, 0u) == 0
             ? 0
             : -errno;
}

/* Where bytes of an attached segment lie; NULL where they are outside. */
void *shmim_segment_address(const struct shmim_segment *s, uint64_t offset,
                            uint64_t bytes) {
  return within(s, offset, bytes) ? (void *)(uintptr_t)(s->base + offset)
                                  : NULL;
}

/* Ends a process that began at `start` (shmim_process_start()), by SIGTERM;
 * -ESRCH where it has ended, or another has its pid. */
int32_t shmim_process_end(int32_t pid, int64_t start) {
  const int64_t found = shmim_process_start(pid);
  if (found < 0) {
    return (int32_t)found;
  }
  if (found != start) {
    return -ESRCH;
  }
  return kill(pid, SIGTERM) == 0 ? 0 : -errno;
}

/* The host's own name, with a NUL; -ENAMETOOLONG where it does not fit. */
int32_t shmim_host_name(char *out, uint64_t bytes) {
  if (out == NULL || bytes == 0) {
    return -EINVAL;
  }
  if (gethostname(out, bytes) != 0) {
    return -errno;
  }
  return memchr(out, 0, bytes) == NULL ? -ENAMETOOLONG : 0;
}

/*
 * Sends a text to a datagram socket: how a service tells systemd how it is.
 * A path that begins with '@' is a name without a file. Never waits.
 */
int32_t shmim_notify(const char *path, const char *text, uint64_t bytes) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  const size_t length = path == NULL ? 0 : strlen(path);
  if (length == 0 || length >= sizeof to.sun_path || text == NULL) {
    return -EINVAL;
  }
  memcpy(to.sun_path, path, length);
  if (path[0] == '@') {
    to.sun_path[0] = '\0';
  }
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    return -errno;
  }
  const socklen_t size =
      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  const ssize_t n = sendto(fd, text, bytes, MSG_NOSIGNAL,
                           (const struct sockaddr *)&to, size);
  const int32_t rc = n < 0 ? -errno : 0;
  close(fd);
  return rc;
}
