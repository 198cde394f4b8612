/* System calls with their errno, clocks, and the scheduling of a thread. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "internal.h"

int32_t shmim_abi_version(void) {
  return SHMIM_ABI;
}

static int32_t report(const struct stat *st, int64_t *out) {
  out[0] = (int64_t)st->st_dev;
  out[1] = (int64_t)st->st_ino;
  out[2] = (int64_t)st->st_size;
  out[3] = (int64_t)st->st_mode;
  out[4] = (int64_t)st->st_mtim.tv_sec;
  out[5] = (int64_t)st->st_mtim.tv_nsec;
  out[6] = (int64_t)st->st_uid;
  out[7] = (int64_t)st->st_nlink;
  return 0;
}

/* Fills out[8]: device, inode, size, mode, mtime s and ns, owner, links. */
int32_t shmim_file_stat(const char *path, int32_t follow, int64_t *out) {
  struct stat st;
  if (path == NULL || out == NULL) {
    return -EINVAL;
  }
  if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) {
    return -errno;
  }
  return report(&st, out);
}

int32_t shmim_fd_stat(int32_t fd, int64_t *out) {
  struct stat st;
  if (out == NULL) {
    return -EINVAL;
  }
  if (fstat(fd, &st) != 0) {
    return -errno;
  }
  return report(&st, out);
}

/*
 * Opens a regular file, never through a link at the last component. Anything
 * else is refused before it is opened, because opening a FIFO or a device
 * can hang or act: -EMEDIUMTYPE.
 */
int32_t shmim_file_open(const char *path, int32_t writable) {
  struct stat st;
  if (path == NULL) {
    return -EINVAL;
  }
  if (lstat(path, &st) != 0) {
    return -errno;
  }
  if (S_ISLNK(st.st_mode)) {
    return -ELOOP;
  }
  if (!S_ISREG(st.st_mode)) {
    return -EMEDIUMTYPE;
  }
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW |
                    O_NONBLOCK;
  int fd;
  do {
    fd = open(path, flags);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return -errno;
  }
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    close(fd);
    return -EMEDIUMTYPE;
  }
  return fd;
}

/*
 * Makes a new file of zeros, with its memory allocated so that a full folder
 * is an error now and not a SIGBUS later. The mode is set as given, whatever
 * the umask. On failure nothing is left behind. Returns the descriptor.
 */
int32_t shmim_file_create(const char *path, uint32_t mode, uint64_t bytes) {
  if (path == NULL || bytes > (uint64_t)INT64_MAX) {
    return -EINVAL;
  }
  int fd;
  do {
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) {
    return -errno;
  }
  int rc;
  do {
    rc = posix_fallocate(fd, 0, (off_t)bytes);
  } while (rc == EINTR);
  if (rc == 0 && fchmod(fd, (mode_t)mode) != 0) {
    rc = errno;
  }
  if (rc != 0) {
    unlink(path);
    close(fd);
    return -rc;
  }
  return fd;
}

/* Without `replace` an existing destination is -EEXIST and stays. */
int32_t shmim_file_rename(const char *from, const char *to, int32_t replace) {
  if (from == NULL || to == NULL) {
    return -EINVAL;
  }
  if (replace) {
    return rename(from, to) == 0 ? 0 : -errno;
  }
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
    return 0;
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return -errno;
  }
  /* A file system without RENAME_NOREPLACE: a link is as atomic. */
  if (link(from, to) != 0) {
    return -errno;
  }
  return unlink(from) == 0 ? 0 : -errno;
}

int32_t shmim_file_unlink(const char *path) {
  if (path == NULL) {
    return -EINVAL;
  }
  return unlink(path) == 0 ? 0 : -errno;
}

int32_t shmim_file_symlink(const char *target, const char *path) {
  if (target == NULL || path == NULL) {
    return -EINVAL;
  }
  return symlink(target, path) == 0 ? 0 : -errno;
}

/* Length of the target, without a terminator. */
int32_t shmim_file_readlink(const char *path, char *out, uint64_t capacity) {
  if (path == NULL || out == NULL) {
    return -EINVAL;
  }
  const ssize_t n = readlink(path, out, capacity);
  return n < 0 ? -errno : (int32_t)n;
}

/* Length of the path with every link resolved, without a terminator. */
int32_t shmim_file_realpath(const char *path, char *out, uint64_t capacity) {
  char real[PATH_MAX];
  if (path == NULL || out == NULL) {
    return -EINVAL;
  }
  if (realpath(path, real) == NULL) {
    return -errno;
  }
  const size_t n = strlen(real);
  if (n > capacity) {
    return -ENAMETOOLONG;
  }
  memcpy(out, real, n);
  return (int32_t)n;
}

static int64_t list_folder(const char *path, char *out, uint64_t capacity,
                           bool links) {
  if (path == NULL || (out == NULL && capacity > 0)) {
    return -EINVAL;
  }
  DIR *dir = opendir(path);
  if (dir == NULL) {
    return -errno;
  }
  uint64_t used = 0;
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
      continue;
    }
    if (links && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN) {
      continue;
    }
    const size_t n = strlen(entry->d_name) + 1;
    if (used + n <= capacity) {
      memcpy(out + used, entry->d_name, n);
    }
    used += n;
  }
  closedir(dir);
  return (int64_t)used;
}

/*
 * Writes the names in a folder, each ended by a zero byte, and returns the
 * bytes that all of them need; names that do not fit are left out, so a
 * result above `capacity` asks for another call.
 */
