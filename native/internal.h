/* What the helper's own files share. */
#ifndef SHMIM_INTERNAL_H
#define SHMIM_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "shmim.h"

_Static_assert(sizeof(sem_t) == SHMIM_SEM_BYTES, "glibc semaphore");
_Static_assert(sizeof(struct timespec) == 16, "timespec");
_Static_assert(sizeof(void *) == 8, "64-bit addresses");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "byte order");

/* The mapping shrank: see shmim.h. */
#define BROKEN (-EBADFD)

#define NS_PER_S 1000000000ull

static inline void *at(const struct shmim_stream *s, uint64_t offset) {
  return (void *)(uintptr_t)(s->base + offset);
}

static inline _Atomic uint64_t *word(const struct shmim_stream *s,
                                     uint64_t offset) {
  return (_Atomic uint64_t *)at(s, offset);
}

static inline _Atomic uint8_t *flag(const struct shmim_stream *s) {
  return (_Atomic uint8_t *)at(s, s->write_flag);
}

static inline sem_t *semaphore(const struct shmim_stream *s, uint64_t index) {
  return (sem_t *)(uintptr_t)(s->sem_base + s->sems + index * s->sem_stride);
}

static inline sem_t *log_semaphore(const struct shmim_stream *s) {
  return (sem_t *)(uintptr_t)(s->sem_base + s->log_sem);
}

/*
 * A FIFO has a record of fields and a frame of pixels for each segment. All
 * other streams have segment 0 only, for which these cost a comparison.
 */
static inline uint64_t segment_stored(const struct shmim_stream *s) {
  if (s->segments < 2) {
    return 0;
  }
  const uint32_t k = atomic_load_explicit(
      (_Atomic uint32_t *)at(s, s->segment_index), memory_order_acquire);
  return k < s->segments ? k : 0;
}

static inline uint64_t segment_before(const struct shmim_stream *s,
                                      uint64_t k) {
  return k == 0 ? s->segments - 1 : k - 1;
}

/* The segment that the next frame goes to. */
static inline uint64_t segment_writing(const struct shmim_stream *s) {
  if (s->segments < 2) {
    return 0;
  }
  const uint64_t k = segment_stored(s) + 1;
  return k == s->segments ? 0 : k;
}

static inline uint8_t *segment_pixels(const struct shmim_stream *s,
                                      uint64_t k) {
  return (uint8_t *)at(s, s->data + k * s->data_bytes);
}

static inline uint64_t segment_counter(const struct shmim_stream *s,
                                       uint64_t k) {
  return atomic_load_explicit(word(s, s->cnt0 + k * s->segment_record),
                              memory_order_acquire);
}

static inline uint8_t segment_flag(const struct shmim_stream *s, uint64_t k) {
  return atomic_load_explicit(
      (_Atomic uint8_t *)at(s, s->write_flag + k * s->segment_record),
      memory_order_acquire);
}

/*
 * The newest segment and its counter. Some writers store the index before
 * they count: until then the segment before it is the newest that is whole.
 */
static inline uint64_t segment_newest(const struct shmim_stream *s,
                                      uint64_t *counter) {
  const uint64_t k = segment_stored(s);
  *counter = segment_counter(s, k);
  if (s->segments < 2) {
    return k;
  }
  const uint64_t b = segment_before(s, k);
  const uint64_t before = segment_counter(s, b);
  if (before > *counter) {
    *counter = before;
    return b;
  }
  return k;
}

static inline uint64_t load_counter(const struct shmim_stream *s) {
  if (s->segments < 2) {
    return atomic_load_explicit(word(s, s->cnt0), memory_order_acquire);
  }
  uint64_t counter;
  segment_newest(s, &counter);
  return counter;
}

/* The flag of the frame that a writer may be writing. */
static inline uint8_t load_flag(const struct shmim_stream *s) {
  if (s->segments < 2) {
    return atomic_load_explicit(flag(s), memory_order_acquire);
  }
  return segment_flag(s, segment_writing(s));
}

static inline bool stopped(const int64_t *stop) {
  return stop != NULL && __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
}

/* The same for a receiving pump: SHMIM_STOP_WHOLE lets it end what it has
 * begun. */
