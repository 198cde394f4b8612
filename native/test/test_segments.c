/* System V segments: bounds, what the kernel says, records and updates. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

#define SEGMENT_BYTES 256

static struct shmim_segment segment_of(int32_t id, int32_t writable) {
  struct shmim_segment s = {0};
  CHECK(shmim_segment_attach(&s, id, writable) == 0);
  CHECK(s.length == SEGMENT_BYTES);
  return s;
}

static int32_t private_segment(void) {
  const int32_t id = shmim_segment_get(0, SEGMENT_BYTES, 0600,
                                       SHMIM_SEGMENT_NEW);
  CHECK(id >= 0);
  return id;
}

static void test_segment_bounds(void) {
  const int32_t id = private_segment();
  struct shmim_segment s = segment_of(id, 1);
  struct shmim_segment r = segment_of(id, 0);
  char bytes[SEGMENT_BYTES] = {1, 2, 3};
  uint64_t word = 0;
  CHECK(shmim_segment_store(&s, 0, bytes, sizeof bytes) == 0);
  CHECK(shmim_segment_store(&s, 1, bytes, sizeof bytes) == -ERANGE);
  CHECK(shmim_segment_store(&s, UINT64_MAX, bytes, 2) == -ERANGE);
  CHECK(shmim_segment_store(&s, 0, bytes, UINT64_MAX) == -ERANGE);
  CHECK(shmim_segment_store(&s, 0, NULL, 1) == -ERANGE);
  CHECK(shmim_segment_store(&s, SEGMENT_BYTES, NULL, 0) == 0);
  CHECK(shmim_segment_store(&r, 0, bytes, 1) == -EACCES);
  CHECK(shmim_segment_load(&r, 0, bytes, sizeof bytes) == 0);
  CHECK(bytes[2] == 3);
  CHECK(shmim_segment_load(&r, SEGMENT_BYTES, bytes, 1) == -ERANGE);
  CHECK(shmim_segment_word(&r, SEGMENT_BYTES - 8, &word) == 0);
  CHECK(shmim_segment_word(&r, SEGMENT_BYTES - 4, &word) == -ERANGE);
  CHECK(shmim_segment_word(&r, 4, &word) == -ERANGE);
  CHECK(shmim_segment_swap(&r, 0, 0, 1, &word) == -EACCES);
  CHECK(shmim_segment_swap(&s, 0, 0x030201, 9, &word) == 0);
  CHECK(word == 0x030201);
  CHECK(shmim_segment_swap(&s, 0, 0x030201, 7, &word) == 0 && word == 9);
  CHECK(shmim_segment_publish(&s, 0, 8, bytes, SEGMENT_BYTES) == -ERANGE);
  CHECK(shmim_segment_publish(&s, 0, 8, bytes, 7) == -ERANGE);
  CHECK(shmim_segment_publish(&s, 0, 8, NULL, 8) == -EINVAL);
  CHECK(shmim_segment_publish(&r, 0, 8, bytes, 8) == -EACCES);
  CHECK(shmim_segment_snapshot(&r, 0, 8, NULL, 8, 1) == -EINVAL);
  CHECK(shmim_segment_snapshot(&r, SEGMENT_BYTES, 8, bytes, 8, 1) == -ERANGE);
  CHECK(shmim_segment_attach(&s, id, 0) == -EINVAL); /* it is attached */
  CHECK(shmim_segment_remove(id) == 0);
  CHECK(shmim_segment_load(&r, 0, bytes, 1) == 0); /* lives on */
  CHECK(shmim_segment_detach(&s) == 0 && shmim_segment_detach(&s) == 0);
  CHECK(shmim_segment_detach(&r) == 0);
  CHECK(shmim_segment_load(&r, 0, bytes, 1) == -ERANGE);
  CHECK(shmim_segment_attach(&s, id, 0) < 0);
}

static void test_partition(void) {
  struct shmim_segment s = {0};
  char name[256];
  const int32_t id =
      shmim_segment_get(0, SEGMENT_BYTES, 0600, SHMIM_SEGMENT_NEW);
  CHECK(shmim_segment_address(&s, 0, 1) == NULL);
  CHECK(shmim_segment_place(&s, 0, 0) == -EINVAL);
  CHECK(shmim_segment_attach(&s, id, 1) == 0);
  CHECK(shmim_segment_remove(id) == 0);
  CHECK(shmim_segment_address(&s, SEGMENT_BYTES, 1) == NULL);
  CHECK(shmim_segment_address(&s, 1, UINT64_MAX) == NULL);
  CHECK(shmim_segment_address(&s, 8, 8) == (void *)(uintptr_t)(s.base + 8));
  CHECK(shmim_segment_place(&s, 64, 0) == -EINVAL);
  CHECK(shmim_segment_place(&s, 63, 1) < 0);
  CHECK(shmim_segment_detach(&s) == 0);
  CHECK(shmim_host_name(name, 0) == -EINVAL);
  CHECK(shmim_host_name(name, 1) < 0);
  CHECK(shmim_host_name(name, sizeof name) == 0 && name[0] != 0);
  CHECK(shmim_notify("", "x", 1) == -EINVAL);
  CHECK(shmim_notify("/nowhere/at/all", "x", 1) == -ENOENT);
  CHECK(shmim_process_end(getpid(), shmim_process_start(getpid()) + 1) ==
        -ESRCH);
  CHECK(shmim_process_end(0, 0) == -ESRCH);
}

