/* The calls that publish frames. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

/*
 * Publishes a frame: `bytes` of `in` at `offset` of the data block, or
 * nothing new where `in` is NULL. `slice` is stored as cnt1, -1 leaves it;
 * `atime` is two int64 (seconds, nanoseconds) or NULL for "now".
 */
int32_t shmim_frame_write(struct shmim_stream *s, const void *in,
                          uint64_t offset, uint64_t bytes, int64_t slice,
                          const int64_t *atime, struct shmim_frame *frame) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  raise_flag(s, in != NULL ? bytes : 0);
  if (in != NULL && bytes > 0) {
    memcpy(segment_pixels(s, segment_writing(s)) + offset, in, bytes);
  }
  return publish(s, slice, atime, NULL, NULL, frame);
}

/*
 * Publishes a whole frame with the counters and times of its original, which
 * were turned into this stream's clock. Where nothing was published there,
 * only the pixels are stored.
 */
int32_t shmim_frame_copy(struct shmim_stream *s, const void *in,
                         uint64_t bytes, const struct shmim_frame *original,
                         struct shmim_frame *frame) {
  if (s == NULL || s->base == 0 || in == NULL || original == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (bytes != s->data_bytes) {
    return -ERANGE;
  }
  const int64_t atime[2] = {original->atime_s, original->atime_ns};
  const struct trigger trigger = {.copy = original};
  raise_flag(s, bytes);
  memcpy(segment_pixels(s, segment_writing(s)), in, bytes);
  if (original->cnt0 == 0) {
    return shmim_frame_end(s, 0, NULL, NULL);
  }
  return publish(s, (int64_t)(original->cnt1 & INT64_MAX), atime, NULL,
                 &trigger, frame);
}

/* Copies a frame of elsewhere into the stream and publishes it as publish_as()
 * does; what is checked is what addresses memory. */
int32_t shmim_frame_put(struct shmim_stream *s, const void *in,
                        uint64_t offset, uint64_t bytes, int64_t slice,
                        const struct shmim_frame *frame, uint64_t run) {
  struct timespec begun;
  if (s == NULL || s->base == 0 || in == NULL || frame == NULL) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (offset > s->data_bytes || bytes > s->data_bytes - offset) {
    return -ERANGE;
  }
  clock_gettime((clockid_t)s->clock, &begun);
  raise_flag(s, bytes);
  memcpy(segment_pixels(s, segment_writing(s)) + offset, in, bytes);
  const int32_t rc = publish_as(s, slice, frame, run, &begun);
  return rc != 0 ? rc : guard_status(s);
}

/* Raises the write flag, for pixels that are changed in several calls. */
int32_t shmim_frame_begin(const struct shmim_stream *s) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  raise_flag(s, 0);
  return guard_status(s);
}

/* Publishes what was changed since shmim_frame_begin(), or only lowers the
 * flag where the change failed. */
int32_t shmim_frame_end(struct shmim_stream *s, int32_t published,
                        const int64_t *atime, struct shmim_frame *frame) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (!published) {
    lower_flag(s);
    return guard_status(s);
  }
  return publish(s, -1, atime, NULL, NULL, frame);
}
