/*
 * Every frame of a source that keeps none itself: a thread copies them into a
 * queue while the pump's own thread may be held up by the line.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "wire_transmit.h"

struct wire_queue {
  struct wire_out *t;
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t news;      /* a frame came, or the thread ended */
  pthread_cond_t room;      /* one was sent, or it is to end */
  struct shmim_frame *entry;
  uint8_t *pixels;
  uint64_t size;            /* frames that fit */
  uint64_t first, count;
  uint64_t last;            /* counter of the frame copied last */
  int32_t rc;               /* why the thread ended */
  bool ended, quit;
};

static uint8_t *place(const struct wire_queue *q, uint64_t n) {
  return q->pixels + n % q->size * q->t->s->data_bytes;
}

static struct timespec soon(void) {
  const uint64_t t = pump_look();
  return (struct timespec){.tv_sec = (time_t)(t / NS_PER_S),
                           .tv_nsec = (long)(t % NS_PER_S)};
}

/* Waits until there is room for one more; false: it is to end. */
static bool await_room(struct wire_queue *q) {
  pthread_mutex_lock(&q->lock);
  if (q->count == q->size && !q->quit) {
    q->t->ctl->queue_full++;
  }
  while (q->count == q->size && !q->quit) {
    pthread_cond_wait(&q->room, &q->lock);
  }
  const bool go_on = !q->quit;
  pthread_mutex_unlock(&q->lock);
  return go_on;
}

static int32_t ask_to_quit(void *argument) {
  struct wire_queue *q = argument;
  pthread_mutex_lock(&q->lock);
  const bool quit = q->quit;
  pthread_mutex_unlock(&q->lock);
  return quit ? -ECANCELED : 0;
}

static int32_t fill(struct wire_queue *q) {
  struct wire_out *t = q->t;
  struct pump_copy how = {.control = &t->ctl->common,
                          .allow_torn = t->c->allow_torn != 0,
                          .meanwhile = ask_to_quit,
                          .argument = q};
  while (await_room(q)) {
    int32_t rc = wait_frame(t->s, &t->c->wait, q->last, pump_look(),
                            &t->ctl->common.stop);
    if (rc == -ETIMEDOUT) {
      if (stopped(&t->ctl->common.stop)) {
        return -ECANCELED;
      }
      continue;
    }
    /* Only this thread adds: the place behind the last one is ours. */
    pthread_mutex_lock(&q->lock);
    const uint64_t n = q->first + q->count;
    pthread_mutex_unlock(&q->lock);
    struct shmim_frame *f = &q->entry[n % q->size];
    if (rc == 0) {
      rc = pump_whole_frame(t->s, place(q, n), t->s->data_bytes, &how, f);
    }
    if (rc != 0) {
      return rc;
    }
    q->last = f->cnt0;
    pthread_mutex_lock(&q->lock);
    q->count++;
    t->ctl->queued = q->count;
    pthread_cond_signal(&q->news);
    pthread_mutex_unlock(&q->lock);
  }
  return -ECANCELED;
}

static void *work(void *argument) {
  struct wire_queue *q = argument;
  const int32_t rc = fill(q);
  pthread_mutex_lock(&q->lock);
  q->rc = rc;
  q->ended = true;
  pthread_cond_signal(&q->news);
  pthread_mutex_unlock(&q->lock);
  return NULL;
}

int32_t wire_queue_next(struct wire_out *t, struct wire_part *p) {
  struct wire_queue *q = t->queue;
  const struct timespec deadline = soon();
  int32_t rc = 0;
  pthread_mutex_lock(&q->lock);
  while (q->count == 0 && !q->ended && rc == 0) {
    rc = -pthread_cond_timedwait(&q->news, &q->lock, &deadline);
  }
  const uint64_t n = q->first;
  const bool there = q->count > 0;
  if (!there && q->ended) {
    rc = q->rc;
  }
  pthread_mutex_unlock(&q->lock);
  if (!there) {
    return rc == 0 || rc == -ETIMEDOUT ? NOTHING : rc;
  }
  const struct shmim_frame *f = &q->entry[n % q->size];
  *p = (struct wire_part){
      .frame = *f,
      .pixels = place(q, n),
      .bytes = t->s->data_bytes,
      .slice = WIRE_WHOLE,
      .flags = f->torn ? WIRE_FLAG_TORN : 0,
      .kept = KEPT_COPY,
  };
  return 0;
}

void wire_queue_done(struct wire_out *t) {
  struct wire_queue *q = t->queue;
  pthread_mutex_lock(&q->lock);
  q->first++;
  q->count--;
  t->ctl->queued = q->count;
  pthread_cond_signal(&q->room);
  pthread_mutex_unlock(&q->lock);
}

/* Told to stop: what waits is lost, with what was missed in between. What a
 * lost connection left is counted by the next one. */
static void count_lost(struct wire_out *t) {
  const struct wire_queue *q = t->queue;
  uint64_t last = t->state.last;
  for (uint64_t i = 0; i < q->count; i++) {
    const uint64_t counter = q->entry[(q->first + i) % q->size].cnt0;
    t->ctl->common.skipped += counter > last ? counter - last : 1;
    last = counter;
  }
}

int32_t wire_queue_enter(struct wire_out *t) {
  const uint64_t size = t->c->queue;
  uint64_t bytes;
  if (size == 0 || size > WIRE_QUEUE_MAX ||
      __builtin_mul_overflow(size, t->s->data_bytes, &bytes)) {
    return -EINVAL;
  }
  struct wire_queue *q = calloc(1, sizeof *q);
  if (q == NULL) {
    return -ENOMEM;
  }
  q->t = t;
  q->size = size;
  q->last = t->state.last;
  q->entry = calloc(size, sizeof *q->entry);
  q->pixels = malloc(bytes);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&q->lock, NULL);
  pthread_cond_init(&q->news, &monotonic);
  pthread_cond_init(&q->room, &monotonic);
  pthread_condattr_destroy(&monotonic);
  t->queue = q;
  int32_t rc = q->entry == NULL || q->pixels == NULL ? -ENOMEM : 0;
  rc = rc != 0 ? rc : -start_thread(&q->thread, work, q);
  if (rc != 0) {
    free(q->entry);
    free(q->pixels);
    free(q);
    t->queue = NULL;
  }
  return rc;
}

void wire_queue_leave(struct wire_out *t) {
  struct wire_queue *q = t->queue;
  if (q == NULL) {
    return;
  }
  pthread_mutex_lock(&q->lock);
  q->quit = true;
  pthread_cond_signal(&q->room);
  pthread_mutex_unlock(&q->lock);
  pthread_join(q->thread, NULL);
  if (wire_told_to_stop(t)) {
    count_lost(t);
  }
  pthread_mutex_destroy(&q->lock);
  pthread_cond_destroy(&q->news);
  pthread_cond_destroy(&q->room);
  free(q->entry);
  free(q->pixels);
  free(q);
  t->queue = NULL;
  t->ctl->queued = 0;
}
