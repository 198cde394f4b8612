/* Where bytes of a System V segment may be looked for, and where they are. */
#ifndef SHMIM_SYSV_H
#define SHMIM_SYSV_H

#include "internal.h"

static inline bool within(const struct shmim_segment *s, uint64_t offset,
                          uint64_t bytes) {
  return s != NULL && s->base != 0 && offset <= s->length &&
         bytes <= s->length - offset;
}

static inline bool is_word(const struct shmim_segment *s, uint64_t offset) {
  return within(s, offset, 8) && offset % 8 == 0;
}

static inline _Atomic uint64_t *cell(const struct shmim_segment *s,
                                     uint64_t offset) {
  return (_Atomic uint64_t *)(uintptr_t)(s->base + offset);
}

#endif
