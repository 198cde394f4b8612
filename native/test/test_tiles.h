/* test_tiles.c: its tests, as test_helper.c runs them. */
#ifndef TEST_TILES_H
#define TEST_TILES_H

#include <stdbool.h>

struct tile_test {
  const char *name;
  bool (*body)(void);
};

/* Ends with a name of NULL. */
extern const struct tile_test tile_tests[];

#endif
