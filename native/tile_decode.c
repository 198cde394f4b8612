/*
 * Decodes one tile and puts its pixels where they belong: into memory, or
 * converted into a stream.
 */
#define _GNU_SOURCE
#include "internal.h"
#include "tile.h"

/* What a few bytes can become is limited: by the codec's nature, or here. */
#define MOST_PIXELS ((uint64_t)1 << 28)
#define MOST_UNBOUNDED ((uint64_t)1 << 26)
#define GZIP_RATIO 1032
#define MOST_BLOCK 65536

void *room_for(struct room *room, uint64_t bytes) {
  if (bytes > room->size) {
    free(room->bytes);
    room->bytes = malloc(bytes);
    room->size = room->bytes == NULL ? 0 : bytes;
  }
  return room->bytes;
}

/* Where a tile lies. */
struct place {
  uint64_t n;                      /* its pixels */
  uint64_t first;                  /* the image's pixel it begins with */
  uint64_t size[SHMIM_TILE_AXES];
};

static struct place place_of(const struct shmim_tiles *job, uint64_t tile) {
  struct place p = {.n = 1};
  uint64_t stride = 1;
  for (uint32_t i = 0; i < job->axes; i++) {
    const uint64_t across = (job->size[i] - 1) / job->tile[i] + 1;
    const uint64_t from = tile % across * job->tile[i];
    const uint64_t left = job->size[i] - from;
    tile /= across;
    p.size[i] = left < job->tile[i] ? left : job->tile[i];
    p.n *= p.size[i];
    p.first += from * stride;
    stride *= job->size[i];
  }
  return p;
}

/* Puts pixels that follow one another, as far as they are wanted. */
static void put_run(const struct tiling *t, uint64_t first, const uint8_t *in,
                    uint64_t n) {
  const struct shmim_tiles *job = t->job;
  const uint64_t end = job->from + job->pixels;
  const uint64_t low = first > job->from ? first : job->from;
  const uint64_t high = first + n < end ? first + n : end;
  if (low >= high) {
    return;
  }
  const uint8_t *from = in + (low - first) * job->width;
  if (t->c != NULL) {
    convert_values(t->out + (low - job->from) * t->c->out_bytes, from,
                   high - low, t->c);
  } else {
    memcpy(t->out + (low - job->from) * job->width, from,
           (high - low) * job->width);
  }
}

/* Puts a tile, run by run. */
static void put_tile(const struct tiling *t, const struct place *p,
                     const uint8_t *in) {
  const struct shmim_tiles *job = t->job;
  if (t->out == NULL) {
    return;
  }
  /* Axes that a tile covers whole, and the one after them, are one run. */
  uint32_t axis = 0;
  uint64_t run = p->size[0];
  uint64_t stride = job->size[0];
  while (axis + 1 < job->axes && p->size[axis] == job->size[axis]) {
    axis++;
    run *= p->size[axis];
    stride *= job->size[axis];
  }
  uint64_t at[SHMIM_TILE_AXES] = {0};
  uint64_t first = p->first;
  for (uint64_t done = 0; done < p->n; done += run) {
    put_run(t, first, in + done * job->width, run);
    uint64_t jump = stride;
    for (uint32_t i = axis + 1; i < job->axes; i++) {
      first += jump;
      if (++at[i] < p->size[i]) {
        break;
      }
      first -= jump * at[i];
      at[i] = 0;
      jump *= job->size[i];
    }
  }
}

#pragma GCC push_options
#pragma GCC optimize("O3")

static void unshuffle(uint8_t *restrict out, const uint8_t *restrict in,
                      uint64_t n, uint32_t width) {
  if (width == 2) {
    for (uint64_t i = 0; i < n; i++) {
      out[2 * i] = in[i];
      out[2 * i + 1] = in[n + i];
    }
  } else if (width == 4) {
    for (uint64_t i = 0; i < n; i++) {
      out[4 * i] = in[i];
      out[4 * i + 1] = in[n + i];
      out[4 * i + 2] = in[2 * n + i];
      out[4 * i + 3] = in[3 * n + i];
    }
  } else {
    for (uint64_t i = 0; i < n; i++) {
      for (uint32_t k = 0; k < 8; k++) {
        out[8 * i + k] = in[k * n + i];
      }
    }
  }
}

