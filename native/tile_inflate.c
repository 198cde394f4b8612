/*
 * Deflated data as tiles hold them: RFC 1951. The length is known beforehand,
 * so that nothing grows.
 */
#include "tile.h"

#define LONGEST 15
#define LITERAL_BITS 11
#define DISTANCE_BITS 8
#define LITERALS 288
#define DISTANCES 32
/* A code that is longer than a table's own bits leads to a second one. */
#define LITERAL_ENTRIES ((1 << LITERAL_BITS) + LITERALS * 16)
#define DISTANCE_ENTRIES ((1 << DISTANCE_BITS) + DISTANCES * 128)

/* An entry: bits 0-4 how many bits to drop, 5-9 how many extra bits follow,
 * 10-12 what it is, 16-31 the literal, the base, or the second table. */
enum { BAD, LITERAL, BASE, END, MORE };
#define ENTRY(what, value, extra, drop) \
  ((uint32_t)(value) << 16 | (uint32_t)(what) << 10 | (extra) << 5 | (drop))

static inline unsigned drop_of(uint32_t e) {
  return e & 31;
}
static inline unsigned extra_of(uint32_t e) {
  return e >> 5 & 31;
}
static inline unsigned what_of(uint32_t e) {
  return e >> 10 & 7;
}

static const uint16_t length_base[29] = {
    3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
    31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1,
                                         1, 1, 2, 2, 2, 2, 3, 3, 3, 3,
                                         4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[30] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,
    97,  129, 193, 257, 385, 513,  769,  1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577};

static uint32_t literal_entry(unsigned symbol, unsigned drop) {
  if (symbol < 256) {
    return ENTRY(LITERAL, symbol, 0u, drop);
  }
  if (symbol == 256) {
    return ENTRY(END, 0, 0u, drop);
  }
  if (symbol > 285) {
    return ENTRY(BAD, 0, 0u, drop);
  }
  const unsigned i = symbol - 257;
  return ENTRY(BASE, length_base[i], (uint32_t)length_extra[i], drop);
}

static uint32_t distance_entry(unsigned symbol, unsigned drop) {
  if (symbol >= 30) {
    return ENTRY(BAD, 0, 0u, drop);
  }
  const uint32_t extra = symbol < 2 ? 0 : symbol / 2 - 1;
  return ENTRY(BASE, distance_base[symbol], extra, drop);
}

static uint32_t order_entry(unsigned symbol, unsigned drop) {
  return ENTRY(LITERAL, symbol, 0u, drop);
}

static unsigned reversed(unsigned code, unsigned bits) {
  unsigned r = 0;
  for (unsigned i = 0; i < bits; i++) {
    r = r << 1 | (code >> i & 1);
  }
  return r;
}

/* Fills a table from the lengths of the codes; false where no such codes can
 * be. A single code may leave the rest unused. */
static bool build(uint32_t *table, unsigned bits, unsigned second,
                  const uint8_t *lengths, unsigned symbols,
                  uint32_t (*entry)(unsigned, unsigned)) {
  unsigned count[LONGEST + 1] = {0};
  unsigned code[LONGEST + 2] = {0};
  for (unsigned s = 0; s < symbols; s++) {
    count[lengths[s]]++;
  }
  count[0] = 0;
  int32_t left = 1;
  unsigned used = 0;
  for (unsigned l = 1; l <= LONGEST; l++) {
    left = 2 * left - (int32_t)count[l];
    if (left < 0) {
      return false;
    }
    used += count[l];
    code[l + 1] = (code[l] + count[l]) << 1;
  }
  if (left > 0 && (used > 1 || (used == 1 && count[1] != 1))) {
    return false;
  }
  if (left > 0) { /* else every entry is written */
    for (unsigned i = 0; i < 1u << bits; i++) {
      table[i] = ENTRY(BAD, 0, 0u, 0u);
    }
  }
  for (unsigned i = 0; left == 0 && i < 1u << bits; i++) {
    table[i] = 0; /* no second table yet */
  }
  unsigned end = 1u << bits;
  for (unsigned s = 0; s < symbols; s++) {
    const unsigned length = lengths[s];
    if (length == 0) {
      continue;
    }
    const unsigned r = reversed(code[length]++, length);
    if (length <= bits) {
      for (unsigned i = r; i < 1u << bits; i += 1u << length) {
        table[i] = entry(s, length);
      }
      continue;
    }
    uint32_t *first = &table[r & ((1u << bits) - 1)];
    if (what_of(*first) != MORE) {
      *first = ENTRY(MORE, end, second, bits);
      end += 1u << second;
    }
    for (unsigned i = r >> bits; i < 1u << second; i += 1u << (length - bits)) {
      table[(*first >> 16) + i] = entry(s, length - bits);
    }
  }
  return true;
}

struct codes {
  uint32_t literals[LITERAL_ENTRIES];
  uint32_t distances[DISTANCE_ENTRIES];
};