static inline bool stopped_between(const int64_t *stop, bool begun) {
  const int64_t told = __atomic_load_n(stop, __ATOMIC_ACQUIRE);
  return told == SHMIM_STOP_NOW || (told == SHMIM_STOP_WHOLE && !begun);
}

static inline void pause_us(uint64_t us) {
  const struct timespec t = {.tv_sec = (time_t)(us / 1000000),
                             .tv_nsec = (long)(us % 1000000) * 1000};
  nanosleep(&t, NULL);
}

static inline uint64_t monotonic_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A clock for nothing but "a moment ago": about 10 ns, no system call. */
static inline uint64_t ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t t;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
  return t;
#else
  return monotonic_ns();
#endif
}

static inline void relax(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* map.c: 0, or BROKEN once a page of the mapping could not be had, or the
 * file is shorter than it. One system call. */
int32_t guard_status(const struct shmim_stream *s);
/* map.c: the same for hot calls, which look at the file less often. */
int32_t guard_glance(const struct shmim_stream *s, const struct timespec *now);
/* map.c: the stream whose entry a hot call names, or NULL. */
struct shmim_stream *guard_stream(uint32_t entry);
/* map.c: from now on `s` may be named so. */
void guard_hot(struct shmim_stream *s);
/* map.c: a pump runs on the mapping: fewer looks at the file. */
void guard_pump(const struct shmim_stream *s, bool runs);
/* map.c: what happens between these is one step for all threads. */
void guards_lock(void);
void guards_unlock(void);
/* map.c: true when a mapping of this process holds the semaphore. */
bool guard_claimed(const struct shmim_stream *s, int32_t index);
/* map.c: notes that this mapping holds a semaphore, or no more. */
void guard_claim(const struct shmim_stream *s, int32_t index, bool held);

/* sem.c: true where glibc may be let near a semaphore. */
bool semaphore_sound(const sem_t *sem);
/* sem.c: posts all semaphores of a writable stream. */
void post_all(const struct shmim_stream *s);

/* segment.c: keyword record `index` as milk's 128 bytes, and back. */
void keyword_load(const struct shmim_stream *s, uint64_t index, uint8_t *out);
void keyword_store(const struct shmim_stream *s, uint64_t index,
                   const uint8_t *in);
/* keywords.c: the first `count` records so, or the used ones of all, packed;
 * true where there are more of these. */
bool keywords_load(const struct shmim_stream *s, uint8_t *out, uint64_t count,
                   bool packed);
/* keywords.c: and back; what finds no room is left out. */
void keywords_store(const struct shmim_stream *s, const uint8_t *in,
                    uint64_t count);
/* segment.c: a frame that is changed in part begins as the one before. */
void carry_over(const struct shmim_stream *s);

/* frame_read.c: frames for which a pump goes to the circular buffer at once: a
 * copy of the data block was torn just before, the next one would be, too. */
struct haste {
  uint64_t frames;
};
int32_t read_hastily(const struct shmim_stream *s, void *out, uint64_t offset,
                     uint64_t bytes, uint32_t tries, struct shmim_frame *frame,
                     struct haste *haste);

/* frame_read.c: counters and times of the frame in segment `k` now. */
void note_frame(const struct shmim_stream *s, uint64_t k,
                struct shmim_frame *frame);
/* publish.c: what made us write, for the process trace; `stream` may be NULL.
 * Where `copy` is set, the counters of the frame are its own. */
struct trigger {
  const struct shmim_stream *stream;
  uint64_t inode;
  int32_t semaphore;
  uint64_t counter;
  const struct shmim_frame *copy;
};
/* publish.c: publishes what is in the data block already. NULL: `atime` and
 * `started` are now, nothing triggered it, nobody asks for `frame`. */
int32_t publish(struct shmim_stream *s, int64_t slice, const int64_t *atime,
                const struct timespec *started, const struct trigger *trigger,
                struct shmim_frame *frame);
/* publish.c: the same with counters and times of a frame elsewhere. */
int32_t publish_as(struct shmim_stream *s, int64_t slice,
                   const struct shmim_frame *frame, uint64_t run,
                   const struct timespec *started);
/* publish.c: raises the write flag before so many bytes of a frame change; in
 * a FIFO the rest is that of the frame before. */
void raise_flag(const struct shmim_stream *s, uint64_t bytes);
/* publish.c: where nothing is published after all. */
void lower_flag(const struct shmim_stream *s);
/* frame_wait.c: waits at most until `deadline` (CLOCK_MONOTONIC, ns) or until
 * *stop is not 0; 0 = a new counter, -ETIMEDOUT, BROKEN. */
int32_t wait_frame(const struct shmim_stream *s, const struct shmim_wait *w,
                   uint64_t last, uint64_t deadline, const int64_t *stop);

/* frame_wait.c: sleeps while a writer holds its flag up, but not beyond
 * `until` or a stop; the longer since `since`, the longer between two looks. */
void await_writer(const struct shmim_stream *s, uint64_t since, uint64_t until,
                  const int64_t *stop);

/* sys.c: starts a thread that takes no signals: they are Deno's. 0 or an
 * errno. */
int start_thread(pthread_t *thread, void *(*work)(void *), void *argument);

/* sys.c: priority and affinity of the calling thread, and back. */
struct schedule {
  int policy;
  int priority;
  uint64_t cpus[16];
  bool changed_policy, changed_cpus;
  int slack;
};
int32_t schedule_enter(struct schedule *saved, int64_t priority,
                       uint64_t cpus);
void schedule_leave(const struct schedule *saved);

/*
 * sock.c: the socket as a pump wants it, and back as Deno had it. Deno's copy
 * shares its flags and stays registered in Deno's epoll, which would wake the
 * event loop at every frame: meanwhile the socket blocks, for PUMP_SLICE_MS at
 * most, and the registration asks for nothing.
 */
#define SOCKET_WATCHES 4
struct socket_state {
  int fd;
  int flags;
  int watches;
  struct socket_watch {
    int epoll;
    int fd;
    uint32_t events;
    uint64_t data;
  } watch[SOCKET_WATCHES];
};
void socket_enter(struct socket_state *saved, int fd);
void socket_leave(struct socket_state *saved);
/*
 * A frame that is read is acknowledged with the next one, or after 40 ms, not
 * in a packet of its own. The kernel takes this back whenever it had to wait
 * those 40 ms: whoever finds the socket quiet says it again.
 */
void socket_delay_acks(int fd);

/* pump.c: room for one frame, free() gives it back; large ones on huge pages
 * where the kernel has some. */
void *frame_buffer(uint64_t bytes);
/* pump.c: ns since a frame was published, by the clock of its stream; where
 * the writer stamps UTC on a clock of TAI, `tai_ns` less. UINT64_MAX: nonsense.
 */
uint64_t frame_age(const struct shmim_stream *s, const struct shmim_frame *f,
                   int64_t tai_ns);
/* pump.c: what all pumps do. */
void pump_latency(struct shmim_control *control, uint64_t ns);
int32_t pump_end(struct shmim_control *control, enum shmim_end end,
                 int32_t rc);
/* pump.c: waits for a counter other than `last`; -ECANCELED: told to stop. */
int32_t pump_next_counter(const struct shmim_stream *s,
                          const struct shmim_wait *w, uint64_t last,
                          struct shmim_control *control);
/* pump.c: how a pump waits for a frame that is whole. */
struct pump_copy {
  struct shmim_control *control;
  bool allow_torn;          /* one of a writer that never pauses will do */
  struct haste haste;
  /* What there is to do meanwhile; NULL, or a result that ends it. */
  int32_t (*meanwhile)(void *argument);
  void *argument;
};
/* pump.c: a whole frame, however long its writer takes; -ECANCELED. */
int32_t pump_whole_frame(const struct shmim_stream *from, void *pixels,
                         uint64_t bytes, struct pump_copy *how,
                         struct shmim_frame *frame);
/* pump.c: when a pump that waits looks at its stop flag again. */
uint64_t pump_look(void);

/* How long a pump sleeps at most before it looks at its stop flag. */
#define PUMP_SLICE_MS 50
/* How long a pump that was told to stop may take to finish a frame. */
#define PUMP_FINISH_NS 120000000ull

#define KEYWORD_BYTES 128
/* Name, type, value and comment of a record, whatever else it has. */
#define KEYWORD_LEAST 120

#endif
