/* The files of the archive in a folder: looking, writing, removing. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portable.h"

int extract_complete(const struct archive *archive, int folder) {
  for (uint32_t i = 0; i < archive->head->files; i++) {
    const struct entry *entry = &archive->entries[i];
    struct stat st;
    if (fstatat(folder, entry->name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ||
        (st.st_mode & entry->mode & S_IRWXU) != (entry->mode & S_IRWXU) ||
        (uint64_t)st.st_size != entry->bytes) {
      return 0;
    }
  }
  return 1;
}

static int write_all(int fd, const uint8_t *bytes, uint64_t length) {
  while (length > 0) {
    const ssize_t wrote = write(fd, bytes, length);
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote <= 0) {
      return wrote == 0 ? -EIO : -errno;
    }
    bytes += wrote;
    length -= (uint64_t)wrote;
  }
  return 0;
}

static int extract_one(const struct archive *archive,
                       const struct entry *entry, int folder) {
  const size_t room = entry->bytes > 0 ? entry->bytes : 1;
  uint8_t *bytes = mmap(NULL, room, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) {
    return -ENOMEM;
  }
  if (archive_unpack(archive, entry, bytes) != 0) {
    munmap(bytes, room);
    return -EBADMSG;
  }
  int result;
  const int fd = openat(folder, entry->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                        0600);
  if (fd < 0) {
    result = -errno;
  } else {
    result = write_all(fd, bytes, entry->bytes);
    /* On disk before its name is: power may fail, and the size would lie. */
    if (result == 0 &&
        (fchmod(fd, entry->mode & 0700) != 0 || fsync(fd) != 0)) {
      result = -errno;
    }
    if (close(fd) != 0 && result == 0) {
      result = -errno;
    }
  }
  munmap(bytes, room);
  return result;
}

int extract_all(const struct archive *archive, int folder) {
  for (uint32_t i = 0; i < archive->head->files; i++) {
    const int result = extract_one(archive, &archive->entries[i], folder);
    if (result != 0) {
      return result;
    }
  }
  return 0;
}

int remove_tree(int parent, const char *name) {
  if (unlinkat(parent, name, 0) == 0) {
    return 0;
  }
  if (errno != EISDIR && errno != EPERM) {
    return -errno;
  }
  const int fd = openat(parent, name,
                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (dir == NULL) {
    const int result = -errno;
    if (fd >= 0) {
      close(fd);
    }
    return result;
  }
  const struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      remove_tree(dirfd(dir), entry->d_name);
    }
  }
  closedir(dir);
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : -errno;
}
