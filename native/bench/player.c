/*
 * player STREAM HZ PRIORITY: publishes frames out of a ring in memory at an exact
 * rate, until it is killed: sleeps until shortly before each, then spins.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "isio.h"

#define FRAMES 64
#define SPIN_NS 100000

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: player STREAM HZ PRIORITY\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the bench */
  const struct sched_param p = {.sched_priority = (int)number(argv[3])};
  sched_setscheduler(0, SCHED_FIFO, &p); /* or without */
  struct isio s = isio_open(argv[1]);
  const int64_t period = 1000000000 / number(argv[2]);
  const size_t bytes = s.md->data_bytes;
  uint8_t *ring = malloc(FRAMES * bytes);
  if (ring == NULL) {
    die("malloc");
  }
  for (int i = 0; i < FRAMES; i++) {
    memset(ring + (size_t)i * bytes, i, bytes);
  }
  int64_t due = monotonic_ns() + period;
  for (uint64_t n = 0;; n++, due += period) {
    sleep_until(due - SPIN_NS);
    while (monotonic_ns() < due) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    isio_begin(&s);
    memcpy(s.pixels, ring + (n % FRAMES) * bytes, bytes);
    isio_publish(&s);
  }
}
