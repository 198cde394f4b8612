/*
 * drive MODE HZ FRAMES SKIP BLOCKS (SOURCE DESTINATION PIDS)...
 *
 * Writes frames into the sources, block by block, one side after the other
 * (A B B A A B B A …), and reports one line for each side. MODE paced: a
 * frame at every 1/HZ s; before each one the program looks whether the last
 * has come out at the destination, and notes when it was put there minus
 * the source's writetime. Nobody watches meanwhile, so that nothing is disturbed.
 * MODE closed: the next frame follows as soon as the last one posted
 * semaphore 0 of the destination. DESTINATION "-": only write.
 *
 * PIDS (comma-separated, or "-") are the processes of that side: their CPU
 * time is summed over its blocks. The first SKIP frames of each block do not
 * count for latencies.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "isio.h"

#define SIDES 2
#define PIDS 4
#define LOST_NS 2000000000
/* In a closed loop a frame that does not come for so long is an error. */
#define PATIENCE_S 10

struct side {
  struct isio from, to;
  bool bridge;
  clockid_t clocks[PIDS];
  int pids;
  uint64_t sequence;
  uint32_t *ns;
  uint64_t count;
  int64_t cpu_ns;
  int64_t elapsed_ns;
};

static void parse_pids(struct side *s, char *text) {
  if (strcmp(text, "-") == 0) {
    return;
  }
  for (char *p = strtok(text, ","); p != NULL && s->pids < PIDS;
       p = strtok(NULL, ",")) {
    if (clock_getcpuclockid((pid_t)number(p), &s->clocks[s->pids++]) != 0) {
      die("clock_getcpuclockid");
    }
  }
}

static int64_t cpu_ns(const struct side *s) {
  int64_t sum = 0;
  for (int i = 0; i < s->pids; i++) {
    struct timespec t;
    if (clock_gettime(s->clocks[i], &t) == 0) {
      sum += ns_of(&t);
    }
  }
  return sum;
}

/* A frame with its number in its pixels. */
static int64_t put(struct side *s) {
  s->sequence++;
  isio_begin(&s->from);
  /* A camera fills the whole frame. */
  memset(s->from.pixels, (int)s->sequence, s->from.md->data_bytes);
  memcpy(s->from.pixels, &s->sequence, 8);
  isio_publish(&s->from);
  return ns_of(&s->from.md->writetime);
}

static uint64_t arrived(const struct side *s, int64_t *when) {
  uint64_t sequence;
  if (s->to.md->write != 0) {
    return 0;
  }
  memcpy(&sequence, s->to.pixels, 8);
  *when = isio_stamp(&s->to);
  return sequence;
}

/* Notes the latency of what is at the destination now. */
static void look(struct side *s, const int64_t *stamps, uint64_t first,
                 uint64_t frames, uint32_t *ns) {
  int64_t when = 0;
  const uint64_t sequence = arrived(s, &when);
  if (sequence >= first && sequence < first + frames) {
    const int64_t took = when - stamps[sequence - first];
    if (ns[sequence - first] == UNSEEN && took < LOST_NS) {
      ns[sequence - first] = (uint32_t)took;
    }
  }
}

static void paced(struct side *s, int64_t period, uint64_t frames,
                  int64_t *stamps, uint32_t *ns) {
  const uint64_t first = s->sequence + 1;
  int64_t next = monotonic_ns() + 20000000;
  for (uint64_t i = 0; i < frames; i++, next += period) {
    sleep_until(next);
    if (s->bridge && i > 0) {
      look(s, stamps, first, i, ns);
    }
    stamps[i] = put(s);
  }
  sleep_until(next + 20000000);
  if (s->bridge) {
    look(s, stamps, first, frames, ns);
  }
}

static void await_arrival(struct side *s) {
  int64_t when;
  while (arrived(s, &when) != s->sequence) {
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    if (sem_timedwait(&s->to.sems[0], &deadline) != 0) {
      die("a frame did not arrive");
    }
  }
}

static void closed(struct side *s, uint64_t frames, uint32_t *ns) {
  for (uint64_t i = 0; i < frames; i++) {
    const int64_t stamp = put(s);
    await_arrival(s);
    ns[i] = (uint32_t)(isio_stamp(&s->to) - stamp);
  }
}

static void open_side(struct side *s, char **argv, uint64_t frames) {
  s->from = isio_open(argv[0]);
  s->bridge = strcmp(argv[1], "-") != 0;
  if (s->bridge) {
    s->to = isio_open(argv[1]);
    while (sem_trywait(&s->to.sems[0]) == 0) {
    }
  }
  parse_pids(s, argv[2]);
  s->ns = calloc(frames, sizeof *s->ns);
  if (s->ns == NULL) {
    die("calloc");
  }
  /* Continues the numbers that are in the stream. */
  memcpy(&s->sequence, s->from.pixels, 8);
}

int main(int argc, char **argv) {
  struct side sides[SIDES] = {0};
  const int count = (argc - 6) / 3;
  if (argc < 9 || (argc - 6) % 3 != 0 || count > SIDES) {
    fprintf(stderr, "usage: drive paced|closed HZ FRAMES SKIP BLOCKS "
                    "(SOURCE DESTINATION PIDS)...\n");
    return 2;
  }
  const bool pace = strcmp(argv[1], "paced") == 0;
  const int64_t period = 1000000000 / number(argv[2]);
  const uint64_t frames = (uint64_t)number(argv[3]);
  const uint64_t skip = (uint64_t)number(argv[4]);
  const int64_t blocks = number(argv[5]);
  int64_t *stamps = calloc(frames, sizeof *stamps);
  uint32_t *ns = calloc(frames, sizeof *ns);
  if (stamps == NULL || ns == NULL) {
    die("calloc");
  }
  for (int i = 0; i < count; i++) {
    open_side(&sides[i], argv + 6 + 3 * i, frames * (uint64_t)blocks);
  }
  for (int64_t b = 0; b < blocks * count; b++) {
    struct side *s = &sides[count == 2 ? (b ^ (b >> 1)) & 1 : 0];
    memset(ns, 0xff, frames * sizeof *ns);
    const int64_t cpu = cpu_ns(s);
    const int64_t started = monotonic_ns();
    if (pace) {
      paced(s, period, frames, stamps, ns);
    } else {
      closed(s, frames, ns);
    }
    s->elapsed_ns += monotonic_ns() - started;
    s->cpu_ns += cpu_ns(s) - cpu;
    memcpy(s->ns + s->count, ns + skip, (frames - skip) * sizeof *ns);
    s->count += frames - skip;
  }
  for (int i = 0; i < count; i++) {
    char more[128];
    const uint64_t all = frames * (uint64_t)blocks;
    snprintf(more, sizeof more, "\"cpu\":%lld,\"elapsed\":%lld,",
             (long long)(sides[i].cpu_ns / (int64_t)all),
             (long long)(sides[i].elapsed_ns / (int64_t)all));
    report(more, sides[i].ns, sides[i].count);
  }
  return 0;
}
