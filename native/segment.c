/*
 * What formats have beyond one frame and one kind of keyword record: the
 * segments of a FIFO, frames that come in packets, records of another size.
 */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/* A record's name, type and value are the same in all formats; the comment
 * fills its last bytes. */
#define KEYWORD_HEAD 40
#define KEYWORD_COMMENT 80

void keyword_load(const struct shmim_stream *s, uint64_t index, uint8_t *out) {
  const uint64_t bytes = s->keyword_record;
  const uint8_t *from = at(s, s->keywords + index * bytes);
  if (bytes == KEYWORD_BYTES) {
    memcpy(out, from, KEYWORD_BYTES);
    return;
  }
  memset(out, 0, KEYWORD_BYTES);
  memcpy(out, from, KEYWORD_HEAD);
  memcpy(out + KEYWORD_BYTES - KEYWORD_COMMENT, from + bytes - KEYWORD_COMMENT,
         KEYWORD_COMMENT);
}

void keyword_store(const struct shmim_stream *s, uint64_t index,
                   const uint8_t *in) {
  const uint64_t bytes = s->keyword_record;
  uint8_t *to = at(s, s->keywords + index * bytes);
  if (bytes == KEYWORD_BYTES) {
    memcpy(to, in, KEYWORD_BYTES);
    return;
  }
  memcpy(to, in, KEYWORD_HEAD);
  memcpy(to + bytes - KEYWORD_COMMENT, in + KEYWORD_BYTES - KEYWORD_COMMENT,
         KEYWORD_COMMENT);
}

void carry_over(const struct shmim_stream *s) {
  memcpy(segment_pixels(s, segment_writing(s)),
         segment_pixels(s, segment_stored(s)), s->data_bytes);
}

/*
 * Where in the mapping the pixels of the newest frame lie, or, with
 * `writing`, those of the frame that is written next. 0 where nothing is
 * mapped.
 */
uint64_t shmim_frame_place(const struct shmim_stream *s, int32_t writing) {
  uint64_t counter;
  if (s == NULL || s->base == 0) {
    return 0;
  }
  const uint64_t k =
      writing ? segment_writing(s) : segment_newest(s, &counter);
  return s->data + k * s->data_bytes;
}

/* Byte distance of the newest frame's fields from those of the first. */
uint64_t shmim_frame_record(const struct shmim_stream *s) {
  uint64_t counter;
  if (s == NULL || s->base == 0) {
    return 0;
  }
  return segment_newest(s, &counter) * s->segment_record;
}

static bool past_segment(const struct shmim_stream *s, void *out,
                         uint64_t bytes, uint64_t back,
                         struct shmim_frame *frame) {
  uint64_t counter;
  const uint64_t n = s->segments > 1 ? s->segments : 1;
  const uint64_t newest = segment_newest(s, &counter);
  const uint64_t k = (newest + n - back) % n;
  const uint64_t wanted = counter - back;
  if (segment_flag(s, k) != 0 || segment_counter(s, k) != wanted) {
    return false;
  }
  memcpy(out, segment_pixels(s, k), bytes);
  note_frame(s, k, frame);
  frame->cnt0 = wanted;
  atomic_thread_fence(memory_order_acquire);
  /* The oldest one is written next, perhaps as a whole between two looks. */
  return memcmp(out, segment_pixels(s, k), bytes) == 0 &&
         segment_flag(s, k) == 0 && segment_counter(s, k) == wanted;
}

/* A slot of a circular buffer has no times of its own. */
static bool past_slot(const struct shmim_stream *s, void *out, uint64_t bytes,
                      uint64_t back, struct shmim_frame *frame) {
  const uint32_t index = atomic_load((_Atomic uint32_t *)at(s, s->ring_index));
  const uint64_t cycle = atomic_load(word(s, s->ring_cycle));
  const uint64_t now = cycle * s->ring_slots + index;
  if (index >= s->ring_slots || now != load_counter(s)) {
    return false;
  }
  const uint64_t k = (index + s->ring_slots - back) % s->ring_slots;
  memcpy(out, at(s, s->ring_data + k * s->data_bytes), bytes);
  atomic_thread_fence(memory_order_acquire);
  memset(frame, 0, sizeof *frame);
  frame->cnt0 = now - back;
  return load_counter(s) + back + 1 < now + s->ring_slots ||
         (load_counter(s) == now && load_flag(s) == 0);
}

/*
 * Copies the frame `back` frames before the newest one. -ENODATA: the stream
 * keeps, or has had, fewer. -EAGAIN: a writer came in between; try again.
 */
int32_t shmim_frame_past(const struct shmim_stream *s, void *out,
                         uint64_t bytes, uint64_t back,
                         struct shmim_frame *frame) {
  if (s == NULL || s->base == 0 || out == NULL || frame == NULL) {
    return -EINVAL;
  }
  const bool ring = s->segments < 2 && s->ring_slots > 1;
  const uint64_t kept = ring               ? s->ring_slots
                        : s->segments > 1 ? s->segments
                                          : 1;
  if (bytes != s->data_bytes) {
    return -ERANGE;
  }
  if (back >= kept || (back > 0 && load_counter(s) <= back)) {
    return -ENODATA;
  }
  const bool whole = ring ? past_slot(s, out, bytes, back, frame)
                          : past_segment(s, out, bytes, back, frame);
  const int32_t rc = guard_status(s);
  return rc != 0 ? rc : whole ? 0 : -EAGAIN;
}

/*
 * Stores a part of the next frame without publishing it: `packet` holds its
 * number, the packets of a frame, the number of the frame and the index of
 * its first pixel, and how many pixels it has. Readers of packets watch the
 * number of the frame, which is therefore stored last. shmim_frame_end() of
 * the last packet publishes the frame.
 */
int32_t shmim_frame_packet(const struct shmim_stream *s, const void *in,
                           uint64_t offset, uint64_t bytes,
                           const uint64_t *packet) {
  if (s == NULL || s->base == 0 || in == NULL || packet == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (s->packets == 0 || packet[0] >= s->packet_max ||
      offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  const uint64_t k = segment_writing(s);
  const uint64_t record = k * s->segment_record;
  const uint32_t fields[4] = {(uint32_t)packet[3], (uint32_t)packet[4],
                              (uint32_t)packet[0], (uint32_t)packet[1]};
  raise_flag(s, s->data_bytes); /* its other packets are there already */
  memcpy(segment_pixels(s, k) + offset, in, bytes);
  memcpy(at(s, s->packets + record), fields, sizeof fields);
  atomic_store_explicit(word(s, s->packet_frames + record + 8 * packet[0]),
                        packet[2], memory_order_release);
  return shmim_frame_end((struct shmim_stream *)(uintptr_t)s, 0, NULL, NULL);
}
