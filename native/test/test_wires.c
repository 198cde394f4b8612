/* The pumps of our own wire, each with the other end in the test's hands. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../wire.h"
#include "support.h"

/* Nothing that a test waits for takes longer. */
#define PATIENCE_MS 20000

struct end {
  struct shmim_stream *s;
  struct shmim_wire_transmit transmit;
  struct shmim_wire_receive receive;
  struct shmim_wire_control control;
  bool sends;
  bool milk;                /* sends over milk's wire */
  int32_t result;
  int peer;                 /* the test's end of the connection */
  pthread_t thread;
};

static void *run_end(void *argument) {
  struct end *e = argument;
  const struct shmim_transmit milk = {.wait = e->transmit.wait,
                                      .fd = e->transmit.fd,
                                      .slice_mode = e->transmit.slice_mode};
  e->result =
      e->milk    ? shmim_transmit(e->s, &milk, &e->control.common)
      : e->sends ? shmim_wire_transmit(e->s, &e->transmit, &e->control)
                 : shmim_wire_receive(e->s, &e->receive, &e->control);
  return NULL;
}

static bool connect_end(struct end *e, int64_t *fd) {
  const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return false;
  }
  setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  *fd = fds[0];
  e->peer = fds[1];
  return true;
}

/* A transmitting pump that begins behind what is there. */
static struct end transmitting(struct shmim_stream *s) {
  return (struct end){
      .s = s,
      .sends = true,
      .transmit = {.wait = {.mode = SHMIM_WAIT_POLL,
                            .sem = -1,
                            .poll_us = 20,
                            .last = shmim_frame_counter(s)},
                   .policy = SHMIM_POLICY_LATEST,
                   .piece_bytes = WIRE_PIECE_MIN,
                   .ping_ms = 1000},
  };
}

static struct end receiving(struct shmim_stream *s) {
  return (struct end){
      .s = s,
      .receive = {.piece_bytes = WIRE_PIECE_MIN},
  };
}

static bool start(struct end *e) {
  return connect_end(e, e->sends ? &e->transmit.fd : &e->receive.fd) &&
         pthread_create(&e->thread, NULL, run_end, e) == 0;
}

static void stop(struct end *e) {
  __atomic_store_n(&e->control.common.stop, SHMIM_STOP_NOW, __ATOMIC_RELEASE);
  pthread_join(e->thread, NULL);
  close(e->peer);
}

static uint64_t now(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/* True once a word of the control block has reached a value. */
static bool reaches(const uint64_t *word, uint64_t value) {
  for (int i = 0; i < PATIENCE_MS; i++) {
    if (now(word) >= value) {
      return true;
    }
    sleep_ms(1);
  }
  return false;
}

static bool take(int fd, void *out, size_t bytes) {
  return recv(fd, out, bytes, MSG_WAITALL) == (ssize_t)bytes;
}

/* The next frame of one piece; keyword messages before it are noted. */
static bool hear(int fd, struct wire_frame *head, uint8_t *pixels,
                 uint64_t *empty) {
  const uint64_t patience = monotonic_ns() + PATIENCE_MS * 1000000ull;
  while (monotonic_ns() < patience) {
    uint32_t type;
    struct wire_ping ping;
    struct wire_keywords words;
    struct wire_mark_bytes mark;
    uint8_t records[64 * KEYWORD_BYTES];
    if (recv(fd, &type, sizeof type, MSG_PEEK | MSG_WAITALL) !=
        sizeof type) {
      return false;
    }
    switch (type) {
    case WIRE_PING:
      if (!take(fd, &ping, sizeof ping)) {
        return false;
      }
      break;
    case WIRE_KEYWORDS:
      if (!take(fd, &words, sizeof words) || words.count > 64) {
        return false;
      }
      if (words.count == 0) {
        ++*empty;
      } else if (!take(fd, records, words.count * KEYWORD_BYTES)) {
        return false;
      }
      break;
    case WIRE_FRAME:
      return take(fd, head, sizeof *head) &&
             head->bytes <= WIRE_PIECE_MIN &&
             take(fd, pixels, head->bytes) &&
             take(fd, &mark, sizeof mark) && mark.what == WIRE_END;
    default:
      return false;
    }
  }
  return false;
}

/* A cube that rolls, `count` frames of it. */
static bool roll(struct shmim_stream *s, uint64_t count) {
  uint8_t slice[SLICE_BYTES];
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t n = shmim_frame_counter(s) + 1;
    const uint64_t k = n % SLICES;
    memset(slice, (int)n, sizeof slice);
    if (shmim_frame_write(s, slice, k * SLICE_BYTES, SLICE_BYTES, (int64_t)k,
                          NULL, NULL) != 0) {
      return false;
    }
  }
  return true;
}

