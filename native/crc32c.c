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
 * takes three cycles, and one can be begun in each. Short ones for what is
 * left, or a small frame would be one run. */
#define LONG_RUN 4096u
#define SHORT_RUN 512u

static uint32_t table[8][256];
/* A register times one of these is what it becomes when a run of zero bytes
 * follows. No table: a pump's is cold, and each look then waits for memory. */
static uint32_t past_long, past_short;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static bool fast;

static uint32_t step_bytes(uint32_t crc, const uint8_t *p, uint64_t n) {
  while (n-- > 0) {
    crc = table[0][(crc ^ *p++) & 0xff] ^ (crc >> 8);
  }
  return crc;
}

/* x to the power n modulo the polynomial, reflected. */
static uint32_t power(uint32_t n) {
  uint32_t v = 1u << 31;
  while (n-- > 0) {
    v = v & 1 ? (v >> 1) ^ POLYNOMIAL : v >> 1;
  }
  return v;
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
  /* What multiplies, and reduces by the instruction, adds 33 itself. */
  past_long = power(8 * LONG_RUN - 33);
  past_short = power(8 * SHORT_RUN - 33);
#if defined(__x86_64__)
  fast = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
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
#define FAST __attribute__((target("sse4.2,pclmul")))
#define WORD(crc, w) ((uint32_t)__builtin_ia32_crc32di(crc, w))
/* Without carry. */
FAST static inline uint64_t multiply(uint32_t a, uint32_t b) {
  typedef long long pair __attribute__((vector_size(16)));
  const pair x = {a, 0};
  const pair y = {b, 0};
  const pair product = __builtin_ia32_pclmulqdq128(x, y, 0);
  return (uint64_t)product[0];
}
#elif defined(__aarch64__)
#define FAST
static inline uint32_t WORD(uint32_t crc, uint64_t w) {
  __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(w));
  return crc;
}
static inline uint64_t multiply(uint32_t a, uint32_t b) {
  uint64_t product = 0;
  for (int bit = 0; bit < 32; bit++) {
    product ^= (uint64_t)b << bit & -(uint64_t)(a >> bit & 1);
  }
  return product;
}
#endif

#if defined(FAST)
FAST static inline uint32_t shifted(uint32_t past, uint32_t crc) {
  return WORD(0, multiply(crc, past));
}

/* Three runs, one behind the other. */
FAST static inline uint32_t three(uint32_t crc, const uint8_t *p, uint32_t run,
                                  uint32_t past) {
  uint32_t second = 0;
  uint32_t third = 0;
  for (uint32_t i = 0; i < run; i += 8) {
    uint64_t w[3];
    memcpy(&w[0], p + i, 8);
    memcpy(&w[1], p + run + i, 8);
    memcpy(&w[2], p + 2 * run + i, 8);
    crc = WORD(crc, w[0]);
    second = WORD(second, w[1]);
    third = WORD(third, w[2]);
  }
  return shifted(past, shifted(past, crc) ^ second) ^ third;
}

FAST static uint32_t by_instruction(uint32_t crc, const uint8_t *p,
                                    uint64_t n) {
  for (; n >= 3 * LONG_RUN; n -= 3 * LONG_RUN, p += 3 * LONG_RUN) {
    crc = three(crc, p, LONG_RUN, past_long);
  }
  for (; n >= 3 * SHORT_RUN; n -= 3 * SHORT_RUN, p += 3 * SHORT_RUN) {
    crc = three(crc, p, SHORT_RUN, past_short);
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
