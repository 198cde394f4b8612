/*
 * The head of a portable shmim: one file that holds Deno, the program and the
 * helper behind this small static program, which lays them into a folder of
 * the user's cache and becomes Deno.
 *
 * The file: this program, the packed files one after the other, the index,
 * the tail. `scripts/compile/portable.ts` writes it. Numbers are
 * little-endian.
 */
#ifndef SHMIM_PORTABLE_H
#define SHMIM_PORTABLE_H

#include <stdint.h>

#define TAIL_MAGIC "shmim one file 1"
#define KEY_BYTES 80
#define NAME_BYTES 64
/* In an argument it stands for the folder of the files. */
#define FOLDER_MARK '\x01'

/* The last bytes of the file. */
struct tail {
  uint64_t index_offset;
  uint64_t index_bytes;
  uint32_t index_crc;
  uint32_t reserved;
  char magic[16];
};

/* The index begins with this; then come the files, then the arguments. */
struct head {
  char key[KEY_BYTES]; /* names the folder: version and hash of the content */
  uint32_t files;
  uint32_t arguments; /* strings, each with its zero byte */
};

struct entry {
  char name[NAME_BYTES]; /* no folder in it */
  uint64_t offset;
  uint64_t stored; /* bytes in here, raw deflate */
  uint64_t bytes;  /* bytes unpacked */
  uint32_t crc;    /* CRC-32 of the unpacked bytes */
  uint32_t mode;
};

_Static_assert(sizeof(struct tail) == 40, "the tail's layout");
_Static_assert(sizeof(struct head) == 88, "the head's layout");
_Static_assert(sizeof(struct entry) == 96, "an entry's layout");

/* The open file, mapped, its index checked. */
struct archive {
  const uint8_t *bytes;
  uint64_t size;
  const struct head *head;
  const struct entry *entries;
  const char *arguments;
};

/* archive.c */

/*
 * Maps a file and checks every number of its index. Returns NULL, or what is
 * wrong in a few words.
 */
const char *archive_open(const char *path, struct archive *archive);

/* Unpacks an entry into `bytes` of memory. 0, or -1 where it is damaged. */
int archive_unpack(const struct archive *archive, const struct entry *entry,
                   uint8_t *out);

/* inflate.c */

/* Unpacks raw deflate that yields exactly `size` bytes. 0, or -1. */
int inflate_raw(const uint8_t *in, uint64_t length, uint8_t *out,
                uint64_t size);

/* CRC-32 as gzip has it. */
uint32_t crc32_of(const uint8_t *bytes, uint64_t length);

/* folder.c */

#define PATH_BYTES 4096

/*
 * Finds or makes the folder that holds the files, and writes its path.
 * Whoever may not be trusted with it is refused. Ends the process with one
 * line where nothing works.
 */
void folder_prepare(const struct archive *archive, char path[PATH_BYTES]);

/* extract.c */

/* 1 where each file of the archive is in the folder, whole and safe. */
int extract_complete(const struct archive *archive, int folder);

/* Writes all files into an open, empty folder. 0, or -errno; -EBADMSG where the
 * archive is damaged. */
int extract_all(const struct archive *archive, int folder);

/* Removes a folder with what is in it, following no link. 0, or -errno. */
int remove_tree(int parent, const char *name);

/* main.c */

/* Prints one line and ends with exit code 1. */
_Noreturn void die(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