/* Bits, the least significant first. */
struct input {
  const uint8_t *next, *end;
  uint64_t word;
  unsigned count;
};

static inline void fill(struct input *in) {
  if (in->end - in->next >= 8) {
    uint64_t v;
    memcpy(&v, in->next, 8);
    in->word |= v << in->count;
    in->next += (63 - in->count) >> 3;
    in->count |= 56;
    return;
  }
  while (in->count <= 56 && in->next < in->end) {
    in->word |= (uint64_t)*in->next++ << in->count;
    in->count += 8;
  }
}

static inline void drop(struct input *in, unsigned n) {
  in->word >>= n;
  in->count -= n;
}

/* Up to 16 bits; false where the stream ends. */
static inline bool take(struct input *in, unsigned n, uint32_t *value) {
  if (in->count < n) {
    fill(in);
    if (in->count < n) {
      return false;
    }
  }
  *value = (uint32_t)(in->word & ((1u << n) - 1));
  drop(in, n);
  return true;
}

static bool fixed_codes(struct codes *c) {
  uint8_t lengths[LITERALS];
  for (unsigned s = 0; s < LITERALS; s++) {
    lengths[s] = s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8;
  }
  bool ok = build(c->literals, LITERAL_BITS, LONGEST - LITERAL_BITS, lengths,
                  LITERALS, literal_entry);
  memset(lengths, 5, DISTANCES);
  ok = ok && build(c->distances, DISTANCE_BITS, LONGEST - DISTANCE_BITS,
                   lengths, DISTANCES, distance_entry);
  return ok;
}

static problem_t read_codes(struct input *in, struct codes *c) {
  static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                    11, 4,  12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[LITERALS + DISTANCES] = {0};
  uint32_t literals;
  uint32_t distances;
  uint32_t used;
  if (!take(in, 5, &literals) || !take(in, 5, &distances) ||
      !take(in, 4, &used)) {
    return SHMIM_TILE_ENDS;
  }
  literals += 257;
  distances += 1;
  if (literals > 286 || distances > 30) {
    return SHMIM_TILE_DAMAGED;
  }
  for (unsigned i = 0; i < used + 4; i++) {
    uint32_t length;
    if (!take(in, 3, &length)) {
      return SHMIM_TILE_ENDS;
    }
    lengths[order[i]] = (uint8_t)length;
  }
  /* Their codes have seven bits at most. */
  uint32_t table[1 << 7];
  if (!build(table, 7, 0, lengths, 19, order_entry)) {
    return SHMIM_TILE_DAMAGED;
  }
  memset(lengths, 0, 19);
  for (unsigned i = 0; i < literals + distances;) {
    fill(in);
    const uint32_t e = table[in->word & 127];
    if (what_of(e) != LITERAL) {
      return SHMIM_TILE_DAMAGED;
    }
    if (drop_of(e) > in->count) {
      return SHMIM_TILE_ENDS;
    }
    drop(in, drop_of(e));
    const unsigned symbol = e >> 16;
    if (symbol < 16) {
      lengths[i++] = (uint8_t)symbol;
      continue;
    }
    if (symbol == 16 && i == 0) {
      return SHMIM_TILE_DAMAGED;
    }
    uint32_t more;
    if (!take(in, symbol == 16 ? 2 : symbol == 17 ? 3 : 7, &more)) {
      return SHMIM_TILE_ENDS;
    }
    more += symbol == 18 ? 11 : 3;
    if (more > literals + distances - i) {
      return SHMIM_TILE_DAMAGED;
    }
    memset(lengths + i, symbol == 16 ? lengths[i - 1] : 0, more);
    i += more;
  }
  if (lengths[256] == 0 ||
      !build(c->literals, LITERAL_BITS, LONGEST - LITERAL_BITS, lengths,
             literals, literal_entry) ||
      !build(c->distances, DISTANCE_BITS, LONGEST - DISTANCE_BITS,
             lengths + literals, distances, distance_entry)) {
    return SHMIM_TILE_DAMAGED;
  }
  return 0;
}

/* Repeats what is `distance` bytes back. */
static inline void repeat(uint8_t *out, uint64_t distance, uint64_t length,
                          uint64_t room) {
  const uint8_t *from = out - distance;
  if (distance >= 8 && room >= length + 8) {
    for (uint64_t i = 0; i < length; i += 8) {
      memcpy(out + i, from + i, 8);
    }
  } else if (distance == 1) {
    memset(out, *from, length);
  } else {
    for (uint64_t i = 0; i < length; i++) {
      out[i] = from[i];
    }
  }
}

struct output {
  uint8_t *start, *next, *end;
};

static inline uint32_t look_up(struct input *in, const uint32_t *table,
                               unsigned bits) {
  uint32_t e = table[in->word & ((1u << bits) - 1)];
  if (what_of(e) == MORE) {
    drop(in, bits);
    e = table[(e >> 16) + (in->word & ((1u << extra_of(e)) - 1))];
  }
  return e;
}

