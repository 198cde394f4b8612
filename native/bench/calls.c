/*
 * calls STREAM write|read ROUNDS FRAMES: what one call costs: publishing a
 * frame with all its posts, or copying one with the check for a torn one.
 * Reports ns per call, one value for each round of FRAMES calls.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isio.h"

static void write_frame(struct isio *s, const uint8_t *from) {
  isio_begin(s);
  memcpy(s->pixels, from, s->md->data_bytes);
  isio_publish(s);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: calls STREAM write|read ROUNDS FRAMES\n");
    return 2;
  }
  struct isio s = isio_open(argv[1]);
  const bool write = strcmp(argv[2], "write") == 0;
  const int64_t rounds = number(argv[3]);
  const int64_t frames = number(argv[4]);
  uint8_t *pixels = malloc(s.md->data_bytes);
  uint32_t *ns = calloc((size_t)rounds, sizeof *ns);
  if (pixels == NULL || ns == NULL) {
    die("malloc");
  }
  memset(pixels, 1, s.md->data_bytes);
  for (int64_t r = 0; r < rounds; r++) {
    const int64_t started = monotonic_ns();
    for (int64_t i = 0; i < frames; i++) {
      if (write) {
        write_frame(&s, pixels);
      } else {
        isio_read(&s, pixels);
        __asm__ volatile("" : : "r"(pixels) : "memory");
      }
    }
    ns[r] = (uint32_t)((monotonic_ns() - started) / frames);
  }
  report("", ns, (uint64_t)rounds);
  return 0;
}
