/* Keyword records as a pump sends them. */
#define _GNU_SOURCE
#include <string.h>

#include "slices.h"

static bool used(const uint8_t *record) {
  return record[16] == 'L' || record[16] == 'D' || record[16] == 'S';
}

/* The used records packed into `count`; true where there are more. */
bool keywords_used(const struct shmim_stream *s, uint8_t *out,
                   uint64_t count) {
  const uint64_t records = s->keyword_bytes / s->keyword_record;
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
