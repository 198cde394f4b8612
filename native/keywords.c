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
  const uint8_t *from = at(s, s->keywords);
  uint64_t n = 0;
  bool more = false;
  for (uint64_t o = 0; o < s->keyword_bytes; o += KEYWORD_BYTES) {
    if (used(from + o)) {
      more = n == count;
      if (more) {
        break;
      }
      memcpy(out + n++ * KEYWORD_BYTES, from + o, KEYWORD_BYTES);
    } else if (from[o] == 0) {
      break;
    }
  }
  for (; n < count; n++) {
    memset(out + n * KEYWORD_BYTES, 0, KEYWORD_BYTES);
    out[n * KEYWORD_BYTES + 16] = 'N';
  }
  return more;
}
