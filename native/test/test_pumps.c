/* The pumps of milk's wire, with good, cut and hostile peers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

struct pump {
  struct shmim_stream *s;
  struct shmim_receive receive;
  struct shmim_transmit transmit;
  struct shmim_control control;
  int32_t result;
  bool sends;
  pthread_t thread;
};

static void *run_pump(void *argument) {
  struct pump *p = argument;
  p->result = p->sends ? shmim_transmit(p->s, &p->transmit, &p->control)
                       : shmim_receive(p->s, &p->receive, &p->control);
  return NULL;
}

static void start_receive(struct pump *p, struct shmim_stream *s, int fd,
                          uint64_t keywords) {
  *p = (struct pump){.s = s};
  p->receive.fd = fd;
  p->receive.pixel_bytes = s->slice_bytes;
  p->receive.keyword_bytes = keywords * 128;
  pthread_create(&p->thread, NULL, run_pump, p);
}

static void start_transmit(struct pump *p, struct shmim_stream *s, int fd,
                           uint64_t keywords) {
  *p = (struct pump){.s = s, .sends = true};
  p->transmit.fd = fd;
  p->transmit.keywords = keywords;
  p->transmit.wait = (struct shmim_wait){.mode = SHMIM_WAIT_POLL,
                                         .sem = -1,
                                         .poll_us = 50,
                                         .last = shmim_frame_counter(s)};
  pthread_create(&p->thread, NULL, run_pump, p);
}

static void join(struct pump *p) {
  pthread_join(p->thread, NULL);
}

static void stop(struct pump *p) {
  __atomic_store_n(&p->control.stop, 1, __ATOMIC_RELEASE);
  join(p);
}

/* True once the pump has handled so many frames. */
static bool reaches(const struct pump *p, uint64_t frames) {
  for (int i = 0; i < 30000; i++) {
    if (__atomic_load_n(&p->control.frames, __ATOMIC_ACQUIRE) >= frames) {
      return true;
    }
    sleep_ms(1);
  }
  return false;
}

static bool pair(int fds[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0;
}

/* A frame of one slice on the wire. */
static size_t wire(uint8_t *out, uint8_t value, uint64_t counter,
                   uint64_t slice, uint64_t keywords) {
  memset(out, value, SLICE_BYTES);
  memcpy(out + SLICE_BYTES, &counter, 8);
  memcpy(out + SLICE_BYTES + 8, &slice, 8);
  memset(out + SLICE_BYTES + 16, 'k', keywords * 128);
  return SLICE_BYTES + 16 + keywords * 128;
}

static void test_receive(void) {
  for (uint64_t keywords = 0; keywords <= 5; keywords++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[1024];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], keywords);
    for (uint64_t n = 1; n <= 6; n++) {
      const size_t bytes =
          wire(frame, (uint8_t)n, 2 * n, n % SLICES, keywords);
      /* In two pieces, as a network may deliver it. */
      CHECK(send(fds[0], frame, n * 3, 0) == (ssize_t)(n * 3));
      CHECK(send(fds[0], frame + n * 3, bytes - n * 3, 0) > 0);
    }
    CHECK(reaches(&p, 6));
    close(fds[0]);
    join(&p);
    CHECK(p.result == 0 && p.control.end == SHMIM_END_PEER);
    CHECK(p.control.frames == 6 && p.control.last_cnt0 == 12);
    CHECK(p.control.skipped == 5 && shmim_frame_counter(&s) == 6);
    uint8_t pixels[DATA_BYTES];
    struct shmim_frame facts;
    CHECK(shmim_frame_read(&s, pixels, 0, DATA_BYTES, 1, &facts) == 0);
    CHECK(pixels[0] == 6 && pixels[SLICE_BYTES] == 4);
    CHECK(facts.cnt1 == 0);
    uint8_t records[KEYWORDS * 128];
    CHECK(shmim_map_load(&s, s.keywords, records, sizeof records) == 0);
    CHECK((records[0] == 'k') == (keywords > 0));
    CHECK((records[255] == 'k') == (keywords > 1));
    drop(&s, "s");
  }
}

static void test_receive_hostile_slice(void) {
  const uint64_t slices[] = {SLICES, 99, UINT32_MAX, 1ull << 63, UINT64_MAX};
  for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[64];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], 0);
    const size_t bytes = wire(frame, 1, 1, slices[i], 0);
    CHECK(send(fds[0], frame, bytes, 0) == (ssize_t)bytes);
    join(&p);
    CHECK(p.control.end == SHMIM_END_SLICE);
    CHECK(p.control.detail == (int64_t)slices[i]);
    CHECK(shmim_frame_counter(&s) == 0);
    close(fds[0]);
    drop(&s, "s");
  }
}

