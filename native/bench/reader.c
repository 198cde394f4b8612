/*
 * reader STREAM semaphore|spin FRAMES SKIP: waits for frames, copies each
 * with the check for a torn one, and reports how long after their writetime
 * the copies were complete. Ends after FRAMES; the first SKIP do not count.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "isio.h"

#define SEMAPHORE 0

static void await_post(struct isio *s) {
  struct timespec deadline;
  do {
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 2;
  } while (sem_timedwait(&s->sems[SEMAPHORE], &deadline) != 0);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: reader STREAM semaphore|spin FRAMES SKIP\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the bench */
  struct isio s = isio_open(argv[1]);
  const bool spin = strcmp(argv[2], "spin") == 0;
  const int64_t frames = number(argv[3]);
  const int64_t skip = number(argv[4]);
  uint8_t *into = malloc(s.md->data_bytes);
  uint32_t *ns = calloc((size_t)frames, sizeof *ns);
  if (into == NULL || ns == NULL) {
    die("malloc");
  }
  memset(into, 1, s.md->data_bytes);
  while (sem_trywait(&s.sems[SEMAPHORE]) == 0) {
  }
  puts("ready");
  fflush(stdout);
  uint64_t last = s.md->cnt0;
  for (int64_t i = 0; i < frames; i++) {
    if (spin) {
      while (s.md->cnt0 == last) {
        __asm__ volatile("" ::: "memory");
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
      last = s.md->cnt0;
    } else {
      await_post(&s);
    }
    isio_read(&s, into);
    ns[i] = (uint32_t)(tai_ns() - ns_of(&s.md->writetime));
  }
  report("", ns + skip, (uint64_t)(frames - skip));
  return 0;
}