/* A record of `length` bytes, 1 and up; gives where the next one begins. */
static uint8_t *record(uint8_t *at, uint64_t offset, uint64_t length,
                       uint8_t first) {
  memcpy(at, &offset, 8);
  memcpy(at + 8, &length, 8);
  for (uint64_t i = 0; i < length; i++) {
    at[16 + i] = (uint8_t)(first + i);
  }
  return at + 16 + ((length + 7) & ~(uint64_t)7);
}

/* Exactly as long as what is handed over: the sanitizer sees a byte more. */
static int32_t apply(const struct shmim_segment *s, const uint8_t *records,
                     uint64_t bytes) {
  uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
  memcpy(copy, records, bytes);
  const int32_t rc = shmim_segment_apply(s, 128, 100, copy, bytes);
  free(copy);
  return rc;
}

static void *ring_later(void *s) {
  const struct timespec moment = {.tv_nsec = 20000000};
  nanosleep(&moment, NULL);
  CHECK(shmim_segment_ring(s, 136, 1) == 0);
  return NULL;
}

static void test_segment_updates(void) {
  const int32_t id = private_segment();
  struct shmim_segment s = segment_of(id, 1);
  struct shmim_segment r = segment_of(id, 0);
  uint8_t records[256] = {0};
  uint8_t bytes[128] = {0};
  uint64_t sequence = 0;
  memset(bytes, 200, 100);
  CHECK(shmim_segment_store(&s, 0, bytes, 100) == 0);
  /* Two records, neither on a boundary of 8: nothing beside them changes. */
  uint8_t *end = record(record(records, 3, 13, 1), 99, 1, 50);
  const uint64_t both = (uint64_t)(end - records);
  CHECK(apply(&s, records, both) == 0);
  CHECK(shmim_segment_load(&s, 0, bytes, 128) == 0);
  CHECK(bytes[2] == 200 && bytes[3] == 1 && bytes[15] == 13);
  CHECK(bytes[16] == 200 && bytes[98] == 200 && bytes[99] == 50);
  CHECK(shmim_segment_word(&s, 128, &sequence) == 0 && sequence == 2);
  CHECK(apply(&s, records, 0) == 0); /* an update of nothing is one, too */
  /* What is wrong with any of them stores nothing. */
  for (uint64_t cut = 1; cut < both; cut++) {
    const bool whole = cut == 16 + 16;
    CHECK(apply(&s, records, cut) == (whole ? 0 : -EBADMSG));
  }
  CHECK(shmim_segment_word(&s, 128, &sequence) == 0 && sequence == 6);
  record(records, 100, 1, 9);
  CHECK(apply(&s, records, 24) == -EBADMSG);
  record(records, UINT64_MAX, 2, 9);
  CHECK(apply(&s, records, 24) == -EBADMSG);
  record(records, 0, 1, 9);
  memset(records + 8, 255, 8); /* its length */
  CHECK(apply(&s, records, 24) == -EBADMSG);
  CHECK(apply(&r, records, 0) == -EACCES);
  CHECK(shmim_segment_apply(&s, 129, 100, records, 0) == -ERANGE);
  CHECK(shmim_segment_apply(&s, 128, 129, records, 0) == -ERANGE);
  CHECK(shmim_segment_apply(&s, SEGMENT_BYTES, 100, records, 0) == -ERANGE);
  CHECK(shmim_segment_apply(&s, 128, 100, NULL, 8) == -ERANGE);
  CHECK(shmim_segment_apply(NULL, 128, 100, records, 0) == -ERANGE);
  /* Gathered as they were, or not at all. */
  end = record(record(records, 3, 13, 99), 99, 1, 99);
  CHECK(shmim_segment_gather(&r, 128, 4, 100, records, both) == -EAGAIN);
  CHECK(shmim_segment_gather(&r, 128, 6, 100, records, both) == 0);
  CHECK(records[16] == 1 && records[16 + 12] == 13 && records[48] == 50);
  CHECK(shmim_segment_gather(&r, 128, 6, 99, records, both) == -EBADMSG);
  /* Whoever waits is woken by a change, and by nothing else. */
  pthread_t thread;
  CHECK(shmim_segment_wait(&r, 136, 0, 1) == -ETIMEDOUT);
  CHECK(shmim_segment_wait(&r, 136, 7, 10000) == 0);
  CHECK(shmim_segment_wait(&r, 132, 0, 1) == -ERANGE);
  CHECK(shmim_segment_ring(&r, 136, 1) == -EACCES);
  CHECK(shmim_segment_ring(&s, SEGMENT_BYTES, 1) == -ERANGE);
  pthread_create(&thread, NULL, ring_later, &s);
  CHECK(shmim_segment_wait(&r, 136, 0, 10000) == 0);
  pthread_join(thread, NULL);
  CHECK(shmim_segment_word(&s, 136, &sequence) == 0 && sequence == 1);
  CHECK(shmim_segment_remove(id) == 0);
  CHECK(shmim_segment_detach(&s) == 0 && shmim_segment_detach(&r) == 0);
}

