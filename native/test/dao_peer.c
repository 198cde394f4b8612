/*
 * A plain program that uses DAO's shared memory as its format document says,
 * with the C library alone: semaphores by sem_open(), offsets as numbers. It
 * knows nothing of shmim; the tests put it at the other end.
 *
 *   dao_peer create PATH TYPE DEPTH SIZE0 SIZE1 SIZE2 KEYWORDS
 *   dao_peer write PATH COUNT FIRST US   frames of FIRST, FIRST + 1, … at all
 *                                        pixels, in the original's order
 *   dao_peer packets PATH FRAME VALUE    one frame in two packets, finalised
 *   dao_peer read PATH                   counter and first, last pixel
 *   dao_peer wait PATH N COUNT           after COUNT waits on semaphore N
 *   dao_peer spin PATH COUNT             after COUNT changes of the counter
 *   dao_peer semaphores PATH             their values, the log's last
 *
 * What it prints is one line a frame: "counter first last ns".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RECORD 4304u
#define KEYWORD 120u
#define SEMS 10

static uint8_t *map;
static uint64_t length;
static sem_t *sems[SEMS];
static sem_t *semlog;

static void fail(const char *what) {
  fprintf(stderr, "dao_peer: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t get(uint64_t at, int bytes) {
  uint64_t value = 0;
  memcpy(&value, map + at, (size_t)bytes);
  return value;
}

static void put(uint64_t at, uint64_t value, int bytes) {
  memcpy(map + at, &value, (size_t)bytes);
}

static void base_of(const char *path, char *out) {
  const char *name = strrchr(path, '/');
  name = name == NULL ? path : name + 1;
  while (*name == '.') {
    name++;
  }
  snprintf(out, 200, "%.*s", (int)strcspn(name, "."), name);
}

static void open_semaphores(const char *path, int create) {
  char base[200];
  char name[256];
  base_of(path, base);
  for (int i = 0; i <= SEMS; i++) {
    if (i < SEMS) {
      snprintf(name, sizeof name, "/%s_sem%02d", base, i);
    } else {
      snprintf(name, sizeof name, "/%s_semlog", base);
    }
    sem_t *s = create ? sem_open(name, O_CREAT, 0644, 0) : sem_open(name, 0);
    if (s == SEM_FAILED) {
      fail(name);
    }
    if (i < SEMS) {
      sems[i] = s;
    } else {
      semlog = s;
    }
  }
}

static void attach(const char *path) {
  struct stat st;
  const int fd = open(path, O_RDWR);
  if (fd < 0 || fstat(fd, &st) != 0) {
    fail(path);
  }
  length = (uint64_t)st.st_size;
  map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED) {
    fail("mmap");
  }
  close(fd);
}

static uint64_t element_bytes(void) {
  static const uint8_t bytes[] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16};
  return bytes[get(104, 1)];
}

static uint64_t segment(uint64_t k) {
  return get(4296, 4) * RECORD + k * get(96, 8) * element_bytes();
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void create(char **a) {
  const uint64_t depth = strtoull(a[2], NULL, 10);
  const uint64_t nkw = strtoull(a[6], NULL, 10);
  uint64_t elements = 1;
  int naxis = 0;
  for (int i = 0; i < 3; i++) {
    const uint64_t n = strtoull(a[3 + i], NULL, 10);
    if (n > 0) {
      elements *= n;
      naxis++;
    }
  }
  static const uint8_t bytes[] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 4, 8, 8, 16};
  const uint64_t type = strtoull(a[1], NULL, 10);
  const uint64_t size =
      depth * (RECORD + elements * bytes[type]) + nkw * KEYWORD;
  open_semaphores(a[0], 1);
  const int fd = open(a[0], O_CREAT | O_RDWR | O_TRUNC, 0600);
  if (fd < 0 || lseek(fd, (off_t)size - 1, SEEK_SET) < 0 ||
      write(fd, "", 1) != 1) {
    fail(a[0]);
  }
  close(fd);
  attach(a[0]);
  const double seconds = (double)now_ns() / 1e9;
  for (uint64_t k = 0; k < depth; k++) {
    const uint64_t r = k * RECORD;
    snprintf((char *)map + r, 80, "%s", a[0]);
    put(r + 80, (uint64_t)naxis, 1);
    for (int i = 0; i < 3; i++) {
      put(r + 84 + 4 * (uint64_t)i, strtoull(a[3 + i], NULL, 10), 4);
    }
    put(r + 96, elements, 8);
    put(r + 104, type, 1);
    memcpy(map + r + 112, &seconds, 8);
    memcpy(map + r + 120, &seconds, 8);
    put(r + 144, 1, 1);
    put(r + 178, nkw, 2);
  }
  put(148, SEMS, 2);
  put(4296, depth, 4);
  put(4300, depth - 1, 4);
  for (uint64_t i = 0; i < nkw; i++) {
    uint8_t *k = map + size - (nkw - i) * KEYWORD;
    const int64_t value = -40 - (int64_t)i;
    snprintf((char *)k, 16, "KEY%d", (int)i);
    k[16] = 'L';
    memcpy(k + 24, &value, 8);
    snprintf((char *)k + 40, 80, "comment %d", (int)i);
  }
}

static void fill(uint64_t at, uint64_t value, uint64_t n) {
  const uint64_t es = element_bytes();
  const uint64_t type = get(104, 1);
  for (uint64_t i = 0; i < n; i++) {
    const float f[4] = {(float)value, (float)value, 0, 0};
    const double d[2] = {(double)value, (double)value};
    const void *from = type == 9 || type == 11    ? (const void *)f
                       : type == 10 || type == 12 ? (const void *)d
                                                  : (const void *)&value;
    memcpy(map + at + i * es, from, es);
  }
}

static void post(sem_t *s) {
  int value = 0;
  sem_getvalue(s, &value);
  if (value < 1) {
    sem_post(s);
  }
}

/* Steps 3 to 5 of a write, after the flag went down. */
static void finish(uint64_t i) {
  const uint64_t depth = get(4296, 4);
  const uint64_t previous = (i + depth - 1) % depth;
  put(4300, i, 4);
  put(i * RECORD + 136, (uint64_t)now_ns(), 8);
  const uint64_t counter = get(previous * RECORD + 152, 8) + 1;
  put(i * RECORD + 152, counter, 8);
  for (int k = 0; k < SEMS; k++) {
    post(sems[k]);
  }
  post(semlog);
}