#define SWAP(bits)                                                      \
  static void swap##bits(uint8_t *restrict out,                         \
                         const uint8_t *restrict in, uint64_t n) {      \
    for (uint64_t i = 0; i < n; i++) {                                  \
      uint##bits##_t v;                                                 \
      memcpy(&v, in + i * sizeof v, sizeof v);                          \
      v = __builtin_bswap##bits(v);                                     \
      memcpy(out + i * sizeof v, &v, sizeof v);                         \
    }                                                                   \
  }
SWAP(16)
SWAP(32)
SWAP(64)

#pragma GCC pop_options

static void swap(uint8_t *out, const uint8_t *in, uint64_t n,
                 uint32_t width) {
  switch (width) {
  case 1:
    memcpy(out, in, n);
    break;
  case 2:
    swap16(out, in, n);
    break;
  case 4:
    swap32(out, in, n);
    break;
  default:
    swap64(out, in, n);
    break;
  }
}

/* Native integers as big-endian ones of another width. */
static problem_t narrow(const void *in, uint32_t in_width, uint8_t *out,
                        uint32_t width, uint64_t n, int64_t offset,
                        bool clip) {
  if (in_width == width && offset == 0) {
    swap(out, in, n, width);
    return 0;
  }
  const int64_t low = width == 1 ? 0 : INT64_MIN >> (64 - 8 * width);
  const int64_t high = width == 1 ? 255 : INT64_MAX >> (64 - 8 * width);
  for (uint64_t i = 0; i < n; i++) {
    int64_t v = stored_integer(in, in_width, i);
    if (__builtin_add_overflow(v, offset, &v) || v < low || v > high) {
      if (!clip) {
        return SHMIM_TILE_RANGE;
      }
      v = v < low ? low : high;
    }
    for (uint32_t k = 0; k < width; k++) {
      out[i * width + k] = (uint8_t)((uint64_t)v >> (8 * (width - 1 - k)));
    }
  }
  return 0;
}

/* Pixels as the codec leaves them: big-endian, or native integers. */
struct decoded {
  const uint8_t *big_endian;
  const void *numbers;
  uint32_t width;
};

/* gzip: how wide its numbers are follows from its length. */
static problem_t decode_gzip(struct tile_worker *w, const struct shmim_tile *tile,
                             uint64_t n, struct decoded *d) {
  const uint8_t *in = w->what->in + tile->from;
  const uint64_t length = gzip_length(in, tile->bytes);
  const uint64_t width = length / n;
  if (tile->bytes < 18) {
    return SHMIM_TILE_ENDS;
  }
  if (length != n * width || width > 8 ||
      (width != 1 && width != 2 && width != 4 && width != 8) ||
      length > tile->bytes * GZIP_RATIO) {
    return SHMIM_TILE_LENGTH;
  }
  uint8_t *bytes = room_for(&w->numbers, length);
  if (bytes == NULL) {
    return -ENOMEM;
  }
  const problem_t p = gzip_inflate(in, tile->bytes, bytes, length);
  if (p != 0) {
    return p;
  }
  d->big_endian = bytes;
  d->width = (uint32_t)width;
  if (tile->codec == SHMIM_TILE_GZIP_BYTES && width > 1) {
    uint8_t *whole = room_for(&w->work, length);
    if (whole == NULL) {
      return -ENOMEM;
    }
    unshuffle(whole, bytes, n, (uint32_t)width);
    d->big_endian = whole;
  }
  return 0;
}

static problem_t decode_rice(struct tile_worker *w, const struct shmim_tile *tile,
                             uint64_t n, struct decoded *d) {
  const struct shmim_tiles *job = w->what->job;
  if (job->block < 1 || job->block > MOST_BLOCK ||
      (tile->width != 1 && tile->width != 2 && tile->width != 4)) {
    return -EINVAL;
  }
  void *numbers = room_for(&w->numbers, n * tile->width);
  if (numbers == NULL) {
    return -ENOMEM;
  }
  d->numbers = numbers;
  d->width = tile->width;
  return rice_decode(w->what->in + tile->from, tile->bytes, numbers, n,
                     tile->width, job->block);
}