/* A counter that goes back is a source that began anew. */
static void test_rolling_restart(void) {
  struct shmim_stream s;
  struct wire_frame head = {0};
  uint8_t pixels[WIRE_PIECE_MIN];
  uint64_t empty = 0;
  const uint64_t back = 5;
  CHECK(make(&s, "s", SLICES, 0) && roll(&s, 39));
  struct end e = transmitting(&s);
  e.transmit.slice_mode = SHMIM_SLICES_RING;
  e.transmit.policy = SHMIM_POLICY_EVERY;
  REQUIRE(start(&e));
  CHECK(roll(&s, 1) && hear(e.peer, &head, pixels, &empty));
  CHECK(head.cnt0 == 40 && pixels[0] == 40);
  CHECK(shmim_map_store(&s, s.cnt0, &back, 8) == 0 && roll(&s, 1));
  while (head.cnt0 != 6 && hear(e.peer, &head, pixels, &empty)) {
  }
  CHECK(head.cnt0 == 6 && head.slice == 6 % SLICES && pixels[0] == 6);
  stop(&e);
  CHECK(e.control.common.end == SHMIM_END_STOPPED);
  CHECK(e.control.common.skipped == 0 && e.control.common.last_cnt0 == 6);
  drop(&s, "s");
}

enum { MANY_KEYWORDS = 50 };

struct toggler {
  struct shmim_stream *s;
  atomic_bool stop;
};

/* The last record changes, and changes back. */
static void *toggle_keyword(void *argument) {
  struct toggler *t = argument;
  volatile uint8_t *byte =
      (uint8_t *)(uintptr_t)(t->s->base + t->s->keywords +
                             t->s->keyword_bytes - KEYWORD_BYTES);
  while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
    *byte ^= 1;
  }
  return NULL;
}

static void test_keyword_that_returns(void) {
  struct shmim_stream s;
  struct wire_frame head = {0};
  uint8_t pixels[WIRE_PIECE_MIN];
  uint64_t empty = 0;
  pthread_t thread;
  CHECK(make(&s, "s", 1, 0));
  s.keyword_bytes = MANY_KEYWORDS * KEYWORD_BYTES;
  CHECK(s.keywords + s.keyword_bytes <= s.data && shmim_stream_check(&s) == 0);
  struct end e = transmitting(&s);
  e.transmit.keywords = MANY_KEYWORDS;
  struct toggler t = {.s = &s};
  REQUIRE(start(&e));
  REQUIRE(pthread_create(&thread, NULL, toggle_keyword, &t) == 0);
  bool heard = true;
  for (int i = 0; i < 50000 && now(&e.control.keyword_updates) < 500 &&
                  heard && empty == 0;
       i++) {
    heard = shmim_frame_write(&s, NULL, 0, 0, -1, NULL, NULL) == 0 &&
            hear(e.peer, &head, pixels, &empty);
  }
  atomic_store(&t.stop, true);
  pthread_join(thread, NULL);
  stop(&e);
  CHECK(heard && empty == 0);
  drop(&s, "s");
}

