/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), as iSCSI and SCTP
 * have it: by the processor's instruction where there is one, else by a table
 * that takes eight bytes a step. The register is inverted before and after.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>

#include "wire.h"

#define POLYNOMIAL 0x82f63b78u

/* Bytes of each of the three runs that the instruction works on at once: it
 * takes three cycles, and one can be begun in each. */
#define RUN 4096u

static uint32_t table[8][256];
/* What a register becomes when RUN zero bytes follow, by its four bytes. */
static uint32_t shift[4][256];
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static bool fast;

static uint32_t step_bytes(uint32_t crc, const uint8_t *p, uint64_t n) {
  while (n-- > 0) {
    crc = table[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

static void prepare(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; bit++) {
      c = c & 1 ? (c >> 1) ^ POLYNOMIAL : c >> 1;
    }
    table[0][i] = c;
  }
  for (uint32_t i = 0; i < 256; i++) {
    for (int k = 1; k < 8; k++) {
      const uint32_t c = table[k - 1][i];
      table[k][i] = table[0][c & 0xff] ^ (c >> 8);
    }
  }
  /* The register is linear: each of its bits by itself, then the sums. */
  uint32_t bits[32];
  for (int b = 0; b < 32; b++) {
    uint32_t c = 1u << b;
    for (uint32_t i = 0; i < RUN; i++) {
      c = table[0][c & 0xff] ^ (c >> 8);
    }
    bits[b] = c;
  }
  for (int byte = 0; byte < 4; byte++) {
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = 0;
      for (int b = 0; b < 8; b++) {
        c ^= i >> b & 1 ? bits[8 * byte + b] : 0;
      }
      shift[byte][i] = c;
    }
  }
#if defined(__x86_64__)
  fast = __builtin_cpu_supports("sse4.2");
#elif defined(__aarch64__)
  fast = (getauxval(AT_HWCAP) & 1 << 7) != 0; /* HWCAP_CRC32 */
#endif
}

static uint32_t by_table(uint32_t crc, const uint8_t *p, uint64_t n) {
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    w ^= crc;
    crc = table[7][w & 0xff] ^ table[6][w >> 8 & 0xff] ^
          table[5][w >> 16 & 0xff] ^ table[4][w >> 24 & 0xff] ^
          table[3][w >> 32 & 0xff] ^ table[2][w >> 40 & 0xff] ^
          table[1][w >> 48 & 0xff] ^ table[0][w >> 56];
  }
  return step_bytes(crc, p, n);
}

#if defined(__x86_64__)
#define FAST __attribute__((target("sse4.2")))
#define WORD(crc, w) ((uint32_t)__builtin_ia32_crc32di(crc, w))
#elif defined(__aarch64__)
#define FAST
static inline uint32_t WORD(uint32_t crc, uint64_t w) {
  __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(w));
  return crc;
}
#endif

#if defined(FAST)
static inline uint32_t shifted(uint32_t crc) {
  return shift[0][crc & 0xff] ^ shift[1][crc >> 8 & 0xff] ^
         shift[2][crc >> 16 & 0xff] ^ shift[3][crc >> 24];
}

FAST static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                    uint64_t n) {
  for (; n >= 3 * RUN; n -= 3 * RUN, p += 3 * RUN) {
    uint32_t second = 0;
    uint32_t third = 0;
    for (uint32_t i = 0; i < RUN; i += 8) {
      uint64_t w[3];
      memcpy(&w[0], p + i, 8);
      memcpy(&w[1], p + RUN + i, 8);
      memcpy(&w[2], p + 2 * RUN + i, 8);
      crc = WORD(crc, w[0]);
      second = WORD(second, w[1]);
      third = WORD(third, w[2]);
    }
    crc = shifted(shifted(crc) ^ second) ^ third;
  }
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t w;
    memcpy(&w, p, 8);
    crc = WORD(crc, w);
  }
  return step_bytes(crc, p, n);
}
#else
static uint32_t by_instruction(uint32_t crc, const uint8_t *p, uint64_t n) {
  return by_table(crc, p, n);
}
#endif

/* The sum of what `crc` is the sum of, and `n` more bytes; 0 to begin. */
uint32_t shmim_crc32c(uint32_t crc, const void *bytes, uint64_t n,
                      int32_t plain) {
  if (bytes == NULL && n > 0) {
    return 0;
  }
  pthread_once(&prepared, prepare);
  crc = ~crc;
  crc = fast && !plain ? by_instruction(crc, bytes, n)
                       : by_table(crc, bytes, n);
  return ~crc;
}
