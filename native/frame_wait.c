/* Waiting for the next frame, and for a writer that holds its flag up. */
#define _GNU_SOURCE
#include "internal.h"

/* After a semaphore woke us, how long the counter may lag: some writers post
 * before they lower the flag and count. */
#define LAG_FLAG_UP_NS 5000000ull
#define LAG_NS 1000000ull
#define LAG_SPIN_NS 50000ull
#define LAG_LOOK_NS 50000ull
#define LAG_PAUSE_US 20
/* Between two looks at a flag that stays up: a part of the time that it has
 * been up, so that a writer which died costs nothing. */
#define STALL_PART 64
#define STALL_LEAST_US 50
#define STALL_MOST_US 2000
/* Old posts taken off before sleeping: more than any format lets pile up. */
#define STALE_POSTS 32

/* Spins until the counter moves or the time is up. */
static bool spin(const struct shmim_stream *s, uint64_t last,
                 uint64_t deadline, const int64_t *stop) {
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (load_counter(s) != last) {
        return true;
      }
      relax();
    }
    if (monotonic_ns() >= deadline || stopped(stop)) {
      return load_counter(s) != last;
    }
  }
}

static bool poll_counter(const struct shmim_stream *s, uint64_t last,
                         uint64_t deadline, uint64_t pause,
                         const int64_t *stop) {
  while (load_counter(s) == last) {
    if (monotonic_ns() >= deadline || stopped(stop) || guard_status(s) != 0) {
      return false;
    }
    pause_us(pause);
  }
  return true;
}

void await_writer(const struct shmim_stream *s, uint64_t since, uint64_t until,
                  const int64_t *stop) {
  const uint64_t counter = load_counter(s);
  while (load_flag(s) != 0 && load_counter(s) == counter && !stopped(stop) &&
         guard_status(s) == 0) {
    const uint64_t now = monotonic_ns();
    if (now >= until) {
      return;
    }
    const uint64_t us = (now - since) / 1000 / STALL_PART;
    pause_us(us < STALL_LEAST_US  ? STALL_LEAST_US
             : us > STALL_MOST_US ? STALL_MOST_US
                                  : us);
  }
}

static struct timespec time_of(uint64_t ns) {
  return (struct timespec){.tv_sec = (time_t)(ns / NS_PER_S),
                           .tv_nsec = (long)(ns % NS_PER_S)};
}

/* Takes off what was posted so far; whether that was anything. */
static bool take_posts(const struct shmim_stream *s, uint64_t index) {
  int n = 0;
  while (n < STALE_POSTS && sem_trywait(semaphore(s, index)) == 0) {
    n++;
  }
  return n > 0;
}

/*
 * A writer is about to count, or at work on its frame. What is slept on is the
 * semaphore: where it posts last, that comes as soon as the frame is there.
 */
static bool await_count(const struct shmim_stream *s, uint64_t last,
                        uint64_t deadline, uint64_t index,
                        const int64_t *stop) {
  const uint64_t lag =
      monotonic_ns() + (load_flag(s) ? LAG_FLAG_UP_NS : LAG_NS);
  while (load_counter(s) == last) {
    const uint64_t now = monotonic_ns();
    if (now >= lag || now >= deadline || stopped(stop) ||
        guard_status(s) != 0) {
      return false;
    }
    const struct timespec t = time_of(now + LAG_LOOK_NS);
    if (sem_clockwait(semaphore(s, index), CLOCK_MONOTONIC, &t) == 0 &&
        load_counter(s) == last) {
      pause_us(LAG_PAUSE_US); /* a damaged value has billions of posts */
    }
  }
  return true;
}

