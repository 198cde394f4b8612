/* ImageStreamIO in plain C, clocks and percentiles: see isio.h. */
#define _GNU_SOURCE
#include "isio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

void die(const char *what) {
  perror(what);
  exit(1);
}

int64_t ns_of(const struct timespec *t) {
  return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int64_t tai_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_TAI, &t);
  return ns_of(&t);
}

int64_t monotonic_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return ns_of(&t);
}

void sleep_until(int64_t ns) {
  const struct timespec t = {.tv_sec = ns / 1000000000,
                             .tv_nsec = ns % 1000000000};
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) {
  }
}

int64_t number(const char *text) {
  char *end;
  const long long value = strtoll(text, &end, 10);
  if (end == text || *end != '\0') {
    errno = EINVAL;
    die(text);
  }
  return value;
}

static uint64_t r8(uint64_t bytes) { return (bytes + 7) / 8 * 8; }

struct isio isio_open(const char *path) {
  struct isio s = {.pid = (int32_t)getpid()};
  struct stat st;
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) != 0) {
    die(path);
  }
  uint8_t *base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
                       MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) {
    die(path);
  }
  close(fd);
  s.md = (struct isio_metadata *)base;
  if (strcmp(s.md->version, "2.00") != 0) {
    errno = EPROTO;
    die(path);
  }
  s.keyword_bytes = (uint64_t)ISIO_KEYWORD * s.md->keywords;
  s.pixels = base + sizeof *s.md;
  s.keywords = s.pixels + r8(s.md->data_bytes);
  s.sems = (sem_t *)(s.keywords + s.keyword_bytes);
  s.writer_pids = (int32_t *)((uint8_t *)(s.sems + s.md->sem + 1) +
                              r8(4 * (uint64_t)s.md->sem));
  s.ring = base + st.st_size - r8(s.md->ring_slots * s.md->data_bytes);
  /* Behind control and status words. */
  s.trace = (uint8_t *)s.writer_pids + 3 * r8(4 * (uint64_t)s.md->sem);
  return s;
}

int64_t isio_stamp(const struct isio *s) {
  struct timespec updated;
  const int64_t written = ns_of(&s->md->writetime);
  memcpy(&updated, s->trace + 32, sizeof updated);
  const int64_t traced = s->md->traces > 0 ? ns_of(&updated) : 0;
  return traced > written ? traced : written;
}

void isio_begin(struct isio *s) { s->md->write = 1; }

static bool post(sem_t *sem) {
  int value = 0;
  sem_getvalue(sem, &value);
  return value < ISIO_SEM_MAX && sem_post(sem) == 0;
}

static void fill_ring(struct isio *s) {
  uint32_t slot = s->md->ring_index + 1;
  const bool wrapped = slot >= s->md->ring_slots;
  slot = wrapped ? 0 : slot;
  memcpy(s->ring + slot * s->md->data_bytes, s->pixels, s->md->data_bytes);
  s->md->ring_cycle += wrapped;
  s->md->ring_index = slot;
}

void isio_publish(struct isio *s) {
  if (s->md->ring_slots > 0) {
    fill_ring(s);
  }
  struct timespec now;
  clock_gettime(CLOCK_TAI, &now);
  s->md->writetime = now;
  s->md->atime = now;
  s->md->cnt0++;
  s->md->write = 0;
  for (int i = 0; i < s->md->sem; i++) {
    if (post(&s->sems[i])) {
      s->writer_pids[i] = s->pid;
    }
  }
  post(&s->sems[s->md->sem]);
}

static int ascending(const void *a, const void *b) {
  const uint32_t x = *(const uint32_t *)a;
  const uint32_t y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

void report(const char *more, uint32_t *ns, uint64_t count) {
  qsort(ns, count, sizeof *ns, ascending);
  uint64_t unseen = 0;
  while (unseen < count && ns[count - 1 - unseen] == UNSEEN) {
    unseen++;
  }
  const uint64_t last = count > 0 ? count - 1 : 0;
  printf("{%s\"count\":%llu,\"unseen\":%llu", more,
         (unsigned long long)count, (unsigned long long)unseen);
  if (count > 0) {
    printf(",\"min\":%u,\"p50\":%u,\"p99\":%u,\"max\":%u", ns[0],
           ns[count / 2], ns[last * 99 / 100],
           unseen < count ? ns[last - unseen] : UNSEEN);
  }
  printf("}\n");
  fflush(stdout);
}