static void test_receive_cut(void) {
  for (size_t cut = 1; cut < SLICE_BYTES + 16 + 128; cut += 13) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t frame[256];
    CHECK(make(&s, "s", SLICES, 0) && pair(fds));
    start_receive(&p, &s, fds[1], 1);
    wire(frame, 9, 1, 0, 1);
    CHECK(send(fds[0], frame, cut, 0) == (ssize_t)cut);
    close(fds[0]);
    join(&p);
    CHECK(p.control.end == SHMIM_END_CUT && p.control.frames == 0);
    uint8_t pixel;
    CHECK(shmim_map_load(&s, s.data, &pixel, 1) == 0 && pixel == 0);
    CHECK(shmim_frame_counter(&s) == 0);
    drop(&s, "s");
  }
}

static void test_receive_noise(void) {
  unsigned seed = 1;
  for (int round = 0; round < 20; round++) {
    struct shmim_stream s;
    struct pump p;
    int fds[2];
    uint8_t noise[4096];
    CHECK(make(&s, "s", SLICES, RING) && pair(fds));
    start_receive(&p, &s, fds[1], (uint64_t)round);
    for (size_t i = 0; i < sizeof noise; i++) {
      seed = seed * 1103515245u + 12345u;
      noise[i] = (uint8_t)(seed >> 24);
    }
    send(fds[0], noise, sizeof noise, MSG_NOSIGNAL);
    close(fds[0]);
    join(&p);
    CHECK(p.control.end != SHMIM_END_RUNNING);
    drop(&s, "s");
  }
}

static void test_receive_ends(void) {
  struct shmim_stream s;
  struct pump p;
  int fds[2];
  uint8_t frame[64];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  start_receive(&p, &s, fds[1], 0);
  stop(&p);
  CHECK(p.control.end == SHMIM_END_STOPPED);
  CHECK(send(fds[0], frame, 1, MSG_NOSIGNAL) < 0); /* it closed its end */
  close(fds[0]);
  CHECK(pair(fds));
  p = (struct pump){.s = &s};
  p.receive = (struct shmim_receive){.fd = fds[1], .idle_ms = 20,
                                     .pixel_bytes = SLICE_BYTES};
  run_pump(&p);
  CHECK(p.control.end == SHMIM_END_IDLE);
  close(fds[0]);
  p.receive.pixel_bytes = SLICE_BYTES + 1;
  p.receive.fd = -1;
  run_pump(&p);
  CHECK(p.result == -EINVAL);
  /* A repeated frame is counted and not published again. */
  CHECK(pair(fds));
  start_receive(&p, &s, fds[1], 0);
  for (int i = 0; i < 3; i++) {
    const size_t bytes = wire(frame, 5, 1, 1, 0);
    CHECK(send(fds[0], frame, bytes, 0) == (ssize_t)bytes);
  }
  close(fds[0]);
  join(&p);
  CHECK(p.control.frames == 1 && p.control.repeats == 2);
  CHECK(shmim_frame_counter(&s) == 1);
  /* The local file shrinks: an error, not a dead process. */
  CHECK(pair(fds));
  start_receive(&p, &s, fds[1], 0);
  CHECK(truncate(path_of("s"), 4096) == 0);
  send(fds[0], frame, wire(frame, 6, 2, 2, 0), MSG_NOSIGNAL);
  join(&p);
  CHECK(p.control.end == SHMIM_END_ERROR && p.control.error == EBADFD);
  close(fds[0]);
  drop(&s, "s");
}

static bool tcp(int fds[2], struct sockaddr_in *local,
                struct sockaddr_in *remote) {
  socklen_t n = sizeof *local;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  *remote = (struct sockaddr_in){.sin_family = AF_INET};
  remote->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool done = bind(listener, (struct sockaddr *)remote, n) == 0 &&
              listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr *)remote, &n) == 0;
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  done = done && connect(fds[0], (struct sockaddr *)remote, n) == 0;
  fds[1] = accept(listener, NULL, NULL);
  done = done && getsockname(fds[0], (struct sockaddr *)local, &n) == 0;
  close(listener);
  return done && fds[1] >= 0;
}