static problem_t decode(struct tile_worker *w, const struct shmim_tile *tile,
                        uint64_t n, struct decoded *d) {
  const uint8_t *in = w->what->in + tile->from;
  if (n > MOST_PIXELS) {
    return SHMIM_TILE_LARGE;
  }
  switch (tile->codec) {
  case SHMIM_TILE_STORED:
    d->big_endian = in;
    d->width = tile->width;
    return tile->bytes == n * tile->width ? 0 : SHMIM_TILE_LENGTH;
  case SHMIM_TILE_RICE:
    return decode_rice(w, tile, n, d);
  case SHMIM_TILE_GZIP:
  case SHMIM_TILE_GZIP_BYTES:
    return decode_gzip(w, tile, n, d);
  case SHMIM_TILE_HCOMPRESS:
  case SHMIM_TILE_PLIO:
    break;
  default:
    return -EINVAL;
  }
  if (n > MOST_UNBOUNDED) {
    return SHMIM_TILE_LARGE;
  }
  const bool mask = tile->codec == SHMIM_TILE_PLIO;
  d->width = mask ? 4 : 8;
  void *numbers = room_for(&w->numbers, n * d->width);
  void *work = mask ? numbers : room_for(&w->work, n * 8);
  if (numbers == NULL || work == NULL) {
    return -ENOMEM;
  }
  d->numbers = numbers;
  return mask ? plio_decode(in, tile->bytes, numbers, n)
              : hcompress_decode(in, tile->bytes, numbers, work, &w->cells, n,
                                 w->what->job->smooth != 0);
}

/* Native numbers of big-endian ones. */
static problem_t to_native(struct tile_worker *w, uint64_t n, struct decoded *d) {
  if (d->numbers != NULL) {
    return 0;
  }
  void *numbers = room_for(&w->cells, n * d->width);
  if (numbers == NULL) {
    return -ENOMEM;
  }
  swap(numbers, d->big_endian, n, d->width);
  d->numbers = numbers;
  return 0;
}

problem_t decode_tile(struct tile_worker *w, uint64_t index) {
  const struct tiling *t = w->what;
  const struct shmim_tiles *job = t->job;
  const struct shmim_tile *tile = &t->tiles[index];
  const struct place p = place_of(job, job->first + index);
  struct decoded d = {0};
  problem_t problem = decode(w, tile, p.n, &d);
  if (problem != 0) {
    return problem;
  }
  const bool quantized = job->floats != 0 && tile->quantized != 0;
  if (!quantized && d.big_endian != NULL && d.width == job->width) {
    put_tile(t, &p, d.big_endian);
    return 0;
  }
  if (job->floats != 0 && !quantized) {
    return SHMIM_TILE_LENGTH;
  }
  problem = to_native(w, p.n, &d);
  uint8_t *pixels = room_for(&w->pixels, p.n * job->width);
  if (problem != 0 || pixels == NULL) {
    return -ENOMEM;
  }
  if (quantized) {
    const struct quantized q = {
        .scale = tile->scale,
        .zero = tile->zero,
        .has_blank = tile->has_blank != 0,
        .blank = tile->blank,
        .dither = job->dither,
        .row = job->first + index + (uint64_t)(job->seed - 1),
    };
    unquantize(d.numbers, d.width, pixels, job->width, p.n, &q);
  } else {
    problem = narrow(d.numbers, d.width, pixels, job->width, p.n,
                     tile->codec == SHMIM_TILE_PLIO ? job->offset : 0,
                     tile->codec == SHMIM_TILE_HCOMPRESS);
  }
  if (problem == 0) {
    put_tile(t, &p, pixels);
  }
  return problem;
}

void tile_worker_free(struct tile_worker *w) {
  free(w->numbers.bytes);
  free(w->work.bytes);
  free(w->pixels.bytes);
  free(w->cells.bytes);
}