int64_t shmim_dir_list(const char *path, char *out, uint64_t capacity) {
  return list_folder(path, out, capacity, false);
}

/* The same of its links alone, and of what may be one. */
int64_t shmim_dir_links(const char *path, char *out, uint64_t capacity) {
  return list_folder(path, out, capacity, true);
}

/* Locks an open file against others that lock it, until it is closed. Does
 * not wait: -EAGAIN where somebody else has it. */
int32_t shmim_fd_lock(int32_t fd) {
  return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
}

int32_t shmim_fd_close(int32_t fd) {
  return close(fd) == 0 ? 0 : -errno;
}

/* The path of an open file, as the kernel knows it. */
int32_t shmim_fd_path(int32_t fd, char *out, uint64_t capacity) {
  char proc[64];
  snprintf(proc, sizeof proc, "/proc/self/fd/%d", (int)fd);
  return shmim_file_readlink(proc, out, capacity);
}

/* Fills out[2] with seconds and nanoseconds. */
int32_t shmim_clock(int32_t clock, int64_t *out) {
  struct timespec t;
  if (out == NULL) {
    return -EINVAL;
  }
  if (clock_gettime((clockid_t)clock, &t) != 0) {
    return -errno;
  }
  out[0] = (int64_t)t.tv_sec;
  out[1] = (int64_t)t.tv_nsec;
  return 0;
}

/* Seconds that CLOCK_TAI is ahead of UTC on this host; 0 where not set. */
int32_t shmim_tai_offset(void) {
  struct timex tx;
  memset(&tx, 0, sizeof tx);
  return adjtimex(&tx) < 0 ? -errno : (int32_t)tx.tai;
}

/* Signals are Deno's to take; only faults of the thread itself get through. */
int start_thread(pthread_t *thread, void *(*work)(void *), void *argument) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS);
  sigdelset(&all, SIGSEGV);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int rc = pthread_create(thread, NULL, work, argument);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return rc;
}

/* Sleeps, at most 200 ms, until CLOCK_MONOTONIC reaches a time. */
int32_t shmim_sleep_until(uint64_t deadline) {
  const uint64_t limit = monotonic_ns() + 200000000ull;
  const uint64_t t = deadline < limit ? deadline : limit;
  const struct timespec ts = {.tv_sec = (time_t)(t / NS_PER_S),
                              .tv_nsec = (long)(t % NS_PER_S)};
  const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR) {
  }
  if (slack > 0) {
    prctl(PR_SET_TIMERSLACK, (unsigned long)slack, 0, 0, 0);
  }
  return t < deadline ? -ETIMEDOUT : 0;
}

/* Bytes of this process in memory (resident set). */
int64_t shmim_process_memory(void) {
  FILE *f = fopen("/proc/self/statm", "re");
  if (f == NULL) {
    return -errno;
  }
  long total = 0;
  long resident = 0;
  const int n = fscanf(f, "%ld %ld", &total, &resident);
  fclose(f);
  return n == 2 ? (int64_t)resident * sysconf(_SC_PAGESIZE) : -EIO;
}

/*
 * Gives the calling thread SCHED_FIFO and a set of cores. schedule_leave()
 * undoes it, because the thread goes back to a pool. Either may fail alone:
 * the result is the first errno, what could be set is set.
 */
int32_t schedule_enter(struct schedule *saved, int64_t priority,
                       uint64_t cpus) {
  int32_t rc = 0;
  memset(saved, 0, sizeof *saved);
  saved->slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  if (priority > 0) {
    struct sched_param p;
    saved->policy = sched_getscheduler(0);
    sched_getparam(0, &p);
    saved->priority = p.sched_priority;
    p.sched_priority = (int)priority;
    if (sched_setscheduler(0, SCHED_FIFO, &p) == 0) {
      saved->changed_policy = true;
    } else {
      rc = -errno;
    }
  }
  if (cpus != 0) {
    cpu_set_t set;
    _Static_assert(sizeof set <= sizeof saved->cpus, "affinity mask");
    sched_getaffinity(0, sizeof set, &set);
    memcpy(saved->cpus, &set, sizeof set);
    CPU_ZERO(&set);
    for (int i = 0; i < 64; i++) {
      if (cpus >> i & 1) {
        CPU_SET(i, &set);
      }
    }
    if (sched_setaffinity(0, sizeof set, &set) == 0) {
      saved->changed_cpus = true;
    } else if (rc == 0) {
      rc = -errno;
    }
  }
  return rc;
}

void schedule_leave(const struct schedule *saved) {
  if (saved->changed_policy) {
    const struct sched_param p = {.sched_priority = saved->priority};
    sched_setscheduler(0, saved->policy, &p);
  }
  if (saved->changed_cpus) {
    cpu_set_t set;
    memcpy(&set, saved->cpus, sizeof set);
    sched_setaffinity(0, sizeof set, &set);
  }
  if (saved->slack > 0) {
    prctl(PR_SET_TIMERSLACK, (unsigned long)saved->slack, 0, 0, 0);
  }
}

/* Whether a thread may have what is asked for: 0 or -errno, nothing stays. */
int32_t shmim_schedule_try(int64_t priority, uint64_t cpus) {
  struct schedule saved;
  const int32_t rc = schedule_enter(&saved, priority, cpus);
  schedule_leave(&saved);
  return rc;
}
