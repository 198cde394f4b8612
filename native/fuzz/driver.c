/*
 * Drives a fuzz target without libFuzzer: replays files, then feeds what a
 * seeded generator makes of earlier inputs. There is no coverage to guide
 * it. Usage: target -max_total_time=SECONDS -seed=N [FILE...]
 *
 * A failing input is written to crash-SEED, by the sanitizers' last act.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sanitizer/common_interface_defs.h>

#include "common.h"

#define POOL 256
#define LONGEST 4096

static uint8_t pool[POOL][LONGEST];
static size_t lengths[POOL];
static uint8_t current[1 << 16];
static size_t current_length;
static unsigned long seed = 1;
static unsigned long runs;

static void on_death(void) {
  char name[64];
  snprintf(name, sizeof name, "crash-%lu", seed);
  FILE *f = fopen(name, "wb");
  if (f != NULL) {
    fwrite(current, 1, current_length, f);
    fclose(f);
  }
  fprintf(stderr, "failed after %lu runs, seed %lu: %s\n", runs, seed, name);
}

static uint64_t state;

static uint64_t next_number(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void change(uint8_t *bytes, size_t *length) {
  const size_t at = *length > 0 ? next_number() % *length : 0;
  switch (next_number() % 6) {
  case 0:
    *length = next_number() % LONGEST;
    for (size_t i = 0; i < *length; i++) {
      bytes[i] = (uint8_t)next_number();
    }
    break;
  case 1:
    *length = at;
    break;
  case 2:
    memset(bytes + at, next_number() & 1 ? 0xff : 0,
           (*length - at) % 9);
    break;
  case 3: {
    const size_t other = next_number() % POOL;
    const size_t n = lengths[other] < LONGEST - at ? lengths[other]
                                                   : LONGEST - at;
    memmove(bytes + at, pool[other], n);
    *length = at + n > *length ? at + n : *length;
    break;
  }
  default:
    for (uint64_t n = 1 + next_number() % 16; n > 0 && *length > 0; n--) {
      bytes[next_number() % *length] = (uint8_t)next_number();
    }
    break;
  }
}

static void feed(void) {
  alarm(30);
  LLVMFuzzerTestOneInput(current, current_length);
  runs++;
}

static bool replay(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) {
    return false;
  }
  current_length = fread(current, 1, sizeof current, f);
  fclose(f);
  feed();
  return true;
}

int main(int argc, char **argv) {
  long seconds = 10;
  __sanitizer_set_death_callback(on_death);
  for (int i = 1; i < argc; i++) {
    if (sscanf(argv[i], "-max_total_time=%ld", &seconds) == 1 ||
        sscanf(argv[i], "-seed=%lu", &seed) == 1 || argv[i][0] == '-') {
      continue;
    }
    if (!replay(argv[i])) {
      fprintf(stderr, "cannot read %s\n", argv[i]);
      return 1;
    }
  }
  state = seed * 0x9e3779b97f4a7c15ull + 1;
  const time_t end = time(NULL) + seconds;
  while (time(NULL) < end) {
    const size_t slot = next_number() % POOL;
    change(pool[slot], &lengths[slot]);
    current_length = lengths[slot];
    memcpy(current, pool[slot], current_length);
    feed();
  }
  printf("Done %lu runs in %ld second(s)\n", runs, seconds);
  return 0;
}
