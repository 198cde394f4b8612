/*
 * fits_load STREAM FITS ROUNDS: what shmim's loader is measured against.
 * Opens a FITS file with CFITSIO, reads its pixels straight into a mapped
 * stream of the same type and size, closes it, publishes. Reports ns for each
 * of ROUNDS loads, after three that warm it up.
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

static void load(struct isio *s, const char *path) {
  fitsfile *file;
  int status = 0;
  int any;
  fits_open_image(&file, path, READONLY, &status);
  must(status);
  /* ImageStreamIO's codes: 9 is float, 4 is int16_t. */
  const int type = s->md->datatype == 9 ? TFLOAT : TSHORT;
  isio_begin(s);
  fits_read_img(file, type, 1, (LONGLONG)s->md->nelement, NULL, s->pixels,
                &any, &status);
  must(status);
  isio_publish(s);
  fits_close_file(file, &status);
  must(status);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: fits_load STREAM FITS ROUNDS\n");
    return 2;
  }
  struct isio s = isio_open(argv[1]);
  const int64_t rounds = number(argv[3]);
  uint32_t *ns = calloc((size_t)rounds, sizeof *ns);
  if (ns == NULL) {
    die("malloc");
  }
  memset(s.pixels, 0, s.md->data_bytes);
  for (int64_t r = -3; r < rounds; r++) {
    const int64_t started = monotonic_ns();
    load(&s, argv[2]);
    if (r >= 0) {
      ns[r] = (uint32_t)(monotonic_ns() - started);
    }
  }
  report("", ns, (uint64_t)rounds);
  return 0;
}
