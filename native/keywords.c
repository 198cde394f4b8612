/* Keyword records as they go over a wire: 128 bytes each, whatever the stream's
 * format stores. */
#define _GNU_SOURCE
#include <string.h>

#include "internal.h"

static uint64_t records_of(const struct shmim_stream *s) {
  return s->keyword_bytes / s->keyword_record;
}

static bool used(const uint8_t *record) {
  return record[16] == 'L' || record[16] == 'D' || record[16] == 'S';
}

/* The used records packed into `count`; true where there are more. */
static bool load_used(const struct shmim_stream *s, uint8_t *out,
                      uint64_t count) {
  const uint64_t records = records_of(s);
  uint64_t n = 0;
  bool more = false;
  for (uint64_t i = 0; i < records; i++) {
    uint8_t record[KEYWORD_BYTES];
    keyword_load(s, i, record);
    if (used(record)) {
      more = n == count;
      if (more) {
        break;
      }
      memcpy(out + n++ * KEYWORD_BYTES, record, KEYWORD_BYTES);
    } else if (record[0] == 0) {
      break;
    }
  }
  for (; n < count; n++) {
    memset(out + n * KEYWORD_BYTES, 0, KEYWORD_BYTES);
    out[n * KEYWORD_BYTES + 16] = 'N';
  }
  return more;
}

bool keywords_load(const struct shmim_stream *s, uint8_t *out, uint64_t count,
                   bool packed) {
  if (packed) {
    return load_used(s, out, count);
  }
  if (s->keyword_record == KEYWORD_BYTES) {
    memcpy(out, at(s, s->keywords), count * KEYWORD_BYTES); /* as they go */
    return false;
  }
  for (uint64_t i = 0; i < count; i++) {
    keyword_load(s, i, out + i * KEYWORD_BYTES);
  }
  return false;
}

void keywords_store(const struct shmim_stream *s, const uint8_t *in,
                    uint64_t count) {
  const uint64_t room = records_of(s);
  const uint64_t n = count < room ? count : room;
  if (s->keyword_record == KEYWORD_BYTES) {
    memcpy(at(s, s->keywords), in, n * KEYWORD_BYTES);
    return;
  }
  for (uint64_t i = 0; i < n; i++) {
    keyword_store(s, i, in + i * KEYWORD_BYTES);
  }
}

/* The first `count` records, or, with `packed`, the used ones of all: 1 where
 * there are more of these. */
int32_t shmim_keywords_load(const struct shmim_stream *s, void *out,
                            uint64_t count, int32_t packed) {
  if (s == NULL || s->base == 0 || (out == NULL && count > 0)) {
    return -EINVAL;
  }
  if (count > records_of(s)) {
    return -ERANGE;
  }
  const bool more = keywords_load(s, out, count, packed != 0);
  const int32_t rc = guard_status(s);
  return rc != 0 ? rc : more;
}

/* Stores so many records from the first on; what finds no room is left out. */
int32_t shmim_keywords_store(const struct shmim_stream *s, const void *in,
                             uint64_t count) {
  if (s == NULL || s->base == 0 || (in == NULL && count > 0)) {
    return -EINVAL;
  }
  if (!s->writable) {
    return -EACCES;
  }
  keywords_store(s, in, count);
  return guard_status(s);
}