static void test_both_pumps(void) {
  struct shmim_stream from;
  struct shmim_stream to;
  struct pump sender;
  struct pump receiver;
  struct sockaddr_in local;
  struct sockaddr_in remote;
  int fds[2];
  uint8_t pixels[DATA_BYTES];
  struct shmim_frame facts;
  CHECK(make(&from, "from", 1, 0) && make(&to, "to", 1, 0));
  CHECK(tcp(fds, &local, &remote));
  const int taken =
      shmim_socket_take("127.0.0.1", ntohs(local.sin_port), "127.0.0.1",
                        ntohs(remote.sin_port));
  CHECK(taken >= 0 && shmim_socket_tune(taken, 5000) == 0);
  CHECK(shmim_socket_take("127.0.0.1", 1, "127.0.0.1", 1) == -ENOTCONN);
  CHECK(shmim_socket_take("nowhere", 1, "127.0.0.1", 1) == -EINVAL);
  CHECK(shmim_socket_take(NULL, 1, NULL, 1) == -EINVAL);
  close(fds[0]); /* the duplicate carries on */
  start_receive(&receiver, &to, fds[1], KEYWORDS);
  start_transmit(&sender, &from, taken, KEYWORDS);
  for (uint8_t n = 1; n <= 50; n++) {
    fill(pixels, n);
    CHECK(shmim_frame_write(&from, pixels, 0, DATA_BYTES, -1, NULL, NULL) ==
          0);
    CHECK(reaches(&receiver, n));
    CHECK(shmim_frame_read(&to, pixels, 0, DATA_BYTES, 1, &facts) == 0);
    CHECK(pixels[0] == n && pixels[DATA_BYTES - 1] == n);
  }
  stop(&sender);
  join(&receiver);
  CHECK(sender.control.end == SHMIM_END_STOPPED);
  CHECK(receiver.control.end == SHMIM_END_PEER);
  CHECK(sender.control.frames == 50 && receiver.control.frames == 50);
  CHECK(sender.control.skipped == 0 && receiver.control.skipped == 0);
  CHECK(sender.control.bytes == receiver.control.bytes);
  CHECK(receiver.control.latency_count == 50);
  drop(&from, "from");
  drop(&to, "to");
}

static void test_transmit_ends(void) {
  struct shmim_stream s;
  struct pump p;
  int fds[2];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  close(fds[1]);
  join(&p);
  CHECK(p.control.end == SHMIM_END_PEER);
  /* A peer that takes nothing does not hold a stop up. */
  CHECK(pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  for (int i = 0; i < 2000; i++) {
    shmim_frame_write(&s, NULL, 0, 0, i % SLICES, NULL, NULL);
  }
  stop(&p);
  CHECK(p.control.end == SHMIM_END_STOPPED);
  close(fds[1]);
  /* More keywords than there are would read beyond the records. */
  p.transmit.keywords = KEYWORDS + 1;
  p.transmit.fd = -1;
  run_pump(&p);
  CHECK(p.result == -EINVAL);
  /* The source shrinks. */
  CHECK(pair(fds));
  start_transmit(&p, &s, fds[0], KEYWORDS);
  CHECK(truncate(path_of("s"), 0) == 0);
  join(&p);
  CHECK(p.control.end == SHMIM_END_ERROR && p.control.error == EBADFD);
  close(fds[1]);
  drop(&s, "s");
}

/* The descriptor is the pump's from the call on. */
static void test_refused_pumps(void) {
  struct shmim_stream s;
  struct shmim_control control = {0};
  int fds[2];
  CHECK(make(&s, "s", SLICES, 0) && pair(fds));
  const struct shmim_receive in = {.fd = fds[0], .pixel_bytes = 1};
  CHECK(shmim_receive(&s, &in, &control) == -EINVAL);
  CHECK(control.end == SHMIM_END_ERROR && control.error == EINVAL);
  CHECK(fcntl(fds[0], F_GETFD) == -1);
  const struct shmim_transmit out = {.fd = fds[1], .keywords = 1ull << 58};
  CHECK(shmim_transmit(&s, &out, &control) == -EINVAL);
  CHECK(control.end == SHMIM_END_ERROR && control.error == EINVAL);
  CHECK(fcntl(fds[1], F_GETFD) == -1);
  drop(&s, "s");
}

/* Times that no clock gives: the sum must not overflow. */
static void test_transmit_foreign_times(void) {
  const int64_t times[] = {INT64_MIN, INT64_MAX, -264475882811, 0};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    struct shmim_stream s;
    struct shmim_control control = {0};
    int fds[2];
    CHECK(make(&s, "s", 1, 0) && pair(fds));
    CHECK(shmim_frame_write(&s, NULL, 0, 0, -1, NULL, NULL) == 0);
    memcpy((void *)(uintptr_t)(s.base + s.writetime), &times[i], 8);
    shutdown(fds[1], SHUT_WR); /* ends after the first frame */
    const struct shmim_transmit out = {.fd = fds[0], .first = 1};
    shmim_transmit(&s, &out, &control);
    CHECK(control.end == SHMIM_END_PEER && control.frames == 1);
    close(fds[1]);
    drop(&s, "s");
  }
}

const struct test pumps_tests[] = {
    {"shmim_receive() of good frames", test_receive},
    {"shmim_receive() of a hostile slice", test_receive_hostile_slice},
    {"shmim_receive() of a cut frame", test_receive_cut},
    {"shmim_receive() of noise", test_receive_noise},
    {"shmim_receive() ends", test_receive_ends},
    {"shmim_transmit() to shmim_receive()", test_both_pumps},
    {"shmim_transmit() ends", test_transmit_ends},
    {"shmim_transmit() and shmim_receive() that refuse", test_refused_pumps},
    {"shmim_transmit() of foreign times", test_transmit_foreign_times},
    {NULL, NULL},
};
