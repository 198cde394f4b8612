/*
 * Every synchronous call on a stream file whose words are hostile: counters,
 * the ring's index and cycle, semaphores, pids. The file may shrink.
 */
#define _GNU_SOURCE
#include <string.h>

#include "common.h"

static struct shmim_wait wait_of(struct input *in, uint64_t last) {
  return (struct shmim_wait){.mode = take(in, 1) % 5,
                             .sem = (int64_t)(int8_t)take(in, 1),
                             .last = last,
                             .timeout_us = take(in, 1) * 2,
                             .poll_us = 20,
                             .spin_us = 20};
}

static struct shmim_convert convert_of(struct input *in) {
  return (struct shmim_convert){.width = take_edge(in),
                                .out_bytes = take_edge(in),
                                .flip_sign = take(in, 1) & 1,
                                .scaled = take(in, 1) & 1,
                                .stored = take(in, 1) % 5,
                                .has_blank = take(in, 1) & 1,
                                .blank = 7,
                                .scale = 1.5,
                                .zero = -3};
}

static void one_call(struct shmim_stream *s, struct input *in,
                     uint8_t *out, uint64_t room) {
  struct shmim_frame frame;
  struct shmim_wait wait;
  struct shmim_convert convert;
  struct shmim_control control;
  int32_t values[8];
  const uint64_t offset = take_edge(in);
  const uint64_t wanted = take_edge(in);
  const uint64_t bytes = wanted <= room ? wanted : room;
  const int32_t index = (int32_t)(int8_t)take(in, 1);
  const int64_t slice = (int64_t)take_edge(in);
  switch (take(in, 1) % 18) {
  case 0:
    shmim_frame_read(s, out, offset, bytes, 3, &frame);
    break;
  case 1:
    shmim_frame_read(s, out, 0, s->data_bytes <= room ? s->data_bytes : room,
                     3, &frame);
    break;
  case 2:
    wait = wait_of(in, shmim_frame_counter(s) - (slice & 1));
    shmim_frame_wait(s, &wait);
    break;
  case 3:
    wait = wait_of(in, shmim_frame_counter(s) - (slice & 1));
    shmim_frame_next(s, &wait, out, offset, bytes, &frame);
    break;
  case 4:
    shmim_frame_write(s, out, offset, bytes, slice, NULL, &frame);
    break;
  case 5:
    shmim_frame_write(s, NULL, 0, 0, slice, NULL, &frame);
    break;
  case 6:
    shmim_frame_begin(s);
    shmim_frame_end(s, (int32_t)(slice & 1), NULL, &frame);
    break;
  case 7:
    shmim_sem_claim(s, index);
    break;
  case 8:
    shmim_sem_release(s, index);
    break;
  case 9:
    shmim_sem_flush(s, index);
    break;
  case 10:
    shmim_sem_post(s, index);
    break;
  case 11:
    shmim_sem_values(s, values, 8);
    break;
  case 12:
    shmim_map_load(s, offset, out, bytes);
    break;
  case 13:
    shmim_map_store(s, offset, out, bytes);
    break;
  case 14:
    convert = convert_of(in);
    shmim_convert_bytes(s, offset, out, room, take_edge(in), &convert);
    break;
  case 15:
    disturb(s, in);
    break;
  case 16: /* ends at once, having looked at what came */
    memset(&control, 0, sizeof control);
    wait = wait_of(in, shmim_frame_counter(s));
    control.stop = 1;
    shmim_observe(s, &wait, &control);
    REQUIRE(control.end == SHMIM_END_STOPPED);
    break;
  default: /* to whole pages or inside one */
    resize_stream(slice & 1 ? 0 : offset % LENGTH);
    break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t out[1024];
  struct input in = {.at = data, .left = size};
  struct shmim_stream s;
  if (!open_stream(&s, &in, (take(&in, 1) & 7) != 0)) {
    return 0;
  }
  for (int i = 0; i < 12 && in.left > 0; i++) {
    one_call(&s, &in, out, sizeof out);
  }
  close_stream(&s);
  return 0;
}