#pragma GCC push_options
#pragma GCC optimize("O3")

static problem_t compressed_block(struct input *in, struct output *out,
                                  const struct codes *c) {
  struct input i = *in;
  uint8_t *next = out->next;
  problem_t problem = 0;
  for (;;) {
    fill(&i);
    /* A second table drops bits before it is known that they are there. */
    const bool tail = i.count < 48;
    const unsigned had = i.count;
    uint32_t e = look_up(&i, c->literals, LITERAL_BITS);
    if (tail && had - i.count + drop_of(e) > had) {
      problem = SHMIM_TILE_ENDS;
      break;
    }
    drop(&i, drop_of(e));
    if (what_of(e) == LITERAL) {
      if (next == out->end) {
        problem = SHMIM_TILE_LENGTH;
        break;
      }
      *next++ = (uint8_t)(e >> 16);
      /* 33 bits are left: two more without another look at the input. */
      for (int k = 0; k < 2 && !tail; k++) {
        e = c->literals[i.word & ((1u << LITERAL_BITS) - 1)];
        if (what_of(e) != LITERAL || next == out->end) {
          break;
        }
        drop(&i, drop_of(e));
        *next++ = (uint8_t)(e >> 16);
      }
      continue;
    }
    if (what_of(e) == END) {
      break;
    }
    if (what_of(e) != BASE) {
      problem = SHMIM_TILE_DAMAGED;
      break;
    }
    uint32_t more = 0;
    if (!take(&i, extra_of(e), &more)) {
      problem = SHMIM_TILE_ENDS;
      break;
    }
    const uint64_t length = (e >> 16) + more;
    fill(&i);
    const unsigned before = i.count;
    e = look_up(&i, c->distances, DISTANCE_BITS);
    if (what_of(e) != BASE) {
      problem = SHMIM_TILE_DAMAGED;
      break;
    }
    if (before - i.count + drop_of(e) > before) {
      problem = SHMIM_TILE_ENDS;
      break;
    }
    drop(&i, drop_of(e));
    if (!take(&i, extra_of(e), &more)) {
      problem = SHMIM_TILE_ENDS;
      break;
    }
    const uint64_t distance = (e >> 16) + more;
    const uint64_t room = (uint64_t)(out->end - next);
    if (distance > (uint64_t)(next - out->start)) {
      problem = SHMIM_TILE_DAMAGED;
      break;
    }
    if (length > room) {
      problem = SHMIM_TILE_LENGTH;
      break;
    }
    repeat(next, distance, length, room);
    next += length;
  }
  *in = i;
  out->next = next;
  return problem;
}

#pragma GCC pop_options

/* Gives back whole bytes that were taken ahead. */
static void to_byte(struct input *in) {
  drop(in, in->count % 8);
  in->next -= in->count / 8;
  in->count = 0;
  in->word = 0;
}

static problem_t stored_block(struct input *in, struct output *out) {
  to_byte(in);
  if (in->end - in->next < 4) {
    return SHMIM_TILE_ENDS;
  }
  const uint32_t length = in->next[0] | (uint32_t)in->next[1] << 8;
  const uint32_t check = in->next[2] | (uint32_t)in->next[3] << 8;
  if ((length ^ check) != 0xffff) {
    return SHMIM_TILE_DAMAGED;
  }
  in->next += 4;
  if (in->end - in->next < (int64_t)length) {
    return SHMIM_TILE_ENDS;
  }
  if (out->end - out->next < (int64_t)length) {
    return SHMIM_TILE_LENGTH;
  }
  memcpy(out->next, in->next, length);
  in->next += length;
  out->next += length;
  return 0;
}

static problem_t inflate_blocks(struct input *in, struct output *out) {
  struct codes codes;
  for (;;) {
    uint32_t last;
    uint32_t kind;
    if (!take(in, 1, &last) || !take(in, 2, &kind)) {
      return SHMIM_TILE_ENDS;
    }
    problem_t p;
    if (kind == 0) {
      p = stored_block(in, out);
    } else if (kind == 1) {
      p = fixed_codes(&codes) ? compressed_block(in, out, &codes)
                              : SHMIM_TILE_DAMAGED;
    } else if (kind == 2) {
      p = read_codes(in, &codes);
      p = p != 0 ? p : compressed_block(in, out, &codes);
    } else {
      p = SHMIM_TILE_DAMAGED;
    }
    if (p != 0 || last != 0) {
      return p;
    }
  }
}

problem_t inflate_all(const uint8_t **in, const uint8_t *end, uint8_t *out,
                      uint64_t size) {
  struct input input = {.next = *in, .end = end};
  struct output output = {.start = out, .next = out, .end = out + size};
  const problem_t p = inflate_blocks(&input, &output);
  if (p != 0) {
    return p;
  }
  to_byte(&input);
  *in = input.next;
  return output.next == output.end ? 0 : SHMIM_TILE_LENGTH;
}
