/*
 * Tests of the helper in C, for what a sanitizer must watch: bounds, the
 * guard against files that shrink, semaphores, torn frames, and the pumps
 * with good, cut and hostile peers. Built and run by scripts/test_native.ts.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static const char *running;
static bool ok;

void complain(const char *file, int line, const char *condition) {
  const char *name = strrchr(file, '/');
  fprintf(stderr, "%s: %s: line %d: %s\n", running,
          name != NULL ? name + 1 : file, line, condition);
  ok = false;
}

/* With an argument: only tests whose names hold it. */
int main(int argc, char **argv) {
  const struct test *const tables[] = {
      files_tests,    mapping_tests, semaphores_tests,
      frames_tests,   pumps_tests,   convert_tests,
      segments_tests, tiles_tests,   rings_tests,
      wires_tests,
  };
  int passed = 0;
  int failed = 0;
  if (mkdtemp(folder) == NULL) {
    perror("mkdtemp");
    return 1;
  }
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    for (const struct test *t = tables[i]; t->name != NULL; t++) {
      if (argc > 1 && strstr(t->name, argv[1]) == NULL) {
        continue;
      }
      running = t->name;
      ok = true;
      t->body();
      passed += ok;
      failed += !ok;
    }
  }
  if (rmdir(folder) != 0) {
    fprintf(stderr, "the tests left files in %s\n", folder);
    failed++;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}
