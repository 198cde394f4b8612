/*
 * The folder that holds the files: one in the user's cache, named by the
 * content, or, where there is no home to write to, a private one that goes
 * away with the program.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "portable.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define LOCK_PATIENCE_MS 30000
/* A folder younger than this may be one whose owner has yet to lock it. */
#ifndef ORPHAN_AGE_S
#define ORPHAN_AGE_S 60
#endif

static void pause_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* No other place makes a damaged file whole. */
static void require_whole(int result) {
  if (result == -EBADMSG) {
    die("this file is not whole: its content is damaged; copy it again");
  }
}

/*
 * Commas part the paths of Deno's permissions, and nothing escapes them: a
 * path with one would grant what nobody meant.
 */
static int good_path(const char *path) {
  return strlen(path) <= PATH_BYTES / 2 && strchr(path, ',') == NULL;
}

static int executable(int folder) {
  struct statvfs fs;
  return fstatvfs(folder, &fs) == 0 && (fs.f_flag & ST_NOEXEC) == 0;
}

/* Only the user may be able to change what is run from here. */
static void require_private(int folder, const char *path) {
  struct stat st;
  if (fstat(folder, &st) != 0) {
    die("cannot look at \"%s\": %s", path, strerror(errno));
  }
  if (st.st_uid != geteuid()) {
    die("\"%s\" belongs to user %u, not to you: remove it, or name another "
        "cache with XDG_CACHE_HOME",
        path, (unsigned)st.st_uid);
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    die("\"%s\" can be written by others (mode %o): chmod go-w it, or name "
        "another cache with XDG_CACHE_HOME",
        path, (unsigned)st.st_mode & 07777);
  }
}

/*
 * Opens a folder inside another, which is made where it is missing. A link is
 * refused. The descriptor, or -errno.
 */
static int open_inside(int parent, const char *name, const char *path) {
  if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST) {
    return -errno;
  }
  const int fd = openat(parent, name, FOLDER_FLAGS);
  if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
    die("\"%s\" is not a folder: remove it, or name another cache with "
        "XDG_CACHE_HOME",
        path);
  }
  return fd < 0 ? -errno : fd;
}

/*
 * Takes the lock by which one start at a time unpacks. Locks that do not work
 * (some network file systems) and a holder that hangs are no reason to wait
 * for ever: names are only ever moved into place whole. The descriptor, or -1.
 */
static int take_lock(int cache) {
  const int fd = openat(cache, "lock",
                        O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    return -1;
  }
  for (int waited = 0; waited < LOCK_PATIENCE_MS; waited += 20) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return fd;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      break;
    }
    pause_ms(20);
  }
  close(fd);
  return -1;
}

#define PART "part-"

/* Whoever has the lock is alone: what others left half done can go. */
static void sweep_parts(int cache) {
  const int fd = openat(cache, ".", FOLDER_FLAGS);
  DIR *dir = fd < 0 ? NULL : fdopendir(fd);
  if (dir == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strncmp(entry->d_name, PART, strlen(PART)) == 0) {
      remove_tree(cache, entry->d_name);
    }
  }
  closedir(dir);
}

/* 1 where the cache holds this content, whole. */
static int in_cache(const struct archive *archive, int cache,
                    const char *path) {
  const int fd = openat(cache, archive->head->key, FOLDER_FLAGS);
  if (fd < 0) {
    if (errno == ENOTDIR || errno == ELOOP) {
      die("\"%s\" is not a folder: remove it", path);
    }
    return 0;
  }
  require_private(fd, path);
  const int whole = extract_complete(archive, fd);
  close(fd);
  return whole;
}

/* Unpacks beside the place and moves it there. 0, or -errno. */
static int fill_cache(const struct archive *archive, int cache,
                      const char *path) {
  char part[64], old[64];
  const char *key = archive->head->key;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  snprintf(part, sizeof(part), PART "%d-%ld", (int)getpid(), now.tv_nsec);
  snprintf(old, sizeof(old), PART "old-%d-%ld", (int)getpid(), now.tv_nsec);
  if (mkdirat(cache, part, 0700) != 0) {
    return -errno;
  }
  const int fd = openat(cache, part, FOLDER_FLAGS);
  int result = fd < 0 ? -errno : extract_all(archive, fd);
  if (result == 0 && fsync(fd) != 0) {
    result = -errno;
  }
  if (fd >= 0) {
    close(fd);
  }
  if (result == 0 && renameat(cache, part, cache, key) != 0) {
    result = -errno;
    /* Something is there: another start's, or the rest of a damaged one. */
    if ((result == -ENOTEMPTY || result == -EEXIST) &&
        !in_cache(archive, cache, path) &&
        renameat(cache, key, cache, old) == 0) {
      result = renameat(cache, part, cache, key) == 0 ? 0 : -errno;
      remove_tree(cache, old);
    }
  }
  if (result != 0) {
    remove_tree(cache, part);
  }
  require_whole(result);
  return in_cache(archive, cache, path) ? 0 : result;
}