/* CPU time that a thread has used, ms. */
static long cpu_ms(pthread_t thread) {
  clockid_t clock;
  struct timespec t;
  if (pthread_getcpuclockid(thread, &clock) != 0 ||
      clock_gettime(clock, &t) != 0) {
    return -1;
  }
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A writer that died between two frames, its flag up: whoever waits for it
 * sleeps. */
static void test_dead_writer(void) {
  enum { ENDS = 3, WATCH_MS = 600 };
  static const char *const names[ENDS] = {"image", "cube", "milk"};
  struct shmim_stream s[ENDS];
  struct end e[ENDS];
  const uint8_t up = 1;
  const uint64_t counted = 7;
  for (int i = 0; i < ENDS; i++) {
    CHECK(make(&s[i], names[i], i == 0 ? 1 : SLICES, 0));
    e[i] = transmitting(&s[i]);
    e[i].milk = i == 2;
    e[i].transmit.slice_mode = SHMIM_SLICES_RING;
    CHECK(shmim_map_store(&s[i], s[i].write_flag, &up, 1) == 0);
    CHECK(shmim_map_store(&s[i], s[i].cnt0, &counted, 8) == 0);
    REQUIRE(start(&e[i]));
  }
  sleep_ms(WATCH_MS);
  for (int i = 0; i < ENDS; i++) {
    const long used = cpu_ms(e[i].thread);
    CHECK(used >= 0 && used < WATCH_MS / 3);
    CHECK(e[i].control.common.frames == 0);
    /* And is there as soon as another one takes over. */
    CHECK(shmim_frame_write(&s[i], NULL, 0, 0, 1, NULL, NULL) == 0);
    CHECK(reaches(&e[i].control.common.frames, 1));
    stop(&e[i]);
    drop(&s[i], names[i]);
  }
}

/* What waited to be sent and never was is no secret. */
static void test_queue_at_a_stop(void) {
  enum { FRAMES = 400, WAITING = 3 };
  struct shmim_stream s;
  CHECK(make(&s, "s", 1, 0));
  struct end e = transmitting(&s);
  e.transmit.policy = SHMIM_POLICY_EVERY;
  e.transmit.queue = 16;
  REQUIRE(start(&e));
  const int least = 1; /* the kernel makes more of it */
  setsockopt((int)e.transmit.fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  uint64_t n = 0;
  /* The peer takes nothing. */
  while (n < FRAMES && now(&e.control.queued) < WAITING) {
    CHECK(shmim_frame_write(&s, NULL, 0, 0, -1, NULL, NULL) == 0);
    n++;
    for (int i = 0; i < PATIENCE_MS &&
                    now(&e.control.common.frames) + now(&e.control.queued) < n;
         i++) {
      sleep_ms(1);
    }
  }
  CHECK(now(&e.control.queued) >= WAITING);
  stop(&e);
  CHECK(e.control.common.end == SHMIM_END_STOPPED);
  CHECK(e.control.common.frames < n && e.control.queued == 0);
  CHECK(e.control.common.frames + e.control.common.skipped == n);
  drop(&s, "s");
}

/* A FIFO of cubes: fields of segments, times in ns, no circular buffer. */
enum { SEGMENTS = 3, CUBE_SLICES = 2, LARGE = 2 * WIRE_PIECE_MIN };

static bool make_fifo(struct shmim_stream *s, const char *name,
                      uint64_t slice_bytes) {
  const uint64_t length = DATA + SEGMENTS * CUBE_SLICES * slice_bytes;
  const int fd = shmim_file_create(path_of(name), 0600, length);
  *s = (struct shmim_stream){
      .cnt0 = 0,
      .cnt1 = 8,
      .cnt2 = 16,
      .write_flag = 24,
      .atime = 32,
      .time_ns = 1,
      .segments = SEGMENTS,
      .segment_record = 40,
      .segment_index = 120,
      .keyword_record = KEYWORD_BYTES,
      .sem_stride = SHMIM_SEM_BYTES,
      .data = DATA,
      .data_bytes = CUBE_SLICES * slice_bytes,
      .slice_bytes = slice_bytes,
      .slices = CUBE_SLICES,
      .clock = CLOCK_REALTIME,
      .own_counter = ~0ull,
  };
  const bool made = fd >= 0 && shmim_map(s, fd, length, 1) == 0 &&
                    shmim_stream_check(s) == 0;
  shmim_fd_close(fd);
  return made;
}

/* Sends a frame of one value, or one slice of it, as a transmitter does. */
static bool say(int fd, uint64_t counter, uint32_t slice, uint64_t bytes,
                uint8_t value) {
  uint8_t pixels[CUBE_SLICES * LARGE];
  memset(pixels, value, bytes);
  const struct wire_frame head = {.type = WIRE_FRAME,
                                  .cnt0 = counter,
                                  .cnt1 = slice == WIRE_WHOLE ? 0 : slice,
                                  .age_ns = WIRE_UNKNOWN,
                                  .slice = slice,
                                  .bytes = bytes};
  uint32_t crc = shmim_crc32c(0, &head, sizeof head, 0);
  bool sent = send(fd, &head, sizeof head, MSG_NOSIGNAL) == sizeof head;
  for (uint64_t at = 0; sent && at < bytes; at += WIRE_PIECE_MIN) {
    const uint64_t left = bytes - at;
    const bool last = left <= WIRE_PIECE_MIN;
    const uint64_t n = last ? left : WIRE_PIECE_MIN;
    crc = shmim_crc32c(crc, pixels + at, n, 0);
    const struct wire_mark_bytes mark = {.what = last ? WIRE_END : WIRE_MORE,
                                         .crc = last ? crc : 0};
    sent = send(fd, pixels + at, n, MSG_NOSIGNAL) == (ssize_t)n &&
           send(fd, &mark, sizeof mark, MSG_NOSIGNAL) == sizeof mark;
  }
  return sent;
}

/* True where the newest frame has these values in its slices. */
static bool holds(const struct shmim_stream *s, uint8_t first,
                  uint8_t second) {
  uint8_t pixels[CUBE_SLICES * LARGE];
  struct shmim_frame frame;
  const uint64_t n = s->slice_bytes;
  return shmim_frame_read(s, pixels, 0, s->data_bytes, 4, &frame) == 0 &&
         !frame.torn && pixels[0] == first && pixels[n - 1] == first &&
         pixels[n] == second && pixels[2 * n - 1] == second;
}

/* One slice changes: the others of the cube are those of the frame before,
 * also where the frame lies in another segment. */
static void test_slice_into_fifo(void) {
  for (uint64_t bytes = SLICE_BYTES; bytes <= LARGE; bytes += LARGE - 16) {
    for (uint64_t direct = 0; direct <= 1; direct++) {
      struct shmim_stream s;
      CHECK(make_fifo(&s, "fifo", bytes));
      struct end e = receiving(&s);
      e.receive.direct = direct;
      REQUIRE(start(&e));
      CHECK(say(e.peer, 1, WIRE_WHOLE, CUBE_SLICES * bytes, 5));
      CHECK(say(e.peer, 2, 1, bytes, 9));
      CHECK(reaches(&e.control.common.frames, 2));
      CHECK(holds(&s, 5, 9));
      CHECK(say(e.peer, 3, 0, bytes, 7));
      CHECK(reaches(&e.control.common.frames, 3));
      CHECK(holds(&s, 7, 9));
      stop(&e);
      CHECK(e.control.common.end == SHMIM_END_STOPPED);
      drop(&s, "fifo");
    }
  }
  /* The same by the call that puts one frame. */
  struct shmim_stream s;
  uint8_t pixels[CUBE_SLICES * SLICE_BYTES];
  struct shmim_frame frame = {.cnt0 = 1};
  CHECK(make_fifo(&s, "fifo", SLICE_BYTES));
  memset(pixels, 5, sizeof pixels);
  CHECK(shmim_frame_put(&s, pixels, 0, sizeof pixels, -1, &frame, 1) == 0);
  memset(pixels, 9, sizeof pixels);
  frame.cnt0 = 2;
  CHECK(shmim_frame_put(&s, pixels, SLICE_BYTES, SLICE_BYTES, 1, &frame, 2) ==
        0);
  CHECK(holds(&s, 5, 9));
  drop(&s, "fifo");
}

/* Frames that never came are no other writer's; what one counts is seen. */
static void test_foreign_of_a_copy(void) {
  struct shmim_stream s;
  uint8_t pixels[CUBE_SLICES * SLICE_BYTES] = {0};
  CHECK(make_fifo(&s, "fifo", SLICE_BYTES));
  struct shmim_stream other = s;
  const uint64_t counters[] = {7, 8, 20, 21, 1000, 3, 4};
  for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
    const struct shmim_frame frame = {.cnt0 = counters[i]};
    CHECK(shmim_frame_copy(&s, pixels, sizeof pixels, &frame, NULL) == 0);
    CHECK(s.own_counter == counters[i] && s.foreign == 0);
    CHECK(shmim_frame_counter(&s) == counters[i]);
  }
  CHECK(shmim_frame_write(&other, NULL, 0, 0, -1, NULL, NULL) == 0);
  CHECK(shmim_frame_write(&other, NULL, 0, 0, -1, NULL, NULL) == 0);
  const struct shmim_frame next = {.cnt0 = 30};
  CHECK(shmim_frame_copy(&s, pixels, sizeof pixels, &next, NULL) == 0);
  CHECK(s.foreign == 2 && shmim_frame_counter(&s) == 30);
  drop(&s, "fifo");
}

const struct test wires_tests[] = {
    {"shmim_wire_transmit() of a ring whose counter goes back",
     test_rolling_restart},
    {"shmim_wire_transmit() of a keyword that changes back",
     test_keyword_that_returns},
    {"the pumps sleep where a writer died inside a frame", test_dead_writer},
    {"shmim_wire_transmit() counts what waits at a stop",
     test_queue_at_a_stop},
    {"shmim_wire_receive() of a slice into a FIFO",
     test_slice_into_fifo},
    {"shmim_frame_copy() knows another writer from a gap",
     test_foreign_of_a_copy},
    {NULL, NULL},
};
