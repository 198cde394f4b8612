/*
 * spacing STREAM PERIOD_NS FRAMES SKIP: watches the counter without a pause
 * and reports by how much the times between frames, by their writetimes, differ
 * from the period: an observer that is held up disturbs nothing.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "isio.h"

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: spacing STREAM PERIOD_NS FRAMES SKIP\n");
    return 2;
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* never outlives the bench */
  struct isio s = isio_open(argv[1]);
  const int64_t period = number(argv[2]);
  const int64_t frames = number(argv[3]);
  const int64_t skip = number(argv[4]);
  uint32_t *ns = calloc((size_t)frames, sizeof *ns);
  if (ns == NULL) {
    die("malloc");
  }
  uint64_t last = s.md->cnt0;
  int64_t before = 0;
  for (int64_t i = -1; i < frames; i++) {
    uint64_t now;
    while ((now = s.md->cnt0) == last) {
      __asm__ volatile("" ::: "memory");
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    int64_t seen;
    do {
      now = s.md->cnt0;
      seen = ns_of(&s.md->writetime);
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (s.md->write != 0 || s.md->cnt0 != now);
    if (i >= 0) {
      const int64_t off = seen - before - (int64_t)(now - last) * period;
      ns[i] = (uint32_t)(off < 0 ? -off : off);
    }
    last = now;
    before = seen;
  }
  report("", ns + skip, (uint64_t)(frames - skip));
  return 0;
}
