/*
 * What partitions need beyond plain segments: memory of one NUMA node, the
 * address of an attached segment for a view, the host's own name.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

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
  if (s == NULL || s->base == 0 || offset > s->length ||
      bytes > s->length - offset) {
    return NULL;
  }
  return (void *)(uintptr_t)(s->base + offset);
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
