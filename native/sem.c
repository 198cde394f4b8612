/*
 * The semaphores of a stream: ImageStreamIO's rules (one reader an index,
 * claims by pid, values held at a maximum), with claims made atomic.
 */
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

#include "internal.h"

static _Atomic int32_t *pid_slot(const struct shmim_stream *s,
                                 uint64_t table, uint64_t index) {
  return (_Atomic int32_t *)at(s, table + 4 * index);
}

static bool valid(const struct shmim_stream *s, int32_t index) {
  return s != NULL && s->base != 0 && index >= 0 &&
         (uint64_t)index < s->sem_count;
}

/* Prepares the semaphores of a stream that is being created. */
int32_t shmim_sem_init(const struct shmim_stream *s) {
  if (s == NULL || s->base == 0 || !s->writable) {
    return -EINVAL;
  }
  for (uint64_t i = 0; i < s->sem_count; i++) {
    if (sem_init(semaphore(s, i), 1, 0) != 0) {
      return -errno;
    }
  }
  /* The original leaves this one zero, so that blocking on it never wakes. */
  if (s->log_sem != 0 && sem_init(log_semaphore(s), 1, 0) != 0) {
    return -errno;
  }
  return guard_status(s);
}

/* Makes a new file a semaphore of value 0 that processes share. */
int32_t shmim_sem_file(int32_t fd) {
  sem_t sem;
  memset(&sem, 0, sizeof sem);
  if (sem_init(&sem, 1, 0) != 0) {
    return -errno;
  }
  const ssize_t n = pwrite(fd, &sem, sizeof sem, 0);
  return n == (ssize_t)sizeof sem ? 0 : n < 0 ? -errno : -EIO;
}

/* Values of the semaphores, the log semaphore last when there is room. */
int32_t shmim_sem_values(const struct shmim_stream *s, int32_t *out,
                         uint64_t count) {
  if (s == NULL || s->base == 0 || out == NULL) {
    return -EINVAL;
  }
  /* Not sem_getvalue: the mapping may be read-only, or not aligned. */
  for (uint64_t i = 0; i < count && i < s->sem_count; i++) {
    memcpy(&out[i], semaphore(s, i), 4);
  }
  if (count > s->sem_count && s->log_sem != 0) {
    memcpy(&out[s->sem_count], log_semaphore(s), 4);
  }
  return guard_status(s);
}

/*
 * glibc takes the third word of a semaphore for bits of its futex call: 0
 * private, 128 shared. With anything else in a damaged file it calls
 * something different, which ends the process or waits for ever.
 */
bool semaphore_sound(const sem_t *sem) {
  uint32_t kind;
  memcpy(&kind, (const uint8_t *)sem + 8, sizeof kind);
  return kind == 0 || kind == 128;
}

static bool slot_free(const struct shmim_stream *s, uint64_t index,
                      int32_t pid) {
  if (pid == getpid()) {
    return !guard_claimed(s, (int32_t)index);
  }
  return pid <= 0 || (getpgid(pid) == -1 && errno == ESRCH);
}

/* One step for the threads of this process, because the slot of a reader and
 * that of its neighbour hold the same pid. */
static bool take(const struct shmim_stream *s, uint64_t index) {
  _Atomic int32_t *slot = pid_slot(s, s->reader_pids, index);
  guards_lock();
  int32_t pid = atomic_load(slot);
  const bool taken =
      semaphore_sound(semaphore(s, index)) && slot_free(s, index, pid) &&
      atomic_compare_exchange_strong(slot, &pid, (int32_t)getpid());
  if (taken) {
    guard_claim(s, (int32_t)index, true);
  }
  guards_unlock();
  return taken;
}

/*
 * Claims a semaphore for a reader on this mapping and empties it: the
 * preferred one if it is free, else the lowest free one. Number 6 comes last,
 * because milk's transmitters wait on it without registering. A claim of a
 * dead process is free. Returns the index, or -EBUSY when all are taken.
 */