static bool sleep_on(const struct shmim_stream *s, uint64_t last,
                     uint64_t deadline, uint64_t index, const int64_t *stop) {
  const struct timespec t = time_of(deadline);
  /* Posts of frames that are handled already: left there, one of them would
   * wake every later wait too early. Under a raised flag the last of them may
   * be that of a frame which is not counted yet. */
  if (take_posts(s, index) && load_flag(s) != 0 &&
      await_count(s, last, deadline, index, stop)) {
    return true;
  }
  while (load_counter(s) == last) {
    if (stopped(stop) || guard_status(s) != 0) {
      return false;
    }
    if (sem_clockwait(semaphore(s, index), CLOCK_MONOTONIC, &t) == 0) {
      if (load_counter(s) != last ||
          spin(s, last, monotonic_ns() + LAG_SPIN_NS, stop) ||
          await_count(s, last, deadline, index, stop)) {
        return true;
      }
      /* A damaged value holds more old posts than there is time for. */
      if (monotonic_ns() >= deadline) {
        return false;
      }
    } else if (errno != EINTR) {
      return load_counter(s) != last;
    }
  }
  /* The post of the frame that is seen already. */
  sem_trywait(semaphore(s, index));
  return true;
}

int32_t wait_frame(const struct shmim_stream *s, const struct shmim_wait *w,
                   uint64_t last, uint64_t deadline, const int64_t *stop) {
  bool moved = load_counter(s) != last;
  uint64_t mode = w->mode;
  if (!moved && mode == SHMIM_WAIT_ADAPTIVE) {
    const uint64_t until = monotonic_ns() + w->spin_us * 1000;
    moved = spin(s, last, until < deadline ? until : deadline, stop);
    mode = SHMIM_WAIT_SEMAPHORE;
  }
  if (!moved && mode == SHMIM_WAIT_SEMAPHORE &&
      (w->sem < 0 || (uint64_t)w->sem >= s->sem_count || !s->writable ||
       !semaphore_sound(semaphore(s, (uint64_t)w->sem)))) {
    mode = SHMIM_WAIT_POLL;
  }
  if (!moved) {
    if (mode == SHMIM_WAIT_SPIN) {
      moved = spin(s, last, deadline, stop);
    } else if (mode == SHMIM_WAIT_SEMAPHORE) {
      moved = sleep_on(s, last, deadline, (uint64_t)w->sem, stop);
    } else {
      moved = poll_counter(s, last, deadline, w->poll_us, stop);
    }
  }
  if (moved) {
    return 0; /* the copy that follows looks at the mapping */
  }
  const int32_t rc = guard_status(s);
  return rc != 0 ? rc : -ETIMEDOUT;
}

/* Waits for a counter other than w->last: 0, or -ETIMEDOUT. */
int32_t shmim_frame_wait(const struct shmim_stream *s,
                         const struct shmim_wait *w) {
  if (s == NULL || s->base == 0 || w == NULL) {
    return -EINVAL;
  }
  const int32_t rc = wait_frame(s, w, w->last,
                                monotonic_ns() + w->timeout_us * 1000, NULL);
  return rc == 0 ? guard_status(s) : rc;
}

/*
 * Waits for the next frame and copies it. -ETIMEDOUT: none came. -EAGAIN: a
 * writer holds the write flag up, whether it has counted its frame or not.
 * `frame->torn` is 1 where the writer never paused until the time was up.
 */
int32_t shmim_frame_next(const struct shmim_stream *s,
                         const struct shmim_wait *w, void *out,
                         uint64_t offset, uint64_t bytes,
                         struct shmim_frame *frame) {
  if (s == NULL || s->base == 0 || w == NULL || frame == NULL) {
    return -EINVAL;
  }
  const uint64_t deadline = monotonic_ns() + w->timeout_us * 1000;
  int32_t rc = wait_frame(s, w, w->last, deadline, NULL);
  if (rc == -ETIMEDOUT && load_flag(s) != 0) {
    return -EAGAIN;
  }
  if (rc != 0) {
    return rc;
  }
  const uint64_t arrived = monotonic_ns();
  for (;;) {
    rc = shmim_frame_read(s, out, offset, bytes, 4, frame);
    if (rc != 0 || !frame->torn) {
      return rc;
    }
    if (monotonic_ns() >= deadline) {
      return frame->stalled ? -EAGAIN : 0;
    }
    if (frame->stalled) {
      await_writer(s, arrived, deadline, NULL);
    }
  }
}
