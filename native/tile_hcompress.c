/*
 * HCOMPRESS_1: the coefficients of a two-dimensional Haar transform, their
 * bit planes as quadtrees (R. L. White, 1992). All arithmetic is unsigned and
 * wraps: what a damaged stream asks for is wrong, and harmless.
 */
#include "tile.h"

#define HEAD_BYTES 25
#define MOST_PLANES 62

/* Values by their codes: the shortest are one bit set of four. */
static uint32_t take_code(struct bits *b) {
  static const uint8_t four[5] = {3, 5, 10, 12, 15};
  static const uint8_t five[5] = {6, 7, 9, 11, 13};
  uint32_t c = bits_take(b, 3);
  if (c < 4) {
    return 1u << c;
  }
  c = c << 1 | bits_take(b, 1);
  if (c < 13) {
    return four[c - 8];
  }
  c = c << 1 | bits_take(b, 1);
  if (c < 31) {
    return five[c - 26];
  }
  return bits_take(b, 1) == 0 ? 0 : 14;
}

static unsigned log2_up(uint64_t n) {
  return n <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
}

/* ceil(n / 2^levels) */
static uint64_t halved(uint64_t n, unsigned levels) {
  return (n + ((uint64_t)1 << levels) - 1) >> levels;
}

/* A part of the image: rows and columns, within rows of `stride`. */
struct part {
  uint64_t *at;
  uint64_t stride, rows, columns;
};

/* Each cell says of four pixels which of them have this bit. */
static void insert_plane(const uint8_t *cells, const struct part *p,
                         unsigned bit) {
  const uint64_t plane = (uint64_t)1 << bit;
  const uint64_t across = (p->columns + 1) / 2;
  for (uint64_t y = 0; y < p->rows; y++) {
    const uint8_t *row = cells + y / 2 * across;
    const unsigned shift = y % 2 == 0 ? 2 : 0;
    uint64_t *out = p->at + y * p->stride;
    for (uint64_t x = 0; x < p->columns; x++) {
      if (row[x / 2] >> (shift + 1 - x % 2) & 1) {
        out[x] |= plane;
      }
    }
  }
}

/* One bit plane as a quadtree, into `cells`; `spare` is as large. */
static uint8_t *read_tree(struct bits *b, uint8_t *cells, uint8_t *spare,
                          uint64_t rows, uint64_t columns) {
  const unsigned levels = log2_up(rows > columns ? rows : columns);
  cells[0] = (uint8_t)take_code(b);
  for (unsigned k = 1; k < levels && !b->over; k++) {
    const uint64_t ny = halved(rows, levels - k);
    const uint64_t nx = halved(columns, levels - k);
    const uint64_t across = (nx + 1) / 2;
    for (uint64_t y = 0; y < ny; y++) {
      const unsigned shift = y % 2 == 0 ? 2 : 0;
      for (uint64_t x = 0; x < nx; x++) {
        spare[y * nx + x] =
            cells[y / 2 * across + x / 2] >> (shift + 1 - x % 2) & 1;
      }
    }
    /* The codes come from the last cell to the first. */
    for (uint64_t i = nx * ny; i-- > 0;) {
      if (spare[i] != 0) {
        spare[i] = (uint8_t)take_code(b);
      }
    }
    uint8_t *const full = spare;
    spare = cells;
    cells = full;
  }
  return cells;
}

static problem_t read_part(struct bits *b, const struct part *p,
                           unsigned planes, struct room *room) {
  if (planes > MOST_PLANES) {
    return SHMIM_TILE_DAMAGED;
  }
  if (planes > 0 && (p->rows == 0 || p->columns == 0)) {
    return SHMIM_TILE_DAMAGED;
  }
  const uint64_t count = ((p->rows + 1) / 2) * ((p->columns + 1) / 2);
  uint8_t *cells = room_for(room, 2 * count + 2);
  if (cells == NULL) {
    return -ENOMEM;
  }
  for (unsigned bit = planes; bit-- > 0;) {
    const uint32_t form = bits_take(b, 4);
    const uint8_t *full = cells;
    if (form == 15) {
      full = read_tree(b, cells, cells + count + 1, p->rows, p->columns);
    } else if (form == 0) {
      for (uint64_t i = 0; i < count; i++) {
        cells[i] = (uint8_t)bits_take(b, 4);
      }
    } else {
      return SHMIM_TILE_DAMAGED;
    }
    if (b->over) {
      return SHMIM_TILE_ENDS;
    }
    insert_plane(full, p, bit);
  }
  return 0;
}

static bool negative(uint64_t v) {
  return (int64_t)v < 0;
}

static uint64_t right(uint64_t v, unsigned n) {
  return (uint64_t)((int64_t)v >> n);
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
  return a > b ? a : b;
}

