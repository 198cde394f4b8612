/* Finds its own content, has it laid out, and becomes Deno. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "portable.h"

#define SELF "/proc/self/exe"

_Noreturn void die(const char *format, ...) {
  char line[2 * PATH_BYTES];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof(line), format, arguments);
  va_end(arguments);
  dprintf(STDERR_FILENO, "shmim: %s\n", line);
  exit(1);
}

/* An argument with the folder in the place of the marks. */
static char *with_folder(const char *text, const char *folder) {
  const size_t length = strlen(folder);
  size_t size = strlen(text) + 1;
  for (const char *at = text; *at != '\0'; at++) {
    size += *at == FOLDER_MARK ? length : 0;
  }
  char *out = malloc(size);
  if (out == NULL) {
    die("no memory");
  }
  char *to = out;
  for (; *text != '\0'; text++) {
    if (*text == FOLDER_MARK) {
      memcpy(to, folder, length);
      to += length;
    } else {
      *to++ = *text;
    }
  }
  *to = '\0';
  return out;
}

int main(int argc, char **argv) {
  static char folder[PATH_BYTES];
  static char program[PATH_BYTES + NAME_BYTES];
  struct archive archive;
  const char *wrong = archive_open(SELF, &archive);
  if (wrong != NULL) {
    die("this file is not whole: %s; copy it again", wrong);
  }
  folder_prepare(&archive, folder);

  const uint32_t own = archive.head->arguments;
  char **words = calloc((size_t)own + (size_t)argc + 2, sizeof(*words));
  if (words == NULL) {
    die("no memory");
  }
  /* The name by which it was called: a link's, too. */
  size_t count = 0;
  words[count++] = argc > 0 ? argv[0] : "shmim";
  const char *text = archive.arguments;
  for (uint32_t i = 0; i < own; i++) {
    words[count++] = with_folder(text, folder);
    text += strlen(text) + 1;
  }
  for (int i = 1; i < argc; i++) {
    words[count++] = argv[i];
  }
  /* Where it lies, for whoever makes links to it. */
  const ssize_t length = readlink(SELF, program, sizeof(program) - 1);
  if (length > 0) {
    program[length] = '\0';
    setenv("SHMIM_FILE", program, 1);
  }
  snprintf(program, sizeof(program), "%s/deno_dir", folder);
  setenv("DENO_DIR", program, 1);
  setenv("DENO_NO_UPDATE_CHECK", "1", 1);
  snprintf(program, sizeof(program), "%s/%s", folder,
           archive.entries[0].name);
  execv(program, words);
  die("cannot run \"%s\": %s", program, strerror(errno));
}
