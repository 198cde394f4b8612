/*
 * fits_save STREAM FITS ROUNDS CODEC: what shmim's writer of compressed files
 * is measured against. Writes the pixels of a stream with CFITSIO into a file
 * compressed with RICE_1 (CODEC "rice") or GZIP_2 ("gzip2"), without loss.
 * Reports ns for each of ROUNDS files, after three that warm it up.
 */
#define _GNU_SOURCE
#include <fitsio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isio.h"

static void must(int status) {
  if (status != 0) {
    fits_report_error(stderr, status);
    exit(1);
  }
}

static void save(const struct isio *s, const char *path, int codec) {
  char name[4096];
  fitsfile *file;
  int status = 0;
  /* ImageStreamIO's codes: 9 is float, 4 is int16_t. */
  const bool floats = s->md->datatype == 9;
  long axes[3];
  const int count = s->md->naxis;
  for (int i = 0; i < count; i++) {
    axes[i] = (long)s->md->size[i];
  }
  snprintf(name, sizeof name, "!%s", path);
  fits_create_file(&file, name, &status);
  fits_set_compression_type(file, codec, &status);
  fits_set_quantize_level(file, 0, &status);
  fits_create_img(file, floats ? FLOAT_IMG : SHORT_IMG, count, axes, &status);
  fits_write_img(file, floats ? TFLOAT : TSHORT, 1,
                 (LONGLONG)s->md->nelement, s->pixels, &status);
  fits_close_file(file, &status);
  must(status);
}

int main(int argc, char **argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: fits_save STREAM FITS ROUNDS CODEC\n");
    return 2;
  }
  struct isio s = isio_open(argv[1]);
  const int codec = strcmp(argv[4], "rice") == 0 ? RICE_1 : GZIP_2;
  const int64_t rounds = number(argv[3]);
  uint32_t *ns = calloc((size_t)rounds + 1, sizeof *ns);
  if (ns == NULL) {
    die("malloc");
  }
  for (int64_t r = -3; r < rounds; r++) {
    const int64_t started = monotonic_ns();
    save(&s, argv[2], codec);
    if (r >= 0) {
      ns[r] = (uint32_t)(monotonic_ns() - started);
    }
  }
  report("", ns, (uint64_t)rounds);
  return 0;
}
