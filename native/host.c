/* What a host says of itself: its small files, its file systems, its clock. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "internal.h"

/*
 * Copies the begin of a file, which may be one of the kernel's own that claims
 * to be empty. Returns the bytes copied; `capacity` of them mean that there
 * may be more. -EMEDIUMTYPE for anything but a regular file.
 */
int64_t shmim_file_text(const char *path, char *out, uint64_t capacity) {
  struct stat st;
  if (path == NULL || out == NULL || capacity > (uint64_t)INT32_MAX) {
    return -EINVAL;
  }
  int fd;
  do {
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return -errno;
  }
  int64_t used = -EMEDIUMTYPE;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    used = 0;
    while ((uint64_t)used < capacity) {
      const ssize_t n = read(fd, out + used, capacity - (uint64_t)used);
      if (n < 0 && errno == EINTR) {
        continue;
      }
      if (n <= 0) {
        used = n < 0 ? -errno : used;
        break;
      }
      used += n;
    }
  }
  close(fd);
  return used;
}

/* Fills out[6] for the file system of a path: its type (statfs's number),
 * bytes in all, bytes that are free to us, files in all, files that are free,
 * and 1 where it is mounted read-only. */
int32_t shmim_file_system(const char *path, int64_t *out) {
  struct statfs fs;
  if (path == NULL || out == NULL) {
    return -EINVAL;
  }
  if (statfs(path, &fs) != 0) {
    return -errno;
  }
  out[0] = (int64_t)fs.f_type;
  out[1] = (int64_t)(fs.f_blocks * (uint64_t)fs.f_bsize);
  out[2] = (int64_t)(fs.f_bavail * (uint64_t)fs.f_bsize);
  out[3] = (int64_t)fs.f_files;
  out[4] = (int64_t)fs.f_ffree;
  out[5] = (fs.f_flags & ST_RDONLY) != 0;
  return 0;
}

/* Fills out[4] with the kernel's account of its clock: 1 where somebody
 * disciplines it, the largest error and the estimated one in microseconds,
 * and the TAI offset in seconds. */
int32_t shmim_clock_state(int64_t *out) {
  struct timex tx;
  if (out == NULL) {
    return -EINVAL;
  }
  memset(&tx, 0, sizeof tx);
  if (adjtimex(&tx) < 0) {
    return -errno;
  }
  out[0] = (tx.status & STA_UNSYNC) == 0;
  out[1] = (int64_t)tx.maxerror;
  out[2] = (int64_t)tx.esterror;
  out[3] = (int64_t)tx.tai;
  return 0;
}

/* Whether the process may do something with a path by its mode, as access()
 * has it: 4 read, 2 write, 1 search, added up. */
int32_t shmim_file_access(const char *path, int32_t mode) {
  if (path == NULL || mode < 0 || mode > 7) {
    return -EINVAL;
  }
  return access(path, mode) == 0 ? 0 : -errno;
}