static void test_segment_kernel(void) {
  struct shmim_segment_info info;
  struct shmim_segment_info few[1];
  uint64_t limits[8];
  int32_t key = 0;
  CHECK(shmim_segment_key("/no/such", 1, &key) == -ENOENT);
  CHECK(shmim_segment_key(folder, 0, &key) == -EINVAL);
  CHECK(shmim_segment_key(folder, 256, &key) == -EINVAL);
  CHECK(shmim_segment_key(folder, 255, &key) == 0);
  CHECK((uint32_t)key >> 24 == 255);
  CHECK(shmim_segment_get(key, 0, 0, SHMIM_SEGMENT_OLD) == -ENOENT);
  CHECK(shmim_segment_get(key, 0, 0600, SHMIM_SEGMENT_NEW) == -EINVAL);
  const int32_t id = shmim_segment_get(key, 100, 0640, SHMIM_SEGMENT_NEW);
  CHECK(id >= 0);
  CHECK(shmim_segment_get(key, 100, 0600, SHMIM_SEGMENT_NEW) == -EEXIST);
  CHECK(shmim_segment_get(key, 100, 0600, SHMIM_SEGMENT_ANY) == id);
  CHECK(shmim_segment_get(key, 101, 0600, SHMIM_SEGMENT_ANY) == -EINVAL);
  CHECK(shmim_segment_stat(id, &info) == 0);
  CHECK(info.id == id && (int32_t)info.key == key && info.size == 100);
  CHECK(info.mode == 0640 && info.attached == 0);
  CHECK(info.creator_pid == getpid() && info.last_pid == 0);
  CHECK(shmim_segment_list(few, 1) >= 1 && few[0].id >= 0);
  CHECK(shmim_segment_list(NULL, 0) >= 1);
  CHECK(shmim_segment_list(NULL, 1) == -EINVAL);
  CHECK(shmim_segment_limits(limits) == 0);
  CHECK(limits[0] >= 4096 && limits[1] == 1 && limits[4] >= 1);
  CHECK(shmim_segment_remove(id) == 0);
  CHECK(shmim_segment_remove(id) < 0 && shmim_segment_stat(id, &info) < 0);
}

struct publisher {
  struct shmim_segment segment;
  atomic_bool stop;
};

static void *publish_records(void *data) {
  struct publisher *p = data;
  uint64_t record[16];
  for (uint64_t n = 1; !atomic_load(&p->stop); n++) {
    for (size_t i = 0; i < 16; i++) {
      record[i] = n;
    }
    shmim_segment_publish(&p->segment, 0, 8, record, sizeof record);
  }
  return NULL;
}

static void test_segment_records(void) {
  const int32_t id = private_segment();
  struct shmim_segment r = segment_of(id, 0);
  struct publisher p = {.segment = segment_of(id, 1)};
  pthread_t thread;
  uint64_t record[16];
  uint64_t last = 0;
  uint64_t changes = 0;
  bool whole = true;
  CHECK(pthread_create(&thread, NULL, publish_records, &p) == 0);
  while (changes < 1000) {
    if (shmim_segment_snapshot(&r, 0, 8, record, sizeof record, 100) != 0) {
      continue;
    }
    for (size_t i = 1; i < 16; i++) {
      whole = whole && record[i] == record[0];
    }
    whole = whole && record[0] >= last;
    changes += record[0] != last ? 1 : 0;
    last = record[0];
  }
  atomic_store(&p.stop, true);
  pthread_join(thread, NULL);
  CHECK(whole);
  uint64_t found;
  CHECK(shmim_segment_word(&r, 0, &found) == 0 && found % 2 == 0);
  /* A writer that died in the middle leaves an odd number. */
  CHECK(shmim_segment_swap(&p.segment, 0, found, found + 1, &found) == 0);
  CHECK(shmim_segment_snapshot(&r, 0, 8, record, 8, 100) == -EAGAIN);
  CHECK(shmim_segment_publish(&p.segment, 0, 8, record, 8) == 0);
  CHECK(shmim_segment_snapshot(&r, 0, 8, record, 8, 100) == 0);
  CHECK(shmim_segment_remove(id) == 0);
  shmim_segment_detach(&p.segment);
  shmim_segment_detach(&r);
}

const struct test segments_tests[] = {
    {"shmim_segment_store() stays inside", test_segment_bounds},
    {"what partitions need", test_partition},
    {"shmim_segment_apply() whole or not at all", test_segment_updates},
    {"shmim_segment_get() and what the kernel says", test_segment_kernel},
    {"shmim_segment_snapshot() of a busy writer", test_segment_records},
    {NULL, NULL},
};
