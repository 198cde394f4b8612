/* The same small range of many files of a folder, in one call: for lists,
 * where a call for each would take longer than all the reading. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

/* Bytes read from a regular file, or -errno. A link is -ELOOP: where it leads
 * is somebody else's question. */
static int64_t read_range(int folder, const char *name, struct shmim_range *r,
                          uint8_t *out, uint64_t room) {
  struct stat st;
  if (r->offset < 0 || r->bytes < 0 || (uint64_t)r->bytes > room) {
    return -EINVAL;
  }
  const int fd =
      openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) {
    return -errno;
  }
  int64_t result = fstat(fd, &st) == 0 ? 0 : -errno;
  if (result == 0 && !S_ISREG(st.st_mode)) {
    result = -EMEDIUMTYPE;
  }
  if (result == 0) {
    r->inode = (int64_t)st.st_ino;
    r->size = (int64_t)st.st_size;
    result = pread(fd, out, (size_t)r->bytes, (off_t)r->offset);
    result = result < 0 ? -errno : result;
  }
  close(fd);
  return result;
}

/* A folder whose path has no link in it any more. Whoever swaps a part of it
 * for one gains nothing. */
static int open_folder(const char *path) {
  struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                         .resolve = RESOLVE_NO_SYMLINKS};
  const long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  return fd < 0 && errno == ENOSYS /* before Linux 5.6 */
             ? open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
             : (int)fd;
}

/*
 * `names`: the folder, then `count` names in it, each ended by a zero byte.
 * `rows`: for each name a struct shmim_range, then `room` bytes for what is
 * read. Files that cannot be read say so in their row; the result is 0, or
 * -errno of the folder.
 */
int32_t shmim_files_read(const char *names, uint8_t *rows, uint64_t count,
                         uint64_t room) {
  if (names == NULL || (rows == NULL && count > 0)) {
    return -EINVAL;
  }
  const int folder = open_folder(names);
  if (folder < 0) {
    return -errno;
  }
  const char *name = names;
  for (uint64_t i = 0; i < count; i++) {
    struct shmim_range range;
    uint8_t *row = rows + i * (sizeof range + room);
    name += strlen(name) + 1;
    memcpy(&range, row, sizeof range);
    range.result = strchr(name, '/') != NULL
                       ? -EINVAL
                       : read_range(folder, name, &range, row + sizeof range,
                                    room);
    memcpy(row, &range, sizeof range);
  }
  close(folder);
  return 0;
}
