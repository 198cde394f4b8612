/* Semaphores: who has claimed one, and words that glibc must not be given. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

static void test_semaphores(void) {
  struct shmim_stream s;
  struct shmim_stream second;
  int32_t values[SEMS + 1];
  CHECK(make(&s, "s", 1, 0));
  CHECK(map_existing(&second, "s", 1, 0, true));
  for (int i = 0; i < 12; i++) {
    CHECK(shmim_sem_post(&s, -1) == 0);
  }
  CHECK(shmim_sem_values(&s, values, SEMS + 1) == 0);
  for (int i = 0; i <= SEMS; i++) {
    CHECK(values[i] == 10);
  }
  CHECK(shmim_sem_flush(&s, 1) == 0 && shmim_sem_post(&s, 1) == 0);
  CHECK(shmim_sem_values(&s, values, 2) == 0);
  CHECK(values[0] == 10 && values[1] == 1);
  CHECK(shmim_sem_post(&s, SEMS) == -EINVAL);
  CHECK(shmim_sem_flush(&s, -1) == -EINVAL);
  CHECK(shmim_sem_release(&s, SEMS) == -EINVAL);
  CHECK(shmim_sem_claim(&s, -1) == 0 && shmim_sem_claim(&s, 0) == 1);
  CHECK(shmim_sem_claim(&second, 1) == 2 && shmim_sem_claim(&s, 3) == 3);
  CHECK(shmim_sem_claim(&second, 3) == -EBUSY);
  CHECK(shmim_sem_release(&s, 1) == 0);
  CHECK(shmim_sem_claim(&second, 0) == 1);
  shmim_unmap(&second);
  int32_t pids[SEMS];
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[0] == getpid() && pids[1] == 0 && pids[2] == 0);
  drop(&s, "s");
}

/* Words of a damaged file that glibc must not be given, or never stop. */
static void test_damaged_semaphores(void) {
  const uint32_t kinds[] = {1, 64, 127, 129, 256, 0x1818, UINT32_MAX};
  const uint32_t values[] = {0, 1, 100001, INT32_MAX, 1u << 31, UINT32_MAX};
  const size_t kind_count = sizeof kinds / sizeof *kinds;
  for (size_t k = 0; k < kind_count; k++) {
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
      struct shmim_stream s;
      struct shmim_wait w = {.sem = 0, .timeout_us = 2000, .poll_us = 50};
      CHECK(make(&s, "s", 1, 0));
      uint32_t *sem = (uint32_t *)(uintptr_t)(s.base + s.sems);
      sem[0] = values[v];
      sem[1] = 3; /* waiters, by its own account */
      sem[2] = kinds[k];
      memcpy((void *)(uintptr_t)(s.base + s.log_sem), sem, 12);
      CHECK(shmim_sem_claim(&s, 0) == 1);
      CHECK(shmim_sem_post(&s, -1) == 0);
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      CHECK(shmim_sem_flush(&s, 0) == 0);
      /* Sound but full of posts: a time-out all the same. */
      sem[2] = 128;
      CHECK(shmim_sem_claim(&s, 0) == 0);
      sem[0] = values[v];
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      w.mode = 99;
      CHECK(shmim_frame_wait(&s, &w) == -ETIMEDOUT);
      drop(&s, "s");
    }
  }
}

static void *claim_one(void *argument) {
  struct shmim_stream *s = argument;
  return (void *)(intptr_t)shmim_sem_claim(s, -1);
}

/* What a process that died leaves behind. */
static void test_forgotten_claim(void) {
  struct shmim_stream s;
  CHECK(make(&s, "s", 1, 0));
  const pid_t child = fork();
  if (child == 0) {
    struct shmim_stream mine;
    _exit(map_existing(&mine, "s", 1, 0, true) &&
                  shmim_sem_claim(&mine, 1) == 1
              ? 0
              : 1);
  }
  int status = 1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(shmim_sem_claim(&s, 2) == 2);
  CHECK(shmim_sem_forget(&s, 2, (int32_t)getpid()) == -EBUSY);
  CHECK(shmim_sem_forget(&s, 0, (int32_t)child) == -ENOENT);
  CHECK(shmim_sem_forget(&s, 1, 0) == -EINVAL);
  CHECK(shmim_sem_forget(&s, SEMS, (int32_t)child) == -EINVAL);
  int32_t pids[SEMS];
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[1] == child && pids[2] == getpid());
  CHECK(shmim_sem_forget(&s, 1, (int32_t)child) == 0);
  CHECK(shmim_map_load(&s, s.reader_pids, pids, sizeof pids) == 0);
  CHECK(pids[1] == 0 && pids[2] == getpid());
  drop(&s, "s");
}

static void test_claims_of_threads(void) {
  for (int round = 0; round < 50; round++) {
    struct shmim_stream s[SEMS];
    pthread_t threads[SEMS];
    unsigned taken = 0;
    CHECK(make(&s[0], "s", 1, 0));
    for (int i = 1; i < SEMS; i++) {
      CHECK(map_existing(&s[i], "s", 1, 0, true));
    }
    for (int i = 0; i < SEMS; i++) {
      pthread_create(&threads[i], NULL, claim_one, &s[i]);
    }
    for (int i = 0; i < SEMS; i++) {
      void *index;
      pthread_join(threads[i], &index);
      taken |= 1u << (intptr_t)index;
    }
    CHECK(taken == (1u << SEMS) - 1);
    for (int i = 1; i < SEMS; i++) {
      shmim_unmap(&s[i]);
    }
    drop(&s[0], "s");
  }
}

const struct test semaphores_tests[] = {
    {"shmim_sem_claim()", test_semaphores},
    {"shmim_sem_post() of damaged semaphores", test_damaged_semaphores},
    {"shmim_sem_forget()", test_forgotten_claim},
    {"shmim_sem_claim() in threads", test_claims_of_threads},
    {NULL, NULL},
};
