/* Raw deflate (RFC 1951) from memory into memory, and gzip's CRC-32. */
#include <string.h>

#include "portable.h"

#define MAX_BITS 15
#define FAST_BITS 10
#define LITERALS 288
#define DISTANCES 30

struct bits {
  const uint8_t *next;
  const uint8_t *end;
  uint64_t hold;
  unsigned count;
  unsigned missing; /* zero bytes that were taken from behind the end */
};

/* A code: short ones by a table, longer ones counted out bit by bit. */
struct code {
  uint16_t fast[1 << FAST_BITS]; /* symbol << 4 | length; 0 is a long one */
  uint16_t count[MAX_BITS + 1];
  uint16_t symbol[LITERALS];
};

static const uint16_t LENGTH_BASE[29] = {
    3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t LENGTH_EXTRA[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                         1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                         4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t DISTANCE_BASE[DISTANCES] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
    33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
    1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t DISTANCE_EXTRA[DISTANCES] = {
    0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
    6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

/* Fills up to at least 48 bits; behind the end come zeros, and are counted. */
static void refill(struct bits *bits) {
  if (bits->end - bits->next >= 8) {
    uint64_t word;
    memcpy(&word, bits->next, 8);
    bits->hold |= word << bits->count;
    const unsigned taken = (63 - bits->count) >> 3;
    bits->next += taken;
    bits->count += taken * 8;
    return;
  }
  while (bits->count <= 48) {
    if (bits->next < bits->end) {
      bits->hold |= (uint64_t)*bits->next++ << bits->count;
    } else {
      bits->missing += 1;
    }
    bits->count += 8;
  }
}

/* At most 16 bits, of those that refill() brought. */
static unsigned take(struct bits *bits, unsigned count) {
  const unsigned value = (unsigned)(bits->hold & ((1u << count) - 1));
  bits->hold >>= count;
  bits->count -= count;
  return value;
}

/* Whether bits were used that the input does not have. */
static int overrun(const struct bits *bits) {
  return bits->missing * 8 > bits->count;
}

static unsigned reverse(unsigned value, unsigned length) {
  unsigned out = 0;
  for (unsigned i = 0; i < length; i++) {
    out = out << 1 | (value >> i & 1);
  }
  return out;
}

/*
 * Makes a code of the lengths of its words. Too many words are an error, too
 * few are one where `whole` is asked for.
 */
static int make_code(struct code *code, const uint8_t *lengths, unsigned size,
                     int whole) {
  uint16_t first[MAX_BITS + 2] = {0};
  uint16_t place[MAX_BITS + 2] = {0};
  int left = 1;
  memset(code, 0, sizeof(*code));
  for (unsigned i = 0; i < size; i++) {
    code->count[lengths[i]]++;
  }
  code->count[0] = 0;
  for (unsigned length = 1; length <= MAX_BITS; length++) {
    left = left * 2 - code->count[length];
    if (left < 0) {
      return -1;
    }
    first[length + 1] = (uint16_t)((first[length] + code->count[length]) << 1);
    place[length + 1] = (uint16_t)(place[length] + code->count[length]);
  }
  if (left > 0 && whole) {
    return -1;
  }
  for (unsigned i = 0; i < size; i++) {
    const unsigned length = lengths[i];
    if (length == 0) {
      continue;
    }
    const unsigned word = first[length]++;
    code->symbol[place[length]++] = (uint16_t)i;
    if (length <= FAST_BITS) {
      for (unsigned at = reverse(word, length); at < 1u << FAST_BITS;
           at += 1u << length) {
        code->fast[at] = (uint16_t)(i << 4 | length);
      }
    }
  }
  return 0;
}

/* The next symbol, or -1 where no word of the code comes. */
static int decode(struct bits *bits, const struct code *code) {
  const unsigned hit = code->fast[bits->hold & ((1u << FAST_BITS) - 1)];
  if (hit != 0) {
    bits->hold >>= hit & 15;
    bits->count -= hit & 15;
    return (int)(hit >> 4);
  }
  int word = 0, first = 0, index = 0;
  for (unsigned length = 1; length <= MAX_BITS; length++) {
    word |= (int)(bits->hold >> (length - 1) & 1);
    const int count = code->count[length];
    if (word - first < count) {
      bits->hold >>= length;
      bits->count -= length;
      return code->symbol[index + word - first];
    }
    index += count;
    first = (first + count) << 1;
    word <<= 1;
  }
  return -1;
}

static int fixed_codes(struct code *literals, struct code *distances) {
  uint8_t lengths[LITERALS];
  memset(lengths, 8, 144);
  memset(lengths + 144, 9, 112);
  memset(lengths + 256, 7, 24);
  memset(lengths + 280, 8, 8);
  if (make_code(literals, lengths, LITERALS, 1) != 0) {
    return -1;
  }
  memset(lengths, 5, DISTANCES);
  return make_code(distances, lengths, DISTANCES, 0);
}

/* The codes of a block, which are themselves coded. */
static int read_codes(struct bits *bits, struct code *literals,
                      struct code *distances) {
  static const uint8_t ORDER[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[LITERALS + 32] = {0};
  refill(bits);
  const unsigned literal_count = take(bits, 5) + 257;
  const unsigned distance_count = take(bits, 5) + 1;
  const unsigned code_count = take(bits, 4) + 4;
  if (literal_count > 286 || distance_count > DISTANCES) {
    return -1;
  }
  for (unsigned i = 0; i < code_count; i++) {
    refill(bits);
    lengths[ORDER[i]] = (uint8_t)take(bits, 3);
  }
  if (make_code(literals, lengths, 19, 1) != 0) {
    return -1;
  }
  memset(lengths, 0, sizeof(lengths));
  for (unsigned at = 0; at < literal_count + distance_count;) {
    refill(bits);
    const int symbol = decode(bits, literals);
    if (symbol < 0) {
      return -1;
    }
    if (symbol < 16) {
      lengths[at++] = (uint8_t)symbol;
      continue;
    }
    uint8_t value = 0;
    unsigned times;
    if (symbol == 16) {
      if (at == 0) {
        return -1;
      }
      value = lengths[at - 1];
      times = 3 + take(bits, 2);
    } else {
      times = symbol == 17 ? 3 + take(bits, 3) : 11 + take(bits, 7);
    }
    if (at + times > literal_count + distance_count) {
      return -1;
    }
    memset(lengths + at, value, times);
    at += times;
  }
  if (lengths[256] == 0 || overrun(bits)) {
    return -1;
  }
  /* A single distance, or none, is the one code that may have gaps. */
  unsigned used = 0;
  for (unsigned i = 0; i < distance_count; i++) {
    used += lengths[literal_count + i] != 0;
  }
  if (make_code(distances, lengths + literal_count, distance_count,
                used > 1) != 0) {
    return -1;
  }
  return make_code(literals, lengths, literal_count, 1);
}

struct output {
  uint8_t *bytes;
  uint64_t size;
  uint64_t at;
};

static int copy_back(struct output *out, uint64_t distance, unsigned length) {
  if (distance > out->at || length > out->size - out->at) {
    return -1;
  }
  uint8_t *to = out->bytes + out->at;
  const uint8_t *from = to - distance;
  if (distance >= length) {
    memcpy(to, from, length);
  } else {
    for (unsigned i = 0; i < length; i++) {
      to[i] = from[i]; /* it may read what it has just written */
    }
  }
  out->at += length;
  return 0;
}

static int coded_block(struct bits *bits, struct output *out,
                       const struct code *literals,
                       const struct code *distances) {
  for (;;) {
    refill(bits); /* 15 + 5, then 15 + 13 bits at most: 48 */
    int symbol = decode(bits, literals);
    if (symbol < 0 || overrun(bits)) {
      return -1;
    }
    if (symbol < 256) {
      if (out->at == out->size) {
        return -1;
      }
      out->bytes[out->at++] = (uint8_t)symbol;
      continue;
    }
    if (symbol == 256) {
      return 0;
    }
    symbol -= 257;
    if (symbol >= 29) {
      return -1;
    }
    const unsigned length =
        LENGTH_BASE[symbol] + take(bits, LENGTH_EXTRA[symbol]);
    symbol = decode(bits, distances);
    if (symbol < 0 || symbol >= DISTANCES) {
      return -1;
    }
    const unsigned distance =
        DISTANCE_BASE[symbol] + take(bits, DISTANCE_EXTRA[symbol]);
    if (overrun(bits) || copy_back(out, distance, length) != 0) {
      return -1;
    }
  }
}

static int stored_block(struct bits *bits, struct output *out) {
  take(bits, bits->count & 7);
  refill(bits);
  const unsigned length = take(bits, 16);
  if ((length ^ take(bits, 16)) != 0xffff || overrun(bits)) {
    return -1;
  }
  /* What was taken in advance goes back. */
  bits->next -= bits->count / 8 - bits->missing;
  bits->hold = 0;
  bits->count = 0;
  bits->missing = 0;
  if (length > (uint64_t)(bits->end - bits->next) ||
      length > out->size - out->at) {
    return -1;
  }
  memcpy(out->bytes + out->at, bits->next, length);
  bits->next += length;
  out->at += length;
  return 0;
}

int inflate_raw(const uint8_t *in, uint64_t length, uint8_t *out,
                uint64_t size) {
  struct bits bits = {.next = in, .end = in + length};
  struct output output = {.bytes = out, .size = size};
  static struct code literals;
  static struct code distances;
  unsigned last;
  do {
    int result = -1;
    refill(&bits);
    last = take(&bits, 1);
    switch (take(&bits, 2)) {
      case 0:
        result = stored_block(&bits, &output);
        break;
      case 1:
        result = fixed_codes(&literals, &distances);
        result = result != 0
                     ? -1
                     : coded_block(&bits, &output, &literals, &distances);
        break;
      case 2:
        result = read_codes(&bits, &literals, &distances);
        result = result != 0
                     ? -1
                     : coded_block(&bits, &output, &literals, &distances);
        break;
      default:
        break;
    }
    if (result != 0) {
      return -1;
    }
  } while (!last);
  return output.at == size && !overrun(&bits) ? 0 : -1;
}

/* Eight bytes at a time: a table for each of them. */
uint32_t crc32_of(const uint8_t *bytes, uint64_t length) {
  static uint32_t tables[8][256];
  if (tables[0][1] == 0) {
    for (unsigned i = 0; i < 256; i++) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; bit++) {
        value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
      }
      tables[0][i] = value;
    }
    for (unsigned i = 0; i < 256; i++) {
      for (unsigned t = 1; t < 8; t++) {
        const uint32_t before = tables[t - 1][i];
        tables[t][i] = before >> 8 ^ tables[0][before & 255];
      }
    }
  }
  uint32_t crc = ~0u;
  while (length >= 8) {
    uint64_t word;
    memcpy(&word, bytes, 8);
    word ^= crc;
    crc = 0;
    for (unsigned t = 0; t < 8; t++) {
      crc ^= tables[7 - t][word >> (8 * t) & 255];
    }
    bytes += 8;
    length -= 8;
  }
  while (length-- > 0) {
    crc = crc >> 8 ^ tables[0][(crc ^ *bytes++) & 255];
  }
  return ~crc;
}
