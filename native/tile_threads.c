/*
 * Many tiles at once: a job is checked, then its tiles are shared out among a
 * few threads.
 */
#define _GNU_SOURCE
#include <unistd.h>

#include "internal.h"
#include "tile.h"

/* Below this many bytes of pixels a thread costs more than it brings. */
#define THREAD_BYTES 262144

/* What all threads share. */
struct task {
  struct tiling what;
  uint64_t step;
  _Atomic uint64_t next;
  _Atomic bool stop;
  pthread_mutex_t lock;
  struct shmim_tile_report report;
  int32_t result;
};

/* Keeps the first tile's problem: the same whichever thread was faster. */
static void note(struct task *t, uint64_t tile, problem_t problem) {
  pthread_mutex_lock(&t->lock);
  if (t->result == 0 || tile < t->report.tile) {
    t->report.tile = tile;
    t->report.problem = problem > 0 ? (uint64_t)problem : 0;
    t->result = problem > 0 ? -EBADMSG : problem;
  }
  pthread_mutex_unlock(&t->lock);
  atomic_store(&t->stop, true);
}

static void *work(void *argument) {
  struct task *t = argument;
  struct tile_worker w = {.what = &t->what};
  while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
    const uint64_t from = atomic_fetch_add(&t->next, t->step);
    if (from >= t->what.job->count) {
      break;
    }
    const uint64_t left = t->what.job->count - from;
    const uint64_t end = from + (left < t->step ? left : t->step);
    for (uint64_t i = from; i < end; i++) {
      const problem_t problem = decode_tile(&w, i);
      if (problem != 0) {
        note(t, t->what.job->first + i, problem);
        break;
      }
    }
  }
  tile_worker_free(&w);
  return NULL;
}

uint64_t tile_threads(uint64_t tiles, uint64_t bytes) {
  const long cores = sysconf(_SC_NPROCESSORS_ONLN);
  uint64_t n = cores < 1 ? 1 : (uint64_t)cores;
  n = n < TILE_THREADS ? n : TILE_THREADS;
  n = n < tiles || tiles == 0 ? n : tiles;
  const uint64_t worth = bytes / THREAD_BYTES + 1;
  return n < worth ? n : worth;
}

static void run(struct task *t) {
  const struct shmim_tiles *job = t->what.job;
  const uint64_t threads = tile_threads(job->count, job->pixels * job->width);
  /* Small shares: who is late has little left to do. */
  t->step = job->count / (threads * 16) + 1;
  pthread_t others[TILE_THREADS];
  uint64_t started = 0;
  while (started + 1 < threads &&
         start_thread(&others[started], work, t) == 0) {
    started++;
  }
  work(t);
  for (uint64_t i = 0; i < started; i++) {
    pthread_join(others[i], NULL);
  }
}

static bool is_width(uint32_t width) {
  return width == 1 || width == 2 || width == 4 || width == 8;
}

/* Whether a job says what can be done: sizes multiply without overflow. */
static bool sound(const struct shmim_tiles *job,
                  const struct shmim_tile *tiles, uint64_t in_bytes) {
  if (job->axes < 1 || job->axes > SHMIM_TILE_AXES || !is_width(job->width) ||
      (job->floats != 0 && job->width < 4) || job->dither > 2) {
    return false;
  }
  uint64_t all = job->width;
  uint64_t count = 1;
  for (uint32_t i = 0; i < job->axes; i++) {
    if (job->size[i] == 0 || job->tile[i] == 0 ||
        __builtin_mul_overflow(all, job->size[i], &all)) {
      return false;
    }
    count *= (job->size[i] - 1) / job->tile[i] + 1;
  }
  all /= job->width;
  if (job->first > count || job->count > count - job->first ||
      job->from > all || job->pixels > all - job->from) {
    return false;
  }
  for (uint64_t i = 0; i < job->count; i++) {
    if (tiles[i].from > in_bytes || tiles[i].bytes > in_bytes - tiles[i].from ||
        !is_width(tiles[i].width)) {
      return false;
    }
  }
  return true;
}

static int32_t run_checked(struct task *t, uint64_t in_bytes,
                           struct shmim_tile_report *report) {
  if (!sound(t->what.job, t->what.tiles, in_bytes)) {
    return -EINVAL;
  }
  pthread_mutex_init(&t->lock, NULL);
  run(t);
  pthread_mutex_destroy(&t->lock);
  *report = t->report;
  return t->result;
}

int32_t shmim_tiles_decode(const struct shmim_tiles *job,
                           const struct shmim_tile *tiles, const void *in,
                           uint64_t in_bytes, void *out, uint64_t out_bytes,
                           struct shmim_tile_report *report) {
  if (job == NULL || tiles == NULL || in == NULL || report == NULL) {
    return -EINVAL;
  }
  if (out != NULL && (job->width == 0 || out_bytes / job->width < job->pixels)) {
    return -ERANGE;
  }
  struct task t = {
      .what = {.job = job, .tiles = tiles, .in = in, .out = out}};
  return run_checked(&t, in_bytes, report);
}

int32_t shmim_tiles_load(const struct shmim_stream *s, uint64_t offset,
                         const struct shmim_tiles *job,
                         const struct shmim_tile *tiles, const void *in,
                         uint64_t in_bytes, const struct shmim_convert *c,
                         struct shmim_tile_report *report) {
  if (job == NULL || tiles == NULL || in == NULL || report == NULL) {
    return -EINVAL;
  }
  const int32_t rc = convert_usable(s, offset, job->pixels, c);
  if (rc != 0) {
    return rc;
  }
  if (c->width != job->width) {
    return -EINVAL;
  }
  struct task t = {
      .what = {.job = job,
               .tiles = tiles,
               .in = in,
               .out = segment_pixels(s, segment_writing(s)) + offset,
               .c = c}};
  const int32_t result = run_checked(&t, in_bytes, report);
  return result != 0 ? result : guard_status(s);
}