static void write_frame(uint64_t value) {
  const uint64_t depth = get(4296, 4);
  const uint64_t i = (get(4300, 4) + 1) % depth;
  put(i * RECORD + 176, 1, 1);
  fill(segment(i), value, get(96, 8));
  put(i * RECORD + 176, 0, 1);
  finish(i);
}

static void packets(uint64_t frame, uint64_t value) {
  const uint64_t i = (get(4300, 4) + 1) % get(4296, 4);
  const uint64_t r = i * RECORD;
  const uint64_t half = get(96, 8) / 2;
  for (uint64_t p = 0; p < 2; p++) {
    put(r + 176, 1, 1);
    fill(segment(i) + p * half * element_bytes(), value + p, half);
    put(r + 180, p * half, 4);
    put(r + 184, half, 4);
    put(r + 188, p, 4);
    put(r + 192, 2, 4);
    put(r + 200 + 8 * p, frame, 8);
    put(r + 176, 0, 1);
  }
  finish(i);
}

static double pixel(uint64_t at) {
  const uint64_t type = get(104, 1);
  float f;
  double d;
  memcpy(&f, map + at, 4);
  memcpy(&d, map + at, 8);
  if (type == 9 || type == 11) {
    return f;
  }
  if (type == 10 || type == 12) {
    return d;
  }
  return (double)get(at, (int)element_bytes());
}

static uint64_t counter_now(void) {
  return get(get(4300, 4) * RECORD + 152, 8);
}

static void print_frame(void) {
  const uint64_t i = get(4300, 4);
  const uint64_t n = get(96, 8);
  printf("%llu %.0f %.0f %lld\n", (unsigned long long)counter_now(),
         pixel(segment(i)), pixel(segment(i) + (n - 1) * element_bytes()),
         (long long)get(i * RECORD + 136, 8));
  fflush(stdout);
}

int main(int argc, char **argv) {
  if (argc < 3) {
    return 2;
  }
  const char *what = argv[1];
  char **a = argv + 2;
  if (strcmp(what, "create") == 0 && argc == 9) {
    create(a);
    return 0;
  }
  attach(a[0]);
  open_semaphores(a[0], 0);
  if (strcmp(what, "write") == 0 && argc == 6) {
    const uint64_t first = strtoull(a[2], NULL, 10);
    for (uint64_t k = 0; k < strtoull(a[1], NULL, 10); k++) {
      write_frame(first + k);
      usleep((useconds_t)strtoul(a[3], NULL, 10));
    }
  } else if (strcmp(what, "packets") == 0 && argc == 5) {
    packets(strtoull(a[1], NULL, 10), strtoull(a[2], NULL, 10));
  } else if (strcmp(what, "read") == 0) {
    print_frame();
  } else if (strcmp(what, "wait") == 0 && argc == 5) {
    sem_t *s = sems[strtoul(a[1], NULL, 10)];
    while (sem_trywait(s) == 0) {
    }
    puts("ready");
    fflush(stdout);
    for (uint64_t k = 0; k < strtoull(a[2], NULL, 10); k++) {
      sem_wait(s);
      print_frame();
    }
  } else if (strcmp(what, "spin") == 0 && argc == 4) {
    uint64_t last = counter_now();
    puts("ready");
    fflush(stdout);
    for (uint64_t k = 0; k < strtoull(a[1], NULL, 10); k++) {
      while (counter_now() == last) {
        const struct timespec none = {0, 0};
        nanosleep(&none, NULL);
      }
      last = counter_now();
      print_frame();
    }
  } else if (strcmp(what, "semaphores") == 0) {
    for (int i = 0; i <= SEMS; i++) {
      int value = -1;
      sem_getvalue(i < SEMS ? sems[i] : semlog, &value);
      printf("%d ", value);
    }
    puts("");
  } else {
    return 2;
  }
  return 0;
}
