/*
 * many HZ FRAMES (SOURCE DESTINATION)...: writes a frame into every source at
 * every 1/HZ s, and before the next one notes how long the last one took to
 * its destination. Reports percentiles of all streams together; `unseen` are
 * frames whose number never came out, looked at again after the last one.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isio.h"

#define STREAMS 32

struct pair {
  struct isio from, to;
  uint64_t before;          /* counter of the destination */
};

static void put(struct isio *s, uint64_t number) {
  isio_begin(s);
  memset(s->pixels, (int)number, s->md->data_bytes);
  memcpy(s->pixels, &number, 8);
  isio_publish(s);
}

int main(int argc, char **argv) {
  struct pair pairs[STREAMS];
  const int count = (argc - 3) / 2;
  if (argc < 5 || (argc - 3) % 2 != 0 || count > STREAMS) {
    fprintf(stderr, "usage: many HZ FRAMES (SOURCE DESTINATION)...\n");
    return 2;
  }
  const int64_t period = 1000000000 / number(argv[1]);
  const uint64_t frames = (uint64_t)number(argv[2]);
  uint32_t *ns = malloc(frames * (uint64_t)count * sizeof *ns);
  if (ns == NULL) {
    die("malloc");
  }
  for (int i = 0; i < count; i++) {
    pairs[i].from = isio_open(argv[3 + 2 * i]);
    pairs[i].to = isio_open(argv[4 + 2 * i]);
    pairs[i].before = pairs[i].to.md->cnt0;
  }
  uint64_t seen = 0;
  int64_t next = monotonic_ns() + 20000000;
  for (uint64_t f = 1; f <= frames; f++, next += period) {
    sleep_until(next);
    /* A camera that comes late does not catch up. */
    const int64_t now = monotonic_ns();
    next = now - next > period / 4 ? now : next;
    for (int i = 0; i < count; i++) {
      struct pair *p = &pairs[i];
      uint64_t there;
      memcpy(&there, p->to.pixels, 8);
      if (f > 1 && there == f - 1 && p->to.md->write == 0) {
        ns[seen++] = (uint32_t)(isio_stamp(&p->to) -
                                ns_of(&p->from.md->writetime));
      }
    }
    for (int i = 0; i < count; i++) {
      put(&pairs[i].from, f);
    }
  }
  sleep_until(next + 200000000);
  uint64_t lost = 0;
  for (int i = 0; i < count; i++) {
    lost += frames - (pairs[i].to.md->cnt0 - pairs[i].before);
  }
  char more[64];
  snprintf(more, sizeof more, "\"lost\":%llu,", (unsigned long long)lost);
  report(more, ns, seen);
  return 0;
}