int32_t shmim_sem_claim(const struct shmim_stream *s, int32_t preferred) {
  const uint64_t unregistered = 6;
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable || s->reader_pids == 0) {
    return -EACCES;
  }
  int64_t index = -1;
  if (valid(s, preferred) && take(s, (uint64_t)preferred)) {
    index = preferred;
  }
  for (uint64_t i = 0; index < 0 && i < s->sem_count; i++) {
    if (i != unregistered && take(s, i)) {
      index = (int64_t)i;
    }
  }
  if (index < 0 && unregistered < s->sem_count && take(s, unregistered)) {
    index = (int64_t)unregistered;
  }
  if (index < 0) {
    return -EBUSY;
  }
  const int32_t rc = shmim_sem_flush(s, (int32_t)index);
  return rc < 0 ? rc : (int32_t)index;
}

/* Gives a claimed semaphore back. */
int32_t shmim_sem_release(const struct shmim_stream *s, int32_t index) {
  if (!valid(s, index) || !s->writable || s->reader_pids == 0) {
    return -EINVAL;
  }
  int32_t own = (int32_t)getpid();
  atomic_compare_exchange_strong(pid_slot(s, s->reader_pids, (uint64_t)index),
                                 &own, 0);
  guard_claim(s, index, false);
  return guard_status(s);
}

/* Frees the claim that a process left behind, if it is still its claim:
 * -ENOENT where it is not, -EBUSY where the process lives. Of those that it
 * cannot see the caller must know. */
int32_t shmim_sem_forget(const struct shmim_stream *s, int32_t index,
                         int32_t pid) {
  if (!valid(s, index) || s->reader_pids == 0 || pid <= 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (getpgid(pid) != -1 || errno != ESRCH) {
    return -EBUSY;
  }
  const bool freed = atomic_compare_exchange_strong(
      pid_slot(s, s->reader_pids, (uint64_t)index), &pid, 0);
  const int32_t rc = guard_status(s);
  return rc < 0 ? rc : freed ? 0 : -ENOENT;
}

/* Beyond this a value is damage, not posts: more would take long. */
#define FLUSH_MAX 100000

/* Takes off the posts that are there now. */
int32_t shmim_sem_flush(const struct shmim_stream *s, int32_t index) {
  int value = 0;
  if (!valid(s, index) || !s->writable) {
    return -EINVAL;
  }
  sem_getvalue(semaphore(s, (uint64_t)index), &value);
  value = value < FLUSH_MAX ? value : FLUSH_MAX;
  for (int i = 0; i < value; i++) {
    if (sem_trywait(semaphore(s, (uint64_t)index)) != 0) {
      break;
    }
  }
  return guard_status(s);
}

/* The value is glibc's first word: looked at here, a semaphore at its maximum
 * costs one load. A negative value is damage, and never below. */
static inline bool below(sem_t *sem, uint64_t maximum) {
  return atomic_load_explicit((_Atomic uint32_t *)(void *)sem,
                              memory_order_relaxed) <
         (maximum < INT32_MAX ? maximum : INT32_MAX);
}

static void post(const struct shmim_stream *s, uint64_t index) {
  sem_t *sem = semaphore(s, index);
  if (semaphore_sound(sem) && sem_post(sem) == 0 && s->writer_pids != 0) {
    atomic_store_explicit(pid_slot(s, s->writer_pids, index),
                          (int32_t)s->pid, memory_order_relaxed);
  }
}

void post_all(const struct shmim_stream *s) {
  const uint64_t count = s->sem_count;
  const uint64_t maximum = s->sem_max;
  for (uint64_t i = 0; i < count; i++) {
    if (below(semaphore(s, i), maximum)) {
      post(s, i);
    }
  }
  if (s->log_sem != 0) {
    sem_t *log = log_semaphore(s);
    if (below(log, maximum) && semaphore_sound(log)) {
      sem_post(log);
    }
  }
}

/*
 * Posts one semaphore, or all (index -1) in their order and then the log
 * semaphore, none beyond the format's maximum; notes the pid of the poster.
 */
int32_t shmim_sem_post(const struct shmim_stream *s, int32_t index) {
  if (s == NULL || s->base == 0 || (index >= 0 && !valid(s, index))) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (index < 0) {
    post_all(s);
  } else if (below(semaphore(s, (uint64_t)index), s->sem_max)) {
    post(s, (uint64_t)index);
  }
  return guard_status(s);
}
