/*
 * ImageStreamIO 2.00 in plain C, just enough for the programs that shmim is
 * measured against. Shares nothing with the helper: it stands for what a
 * careful C programmer writes.
 */
#ifndef BENCH_ISIO_H
#define BENCH_ISIO_H

#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

/* The 384 bytes at the start of the file. */
struct isio_metadata {
  char version[32];
  char name[80];
  uint8_t naxis;
  uint32_t size[3];
  uint64_t nelement;
  uint8_t datatype;
  uint64_t imagetype;
  struct timespec creationtime;
  struct timespec lastaccesstime;
  struct timespec atime;
  struct timespec writetime;
  int32_t creator;
  int32_t owner;
  uint8_t shared;
  uint64_t inode;
  int8_t location;
  uint8_t status;
  uint64_t flag;
  uint8_t logflag;
  uint16_t sem;
  uint16_t traces;
  volatile uint64_t cnt0;
  volatile uint64_t cnt1;
  uint64_t cnt2;
  volatile uint8_t write;
  uint16_t keywords;
  uint32_t ring_slots;
  uint32_t ring_index;
  uint64_t ring_cycle;
  uint64_t data_bytes;
  uint8_t gpu[64];
};
_Static_assert(sizeof(struct isio_metadata) == 384, "metadata");

#define ISIO_KEYWORD 128
#define ISIO_SEM_MAX 10

struct isio {
  struct isio_metadata *md;
  uint8_t *pixels;
  uint8_t *keywords;
  sem_t *sems;              /* md->sem of them, then the log semaphore */
  int32_t *writer_pids;
  const uint8_t *trace;     /* of the last writer */
  uint8_t *ring;            /* slots of the circular buffer, the last block */
  uint64_t keyword_bytes;
  int32_t pid;
};

/* Maps a stream or ends the program with a message. */
struct isio isio_open(const char *path);
/* When the last frame was put here, ns: by the process trace or the writetime,
 * whichever is later. A receiver that keeps its source's times tells it in the
 * trace only; one that leaves no trace may have had a predecessor that did. */
int64_t isio_stamp(const struct isio *s);
/* Raises the write flag: pixels change after this. */
void isio_begin(struct isio *s);
/* Circular buffer, times, counter, flag, posts: in milk's order. */
void isio_publish(struct isio *s);
/* Copies the frame that is there, again until no writer was at it meanwhile.
 * Inline: what is measured is the copy, not a call. */
static inline void isio_read(const struct isio *s, uint8_t *into) {
  uint64_t before;
  do {
    while (s->md->write != 0) {
    }
    before = s->md->cnt0;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    memcpy(into, s->pixels, s->md->data_bytes);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while (s->md->write != 0 || s->md->cnt0 != before);
}

/* The calling program's way out. */
void die(const char *what);
/* CLOCK_TAI, ns. */
int64_t tai_ns(void);
int64_t ns_of(const struct timespec *t);
/* Sleeps until a time of CLOCK_MONOTONIC. */
void sleep_until(int64_t ns);
int64_t monotonic_ns(void);
/* Whole number or the end of the program. */
int64_t number(const char *text);

/* Sorts the values and prints their percentiles as one line of JSON; the
 * members in `more` come first. */
void report(const char *more, uint32_t *ns, uint64_t count);
/* A value that was never seen. */
#define UNSEEN UINT32_MAX

#endif
