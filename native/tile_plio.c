/*
 * PLIO_1: a mask as a list of 16-bit instructions, big-endian: four bits say
 * what, twelve how many or how much. What is left over is zero.
 */
#include "tile.h"

enum { ZEROS, SET, MORE, LESS, RUN, ZEROS_AND_ONE, MORE_AND_ONE, LESS_AND_ONE };

static int32_t word_at(const uint8_t *in, uint64_t i) {
  return (int16_t)((uint16_t)in[2 * i] << 8 | in[2 * i + 1]);
}

/* Where the instructions are: two layouts of the list's head. */
static bool head(const uint8_t *in, uint64_t words, uint64_t *first,
                 uint64_t *end) {
  if (words < 3) {
    return false;
  }
  if (word_at(in, 2) > 0) {
    *first = 3;
    *end = (uint64_t)word_at(in, 2);
  } else {
    if (words < 5 || word_at(in, 1) < 0 || word_at(in, 3) < 0 ||
        word_at(in, 4) < 0) {
      return false;
    }
    *first = (uint64_t)word_at(in, 1);
    *end = (uint64_t)word_at(in, 4) << 15 | (uint64_t)word_at(in, 3);
  }
  return *end <= words;
}

problem_t plio_decode(const uint8_t *in, uint64_t bytes, int32_t *out,
                      uint64_t n) {
  uint64_t first;
  uint64_t end;
  if (!head(in, bytes / 2, &first, &end)) {
    return SHMIM_TILE_ENDS;
  }
  memset(out, 0, n * sizeof *out);
  uint32_t value = 1;
  uint64_t done = 0;
  for (uint64_t i = first; i < end && done < n; i++) {
    const int32_t word = word_at(in, i);
    if (word < 0) {
      continue; /* says nothing */
    }
    const uint32_t data = (uint32_t)word & 4095;
    const uint64_t run = data < n - done ? data : n - done;
    switch (word >> 12) {
    case SET:
      if (++i >= end) {
        return SHMIM_TILE_ENDS;
      }
      value = ((uint32_t)word_at(in, i) << 12) + data;
      break;
    case MORE:
    case MORE_AND_ONE:
      value += data;
      break;
    case LESS:
    case LESS_AND_ONE:
      value -= data;
      break;
    case RUN:
      for (uint64_t k = 0; k < run; k++) {
        out[done + k] = (int32_t)value;
      }
      done += run;
      break;
    default: /* zeros, perhaps with a one at their end */
      done += run;
      if (word >> 12 == ZEROS_AND_ONE && run == data && run > 0) {
        out[done - 1] = (int32_t)value;
      }
      break;
    }
    if (word >> 12 >= MORE_AND_ONE) {
      out[done++] = (int32_t)value;
    }
  }
  return 0;
}
