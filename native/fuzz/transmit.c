/*
 * The transmitting pump on a source that another thread changes in every way
 * while it runs. What goes out must be whole frames of slices that exist.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

struct writer {
  struct shmim_stream *s;
  struct shmim_control *control;
  struct input in;
};

static void nap(long us) {
  const struct timespec t = {.tv_nsec = us * 1000};
  nanosleep(&t, NULL);
}

static void *write_hostile(void *argument) {
  struct writer *w = argument;
  struct shmim_stream own = *w->s;
  for (int i = 0; i < 8 && w->in.left > 0; i++) {
    disturb(&own, &w->in);
    if (take(&w->in, 1) & 1) {
      shmim_frame_write(&own, NULL, 0, 0, -1, NULL, NULL);
    }
    nap(20);
  }
  __atomic_store_n(&w->control->stop, 1, __ATOMIC_RELEASE);
  /* Wakes a pump that sleeps on its semaphore. */
  shmim_frame_write(&own, NULL, 0, 0, -1, NULL, NULL);
  return NULL;
}

/* Takes the sent bytes apart. */
static void check_sent(int fd, const struct shmim_stream *s,
                       uint64_t pixel_bytes, uint64_t wire) {
  static uint8_t bytes[1 << 20];
  size_t got = 0;
  ssize_t n;
  while ((n = recv(fd, bytes + got, sizeof bytes - got, 0)) > 0) {
    got += (size_t)n;
  }
  REQUIRE(got == sizeof bytes || got % wire == 0);
  for (size_t at = 0; at + wire <= got; at += wire) {
    uint64_t slice;
    memcpy(&slice, bytes + at + pixel_bytes + 8, 8);
    REQUIRE(slice < s->slices);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct shmim_control control;
  struct input in = {.at = data, .left = size};
  struct shmim_stream s;
  const uint64_t choice = take(&in, 1);
  const uint64_t mode = take(&in, 1);
  if (!open_stream(&s, &in, true)) {
    return 0;
  }
  const uint64_t announced = s.keyword_bytes / 128;
  struct shmim_transmit config = {
      .wait = {.mode = mode % 4,
               .sem = mode & 16 ? 0 : -1,
               .last = mode & 32 ? take_edge(&in) : shmim_frame_counter(&s),
               .poll_us = 20,
               .spin_us = 20},
      .slice_mode = choice & 3,
      .keywords = choice & 4 ? announced : announced / 2,
      .keywords_used = choice >> 3 & 1,
      .first = choice >> 4 & 1,
      .repeat_ms = choice >> 5 & 1,
      .allow_torn = choice >> 6 & 1,
  };
  int pair[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  memset(&control, 0, sizeof control);
  struct writer writer = {.s = &s, .control = &control, .in = in};
  pthread_t thread;
  REQUIRE(pthread_create(&thread, NULL, write_hostile, &writer) == 0);
  config.fd = pair[0];
  const int32_t rc = shmim_transmit(&s, &config, &control);
  REQUIRE(rc <= 0);
  REQUIRE(pthread_join(thread, NULL) == 0);
  REQUIRE(fcntl(pair[0], F_GETFD) == -1);
  const uint64_t pixels = s.slices > 1 ? s.slice_bytes : s.data_bytes;
  check_sent(pair[1], &s, pixels, pixels + 16 + config.keywords * 128);
  close(pair[1]);
  close_stream(&s);
  return 0;
}