/* Opens the folder of the user's caches; it must be the user's. Or -1. */
static int open_caches(char path[PATH_BYTES]) {
  const char *cache = getenv("XDG_CACHE_HOME");
  const char *home = getenv("HOME");
  if (cache != NULL && cache[0] == '/') {
    snprintf(path, PATH_BYTES, "%s", cache);
  } else if (home != NULL && home[0] == '/') {
    snprintf(path, PATH_BYTES, "%s/.cache", home);
    /* A home of somebody else's (sudo keeps the variable) gets no file. */
    struct stat st;
    if (stat(home, &st) != 0 || st.st_uid != geteuid()) {
      return -1;
    }
  } else {
    return -1;
  }
  if (!good_path(path)) {
    return -1;
  }
  mkdir(path, 0700);
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat st;
  if (fd >= 0 && (fstat(fd, &st) != 0 || st.st_uid != geteuid() ||
                  !executable(fd))) {
    close(fd);
    return -1;
  }
  return fd;
}

/* Finds or fills the cache. 0, or -1 where there can be none. */
static int prepare_cache(const struct archive *archive,
                         char path[PATH_BYTES]) {
  const int caches = open_caches(path);
  if (caches < 0) {
    return -1;
  }
  strcat(path, "/shmim");
  const int cache = open_inside(caches, "shmim", path);
  close(caches);
  if (cache < 0) {
    return -1;
  }
  require_private(cache, path);
  strcat(path, "/");
  strcat(path, archive->head->key);
  int result = 0;
  if (!in_cache(archive, cache, path)) {
    const int lock = take_lock(cache);
    if (lock >= 0) {
      sweep_parts(cache);
    }
    if (!in_cache(archive, cache, path)) {
      result = fill_cache(archive, cache, path);
    }
    if (lock >= 0) {
      close(lock);
    }
  }
  close(cache);
  return result == 0 ? 0 : -1;
}

/* Private folders whose owner died before its cleaner could start. */
static void sweep_private(const char *base, const char *prefix) {
  const int parent = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = parent < 0 ? NULL : fdopendir(parent);
  if (dir == NULL) {
    return;
  }
  const struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) {
      continue;
    }
    struct stat st;
    const int fd = openat(parent, entry->d_name, FOLDER_FLAGS);
    if (fd < 0) {
      continue;
    }
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() &&
        st.st_ctime + ORPHAN_AGE_S <= time(NULL) &&
        flock(fd, LOCK_EX | LOCK_NB) == 0) {
      remove_tree(parent, entry->d_name);
    }
    close(fd);
  }
  closedir(dir);
}

/*
 * Leaves a process behind that removes the folder when the last one that
 * holds its lock is gone: this program, however it ends, and its children.
 * 0, or -errno.
 */
static int leave_cleaner(const char *path, int lock) {
  const pid_t child = fork();
  if (child < 0) {
    return -errno;
  }
  if (child > 0) {
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
  }
  /* Twice, or Deno would have a child that it does not know. */
  const pid_t second = fork();
  if (second != 0) {
    _exit(second < 0 ? 1 : 0);
  }
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  setsid();
  close(lock);
  for (int fd = 0; fd < 256; fd++) {
    close(fd); /* nobody waits for the end of a pipe because of us */
  }
  if (chdir("/") != 0) {
    _exit(1);
  }
  const int fd = open(path, FOLDER_FLAGS);
  if (fd >= 0) {
    while (flock(fd, LOCK_EX) != 0 && errno == EINTR) {
    }
    remove_tree(AT_FDCWD, path);
  }
  _exit(0);
}

/* A new private folder with all files, or -1. The reason goes to `reason`. */
static int prepare_private(const struct archive *archive, const char *base,
                           char path[PATH_BYTES], int *reason) {
  char prefix[32];
  snprintf(prefix, sizeof(prefix), "shmim-%u-", (unsigned)geteuid());
  if (base == NULL || base[0] != '/' || !good_path(base)) {
    return -1;
  }
  sweep_private(base, prefix);
  snprintf(path, PATH_BYTES, "%s/%sXXXXXX", base, prefix);
  if (mkdtemp(path) == NULL) {
    *reason = errno;
    return -1;
  }
  /* It stays open when this becomes Deno: that is what holds the lock. */
  const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  int result = fd < 0 ? -errno : 0;
  if (result == 0 && !executable(fd)) {
    result = -EACCES;
  }
  if (result == 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    result = -errno;
  }
  if (result == 0) {
    result = leave_cleaner(path, fd);
  }
  if (result == 0) {
    result = extract_all(archive, fd);
  }
  if (result == 0) {
    return 0;
  }
  *reason = -result;
  remove_tree(AT_FDCWD, path);
  if (fd >= 0) {
    close(fd);
  }
  require_whole(result);
  return -1;
}

void folder_prepare(const struct archive *archive, char path[PATH_BYTES]) {
  if (prepare_cache(archive, path) == 0) {
    return;
  }
  const char *bases[] = {getenv("TMPDIR"), "/tmp", "/var/tmp"};
  int reason = ENOENT;
  for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
    if (prepare_private(archive, bases[i], path, &reason) == 0) {
      return;
    }
  }
  die("nowhere to unpack to (%s): neither the cache in your home nor TMPDIR, "
      "/tmp or /var/tmp can be written and run from",
      strerror(reason));
}
