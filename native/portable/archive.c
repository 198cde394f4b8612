/* The file's own content: found, checked, unpacked. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "portable.h"

/* Names become files of one folder: nothing may lead out of it. */
static int good_name(const char *name, size_t size) {
  const size_t length = strnlen(name, size);
  return length > 0 && length < size && name[0] != '.' &&
         memchr(name, '/', length) == NULL;
}

static const char *check_index(struct archive *archive, uint64_t offset,
                               uint64_t bytes) {
  const struct head *head = (const void *)(archive->bytes + offset);
  if (bytes < sizeof(*head) || !good_name(head->key, KEY_BYTES) ||
      head->files == 0 ||
      head->files > (bytes - sizeof(*head)) / sizeof(struct entry)) {
    return "its index is damaged";
  }
  archive->head = head;
  archive->entries = (const void *)(head + 1);
  archive->arguments = (const void *)(archive->entries + head->files);
  for (uint32_t i = 0; i < head->files; i++) {
    const struct entry *entry = &archive->entries[i];
    if (!good_name(entry->name, NAME_BYTES) || entry->offset > offset ||
        entry->stored > offset - entry->offset ||
        entry->bytes > UINT32_MAX) {
      return "its index is damaged";
    }
  }
  const char *end = (const char *)head + bytes;
  const char *at = archive->arguments;
  for (uint32_t i = 0; i < head->arguments; i++) {
    at = memchr(at, '\0', (size_t)(end - at));
    if (at == NULL) {
      return "its index is damaged";
    }
    at++;
  }
  return NULL;
}

const char *archive_open(const char *path, struct archive *archive) {
  struct stat st;
  struct tail tail;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return "it cannot be read";
  }
  if (fstat(fd, &st) != 0 || st.st_size < (off_t)sizeof(tail)) {
    close(fd);
    return "it is cut off";
  }
  const uint64_t size = (uint64_t)st.st_size;
  const uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED) {
    return "it cannot be mapped";
  }
  archive->bytes = bytes;
  archive->size = size;
  memcpy(&tail, bytes + size - sizeof(tail), sizeof(tail));
  if (memcmp(tail.magic, TAIL_MAGIC, sizeof(tail.magic)) != 0) {
    return "it is cut off, or was changed";
  }
  if (tail.index_offset % 8 != 0 || tail.index_offset > size ||
      tail.index_bytes > size - tail.index_offset ||
      crc32_of(bytes + tail.index_offset, tail.index_bytes) !=
          tail.index_crc) {
    return "its index is damaged";
  }
  return check_index(archive, tail.index_offset, tail.index_bytes);
}

int archive_unpack(const struct archive *archive, const struct entry *entry,
                   uint8_t *out) {
  if (inflate_raw(archive->bytes + entry->offset, entry->stored, out,
                  entry->bytes) != 0) {
    return -1;
  }
  return crc32_of(out, entry->bytes) == entry->crc ? 0 : -1;
}
