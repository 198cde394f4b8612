/*
 * Whole updates of a segment's parts, and waiting for one: what segments of
 * several hosts are made of. An update is one or more records: where it goes
 * and its length, 8 bytes each, then the bytes, filled up to a multiple of 8.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sysv.h"

#define HEAD 16

static _Atomic uint8_t *cell8(const struct shmim_segment *s, uint64_t offset) {
  return (_Atomic uint8_t *)(uintptr_t)(s->base + offset);
}

/* Whether every record lies below `limit`, and they fill `bytes`. */
static bool sound(const uint8_t *records, uint64_t bytes, uint64_t limit) {
  for (uint64_t i = 0; i < bytes;) {
    uint64_t head[2];
    if (bytes - i < HEAD) {
      return false;
    }
    memcpy(head, records + i, HEAD);
    i += HEAD;
    if (head[0] > limit || head[1] > limit - head[0] || head[1] > bytes - i) {
      return false;
    }
    const uint64_t padded = (head[1] + 7) & ~(uint64_t)7;
    if (padded > bytes - i) {
      return false;
    }
    i += padded;
  }
  return true;
}

/* Just these bytes: who stores beside them through a view loses nothing. */
static void put(const struct shmim_segment *s, uint64_t to,
                const uint8_t *from, uint64_t bytes) {
  uint64_t i = 0;
  for (; i < bytes && (to + i) % 8 != 0; i++) {
    atomic_store_explicit(cell8(s, to + i), from[i], memory_order_relaxed);
  }
  for (; bytes - i >= 8; i += 8) {
    uint64_t value;
    memcpy(&value, from + i, 8);
    atomic_store_explicit(cell(s, to + i), value, memory_order_relaxed);
  }
  for (; i < bytes; i++) {
    atomic_store_explicit(cell8(s, to + i), from[i], memory_order_relaxed);
  }
}

static void get(const struct shmim_segment *s, uint64_t from, uint8_t *to,
                uint64_t bytes) {
  uint64_t i = 0;
  for (; i < bytes && (from + i) % 8 != 0; i++) {
    to[i] = atomic_load_explicit(cell8(s, from + i), memory_order_relaxed);
  }
  for (; bytes - i >= 8; i += 8) {
    const uint64_t value =
        atomic_load_explicit(cell(s, from + i), memory_order_relaxed);
    memcpy(to + i, &value, 8);
  }
  for (; i < bytes; i++) {
    to[i] = atomic_load_explicit(cell8(s, from + i), memory_order_relaxed);
  }
}

static int32_t usable(const struct shmim_segment *s, uint64_t sequence,
                      uint64_t limit, const void *records, uint64_t bytes) {
  if (!is_word(s, sequence) || limit > sequence ||
      (records == NULL && bytes > 0)) {
    return -ERANGE;
  }
  return sound(records, bytes, limit) ? 0 : -EBADMSG;
}

/*
 * Stores all records as one update: the word at `sequence` is odd meanwhile
 * and the next even number afterwards. One writer at a time. -EBADMSG: a
 * record lies beyond `limit` or is cut short; nothing is stored then.
 */
int32_t shmim_segment_apply(const struct shmim_segment *s, uint64_t sequence,
                            uint64_t limit, const void *records,
                            uint64_t bytes) {
  const int32_t rc = usable(s, sequence, limit, records, bytes);
  if (rc != 0) {
    return rc;
  }
  if (!s->writable) {
    return -EACCES;
  }
  const uint8_t *from = records;
  /* Odd already: the writer before us died in the middle. */
  const uint64_t odd =
      atomic_load_explicit(cell(s, sequence), memory_order_relaxed) | 1;
  atomic_store_explicit(cell(s, sequence), odd, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  for (uint64_t i = 0; i < bytes;) {
    uint64_t head[2];
    memcpy(head, from + i, HEAD);
    put(s, head[0], from + i + HEAD, head[1]);
    i += HEAD + ((head[1] + 7) & ~(uint64_t)7);
  }
  atomic_store_explicit(cell(s, sequence), odd + 1, memory_order_release);
  return 0;
}

/*
 * Fills in the bytes of records whose places are given, as they all were
 * while the word at `sequence` was `expected`. -EAGAIN: it was not, or is no
 * longer.
 */
int32_t shmim_segment_gather(const struct shmim_segment *s, uint64_t sequence,
                             uint64_t expected, uint64_t limit, void *records,
                             uint64_t bytes) {
  const int32_t rc = usable(s, sequence, limit, records, bytes);
  if (rc != 0) {
    return rc;
  }
  uint8_t *to = records;
  if (atomic_load_explicit(cell(s, sequence), memory_order_acquire) !=
      expected) {
    return -EAGAIN;
  }
  for (uint64_t i = 0; i < bytes;) {
    uint64_t head[2];
    memcpy(head, to + i, HEAD);
    get(s, head[0], to + i + HEAD, head[1]);
    i += HEAD + ((head[1] + 7) & ~(uint64_t)7);
  }
  atomic_thread_fence(memory_order_acquire);
  return atomic_load_explicit(cell(s, sequence), memory_order_relaxed) ==
                 expected
             ? 0
             : -EAGAIN;
}

/* Adds to a word in one step, and wakes all who wait for it to change. */
int32_t shmim_segment_ring(const struct shmim_segment *s, uint64_t offset,
                           uint64_t add) {
  if (!is_word(s, offset)) {
    return -ERANGE;
  }
  if (!s->writable) {
    return -EACCES;
  }
  atomic_fetch_add(cell(s, offset), add);
  /* The low half: the first of the word's bytes on this machine. */
  syscall(SYS_futex, (uint32_t *)(uintptr_t)(s->base + offset), FUTEX_WAKE,
          INT_MAX, NULL, NULL, 0);
  return 0;
}

/*
 * Waits until a word's low half is another than that of `seen`, or the time
 * is up: -ETIMEDOUT. The caller looks at the word again in any case.
 */
int32_t shmim_segment_wait(const struct shmim_segment *s, uint64_t offset,
                           uint64_t seen, uint32_t timeout_ms) {
  if (!is_word(s, offset)) {
    return -ERANGE;
  }
  const struct timespec timeout = {
      .tv_sec = (time_t)(timeout_ms / 1000),
      .tv_nsec = (long)(timeout_ms % 1000) * 1000000};
  if (syscall(SYS_futex, (uint32_t *)(uintptr_t)(s->base + offset), FUTEX_WAIT,
              (uint32_t)seen, &timeout, NULL, 0) == 0) {
    return 0;
  }
  return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
