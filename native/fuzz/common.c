#define _GNU_SOURCE
#include "common.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

uint64_t take(struct input *in, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes && in->left > 0; i++) {
    value |= (uint64_t)*in->at << (8 * i);
    in->at++;
    in->left--;
  }
  return value;
}

uint64_t take_edge(struct input *in) {
  static const uint64_t EDGES[] = {
      0,          1,           2,           3,
      7,          8,           127,         128,
      255,        256,         4095,        4096,
      65535,      65536,       0x7fffffff,  0x80000000,
      0xffffffff, 1ull << 32,  1ull << 53,  INT64_MAX,
      1ull << 63, UINT64_MAX,  UINT64_MAX - 1,
      UINT64_MAX - 4095,
  };
  const uint64_t kind = take(in, 1);
  const size_t count = sizeof EDGES / sizeof EDGES[0];
  if (kind < count) {
    return EDGES[kind];
  }
  return take(in, kind < 128 ? 2 : 8);
}

static struct shmim_stream table(uint64_t choice) {
  const uint64_t slices = choice & 1 ? SLICES : 1;
  const bool arrays = (choice & 2) != 0 && slices > 1;
  return (struct shmim_stream){
      .cnt0 = 0,
      .cnt1 = 8,
      .cnt2 = 16,
      .write_flag = 24,
      .atime = 32,
      .writetime = 48,
      .ring_index = 64,
      .ring_cycle = 72,
      .keyword_record = 128,
      .sems = 128,
      .sem_stride = 32,
      .sem_count = choice & 4 ? SEMS : choice & 8 ? 1 : 0,
      .sem_max = 10,
      .log_sem = choice & 16 ? 256 : 0,
      .reader_pids = 288,
      .writer_pids = 304,
      .trace = 320,
      .trace_count = choice & 32 ? 2 : 0,
      .slice_atimes = arrays ? 448 : 0,
      .slice_writetimes = arrays ? 496 : 0,
      .slice_counters = arrays ? 544 : 0,
      .keywords = 640,
      .keyword_bytes = choice & 64 ? KEYWORDS * 128 : 0,
      .data = HEADER_BYTES,
      .data_bytes = DATA_BYTES,
      .slice_bytes = DATA_BYTES / slices,
      .slices = slices,
      .ring_slots = choice & 128 ? RING : 0,
      .ring_data = HEADER_BYTES + DATA_BYTES,
      .clock = CLOCK_TAI,
      .own_counter = ~0ull,
  };
}

static int file = -1;
static uint8_t image[LENGTH];

void resize_stream(uint64_t bytes) {
  REQUIRE(ftruncate(file, (off_t)bytes) == 0);
}

/* Pages that must not be touched, where their addresses were free. */
static void *fences[2];

static void *fence(uint64_t address) {
  void *page = mmap((void *)(uintptr_t)address, 4096, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  return page == MAP_FAILED ? NULL : page;
}

bool open_stream(struct shmim_stream *s, struct input *in, bool writable) {
  if (file < 0) {
    file = memfd_create("shmim_fuzz", MFD_CLOEXEC);
    REQUIRE(file >= 0);
  }
  resize_stream(LENGTH);
  const struct shmim_stream wanted = table(take(in, 1));
  /* A table may be wrong in a few members: the check must see it. */
  uint64_t words[sizeof wanted / 8];
  memcpy(words, &wanted, sizeof wanted);
  const uint64_t wrong = take(in, 1);
  for (uint64_t i = 0; wrong >= 250 && i < wrong - 249; i++) {
    const uint64_t first = offsetof(struct shmim_stream, cnt0) / 8;
    const uint64_t last = offsetof(struct shmim_stream, ring_data) / 8;
    words[first + take(in, 1) % (last - first + 1)] = take_edge(in);
  }
  memset(image, 0, sizeof image);
  /* Half of the header at a place of its own, so that small inputs reach
   * counters, semaphores and pids alike. */
  const uint64_t from = take(in, 2) % HEADER_BYTES;
  const size_t room = LENGTH - from;
  const size_t half = in->left / 2;
  const size_t n = half < room ? half : room;
  memcpy(image + from, in->at, n);
  in->at += n;
  in->left -= n;
  REQUIRE(pwrite(file, image, LENGTH, 0) == LENGTH);

  struct shmim_stream mapped = {0};
  REQUIRE(shmim_map(&mapped, file, LENGTH, writable) == 0);
  memcpy(s, words, sizeof *s);
  s->base = mapped.base;
  s->length = mapped.length;
  s->guard = mapped.guard;
  s->writable = mapped.writable;
  s->pid = mapped.pid;
  s->sem_base = mapped.sem_base;
  fences[0] = fence(s->base - 4096);
  fences[1] = fence(s->base + LENGTH);
  if (shmim_stream_check(s) != 0) {
    close_stream(s);
    return false;
  }
  return true;
}

void close_stream(struct shmim_stream *s) {
  for (int i = 0; i < 2; i++) {
    if (fences[i] != NULL) {
      munmap(fences[i], 4096);
      fences[i] = NULL;
    }
  }
  shmim_unmap(s);
}

/* Through the file, as another program would: the mapping may be read-only. */
static void poke(uint64_t offset, uint64_t value, size_t bytes) {
  REQUIRE(pwrite(file, &value, bytes, (off_t)offset) == (ssize_t)bytes);
}

void disturb(const struct shmim_stream *s, struct input *in) {
  const uint64_t value = take_edge(in);
  switch (take(in, 1) % 8) {
  case 0:
  case 1:
    poke(s->cnt0, shmim_frame_counter(s) + 1, 8);
    break;
  case 2:
    poke(s->cnt0, value, 8);
    break;
  case 3:
    poke(s->cnt1, value, 8);
    break;
  case 4:
    poke(s->write_flag, value & 1, 1);
    break;
  case 5:
    poke(s->ring_slots != 0 ? s->ring_index : s->cnt2, value, 4);
    break;
  case 6:
    poke(s->ring_slots != 0 ? s->ring_cycle : s->cnt2, value, 8);
    break;
  default: /* the value only */
    poke(s->sem_count != 0 ? s->sems : s->cnt2, value, 4);
    break;
  }
}