/* Differences and products of 4, 8, 16, 64 that wrap. */
static int64_t minus(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b) {
  return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t times(int64_t a, unsigned shift) {
  return (int64_t)((uint64_t)a << shift);
}

/* Moves a coefficient towards `wanted` / 2^shift, by `limit` at most. */
static void nudge(uint64_t *coefficient, int64_t wanted, int64_t low,
                  int64_t high, unsigned shift, int64_t limit) {
  if (low >= high) {
    return;
  }
  const int64_t aim = most(least(wanted, high), low);
  const int64_t gap = minus(aim, times((int64_t)*coefficient, shift));
  const int64_t round = gap >= 0 ? 0 : ((int64_t)1 << shift) - 1;
  const int64_t step = plus(gap, round) >> shift;
  *coefficient += (uint64_t)most(least(step, limit), -limit);
}

/* A slope, from the means before and after. */
static void smooth_slope(uint64_t *slope, int64_t before, int64_t here,
                         int64_t after, int64_t limit) {
  const int64_t up = minus(after, here);
  const int64_t down = minus(here, before);
  nudge(slope, minus(after, before), times(least(most(up, down), 0), 2),
        times(most(least(up, down), 0), 2), 3, limit);
}

/* Interpolates the coefficients of one level, by half a step of the scale
 * at most. */
static void smooth_level(uint64_t *a, uint64_t rows, uint64_t columns,
                         uint64_t stride, int64_t scale) {
  const int64_t limit = scale >> 1;
  if (limit <= 0) {
    return;
  }
  const int64_t *v = (const int64_t *)a;
  for (uint64_t y = 2; y + 2 < rows; y += 2) {
    for (uint64_t x = 0; x < columns; x += 2) {
      const uint64_t i = y * stride + x;
      smooth_slope(&a[i + stride], v[i - 2 * stride], v[i],
                   v[i + 2 * stride], limit);
    }
  }
  for (uint64_t y = 0; y < rows; y += 2) {
    for (uint64_t x = 2; x + 2 < columns; x += 2) {
      const uint64_t i = y * stride + x;
      smooth_slope(&a[i + 1], v[i - 2], v[i], v[i + 2], limit);
    }
  }
  for (uint64_t y = 2; y + 2 < rows; y += 2) {
    for (uint64_t x = 2; x + 2 < columns; x += 2) {
      const uint64_t i = y * stride + x;
      const int64_t mm = v[i - 2 * stride - 2];
      const int64_t pm = v[i + 2 * stride - 2];
      const int64_t mp = v[i - 2 * stride + 2];
      const int64_t pp = v[i + 2 * stride + 2];
      const int64_t here = v[i];
      const int64_t dx = times(v[i + stride], 1);
      const int64_t dy = times(v[i + 1], 1);
      const int64_t sum = plus(dx, dy);
      const int64_t gap = minus(dx, dy);
      const int64_t a1 = minus(pp, here);
      const int64_t a2 = minus(here, pm);
      const int64_t a3 = minus(here, mp);
      const int64_t a4 = minus(mm, here);
      const int64_t high =
          least(least(minus(most(a1, 0), sum), plus(most(a2, 0), gap)),
                least(minus(most(a3, 0), gap), plus(most(a4, 0), sum)));
      const int64_t low =
          most(most(minus(least(a1, 0), sum), plus(least(a2, 0), gap)),
               most(minus(least(a3, 0), gap), plus(least(a4, 0), sum)));
      nudge(&a[i + stride + 1], minus(plus(pp, mm), plus(mp, pm)),
            times(low, 4), times(high, 4), 6, limit);
    }
  }
}

/* Rounds to a multiple of `mask`'s lowest bit. */
static uint64_t rounded(uint64_t v, uint64_t mask) {
  const uint64_t half = -mask >> 1;
  return (v + (negative(v) ? half - 1 : half)) & mask;
}

/* The same where half may be 0, and half - 1 counts as `less`. */
static uint64_t rounded_by(uint64_t v, uint64_t half, uint64_t less,
                           uint64_t mask) {
  return (v + (negative(v) ? less : half)) & mask;
}

/* Two neighbours out of their mean and slope, at an odd edge. */
static void split(uint64_t mean, uint64_t slope, uint64_t bit,
                  unsigned shift, uint64_t *low, uint64_t *high) {
  slope = rounded(slope, -bit);
  const uint64_t odd = slope & bit;
  mean = negative(mean) ? mean + odd : mean - odd;
  *high = right(mean + slope, shift);
  *low = right(mean - slope, shift);
}

/* One level: four coefficients become four pixels. */
static void invert_level(uint64_t *out, const uint64_t *in, uint64_t rows,
                         uint64_t columns, uint64_t stride, unsigned level) {
  const uint64_t bit0 = (uint64_t)1 << level;
  const uint64_t bit1 = bit0 << 1;
  const unsigned shift = level == 0 ? 2 : 1;
  const uint64_t half0 = bit0 >> 1;
  const uint64_t less0 = level == 0 ? 0 : half0 - 1;
  uint64_t y = 0;
  for (; y + 1 < rows; y += 2) {
    uint64_t i = y * stride;
    uint64_t x = 0;
    for (; x + 1 < columns; x += 2, i += 2) {
      uint64_t h0 = in[i];
      uint64_t hx = rounded(in[i + stride], -bit1);
      uint64_t hy = rounded(in[i + 1], -bit1);
      const uint64_t hc =
          rounded_by(in[i + stride + 1], half0, less0, -bit0);
      const uint64_t odd0 = hc & bit0;
      hx = negative(hx) ? hx + odd0 : hx - odd0;
      hy = negative(hy) ? hy + odd0 : hy - odd0;
      const uint64_t odd1 = (hc ^ hx ^ hy) & bit1;
      if (!negative(h0)) {
        h0 += odd0 - odd1;
      } else {
        h0 += odd0 == 0 ? odd1 : odd0 - odd1;
      }
      out[i + stride + 1] = right(h0 + hx + hy + hc, shift);
      out[i + stride] = right(h0 + hx - hy - hc, shift);
      out[i + 1] = right(h0 - hx + hy - hc, shift);
      out[i] = right(h0 - hx - hy + hc, shift);
    }
    if (x < columns) {
      split(in[i], in[i + stride], bit1, shift, &out[i], &out[i + stride]);
    }
  }
  if (y < rows) {
    uint64_t i = y * stride;
    uint64_t x = 0;
    for (; x + 1 < columns; x += 2, i += 2) {
      split(in[i], in[i + 1], bit1, shift, &out[i], &out[i + 1]);
    }
    if (x < columns) {
      out[i] = right(in[i], shift);
    }
  }
}

/* Interleaves the two halves of rows and columns. */
static void interleave(uint64_t *out, const uint64_t *in, uint64_t rows,
                       uint64_t columns, uint64_t stride) {
  for (uint64_t y = 0; y < rows; y++) {
    const uint64_t from = y % 2 == 0 ? y / 2 : (rows + 1) / 2 + y / 2;
    const uint64_t *even = in + from * stride;
    const uint64_t *odd = even + (columns + 1) / 2;
    uint64_t *row = out + y * stride;
    for (uint64_t x = 0; x < columns; x++) {
      row[x] = x % 2 == 0 ? even[x / 2] : odd[x / 2];
    }
  }
}

static void invert(uint64_t *a, uint64_t *work, uint64_t rows,
                   uint64_t columns, bool smooth, int64_t scale) {
  const unsigned levels = log2_up(rows > columns ? rows : columns);
  if (levels == 0) {
    return;
  }
  a[0] = rounded(a[0], -((uint64_t)2 << levels));
  for (unsigned k = levels; k-- > 0;) {
    const uint64_t ny = halved(rows, k);
    const uint64_t nx = halved(columns, k);
    interleave(work, a, ny, nx, columns);
    if (smooth) {
      smooth_level(work, ny, nx, columns, scale);
    }
    invert_level(a, work, ny, nx, columns, k);
  }
}

static uint32_t word_at(const uint8_t *in) {
  return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 |
         (uint32_t)in[2] << 8 | in[3];
}

problem_t hcompress_decode(const uint8_t *in, uint64_t bytes, int64_t *out,
                           int64_t *work, struct room *cells, uint64_t n,
                           bool smooth) {
  if (bytes < HEAD_BYTES) {
    return SHMIM_TILE_ENDS;
  }
  if (in[0] != 0xdd || in[1] != 0x99) {
    return SHMIM_TILE_DAMAGED;
  }
  const uint64_t rows = word_at(in + 2);
  const uint64_t columns = word_at(in + 6);
  const int32_t scale = (int32_t)word_at(in + 10);
  uint64_t count;
  if (__builtin_mul_overflow(rows, columns, &count) || count != n) {
    return SHMIM_TILE_LENGTH;
  }
  uint64_t *a = (uint64_t *)out;
  memset(a, 0, n * sizeof *a);
  const uint64_t ny = (rows + 1) / 2;
  const uint64_t nx = (columns + 1) / 2;
  const struct part parts[4] = {
      {a, columns, ny, nx},
      {a + nx, columns, ny, columns / 2},
      {a + columns * ny, columns, rows / 2, nx},
      {a + columns * ny + nx, columns, rows / 2, columns / 2},
  };
  const uint8_t *planes = in + 22;
  struct bits b;
  bits_start(&b, in + HEAD_BYTES, bytes - HEAD_BYTES);
  for (int i = 0; i < 4; i++) {
    const problem_t p = read_part(&b, &parts[i], planes[(i + 1) / 2], cells);
    if (p != 0) {
      return p;
    }
  }
  if (bits_take(&b, 4) != 0) {
    return SHMIM_TILE_DAMAGED;
  }
  (void)bits_take(&b, b.count % 8); /* up to the next byte: the signs */
  for (uint64_t i = 0; i < n; i++) {
    if (a[i] != 0 && bits_take(&b, 1) != 0) {
      a[i] = -a[i];
    }
  }
  if (b.over) {
    return SHMIM_TILE_ENDS;
  }
  a[0] = (uint64_t)word_at(in + 14) << 32 | word_at(in + 18);
  if (scale > 1) {
    for (uint64_t i = 0; i < n; i++) {
      a[i] *= (uint64_t)scale;
    }
  }
  invert(a, (uint64_t *)work, rows, columns, smooth, scale);
  return 0;
}
