/*
 * Stands in for Deno inside a portable program: says how it was started, each
 * fact on a line of its own. "wait" as the first argument of the user's lets
 * it live until its standard input ends, "lend" lets a child live so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const char *folder = getenv("DENO_DIR");
  printf("DENO_DIR=%s\n", folder == NULL ? "" : folder);
  for (int i = 0; i < argc; i++) {
    printf("%d=%s\n", i, argv[i]);
  }
  fflush(stdout);
  const char *last = argv[argc - 1];
  if (strcmp(last, "lend") == 0 && fork() != 0) {
    return 0;
  }
  if (strcmp(last, "wait") == 0 || strcmp(last, "lend") == 0) {
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
  }
  return strcmp(last, "fail") == 0 ? 7 : 0;
}
