/*
 * System V segments: keys, the kernel's account of each, and their memory
 * through copies. A segment cannot shrink while it is attached, so nothing
 * here guards against SIGBUS. Errors by their errno: -ENOENT no segment of
 * this key, -EEXIST there is one, -EINVAL no segment of this id, or a size
 * outside the kernel's limits, or more than the segment has, -EIDRM removed
 * meanwhile, -EACCES, -EPERM, -ENOSPC as many segments as the kernel allows,
 * -ENOMEM.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sysv.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4u
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* The key of a path and an id of 1 to 255, as every C program gets it. */
int32_t shmim_segment_key(const char *path, int32_t id, int32_t *key) {
  struct stat st;
  if (path == NULL || key == NULL || id < 1 || id > 255) {
    return -EINVAL;
  }
  if (stat(path, &st) != 0) { /* ftok's -1 can be a key, too */
    return -errno;
  }
  *key = (int32_t)ftok(path, id);
  return 0;
}

/* The id of a key's segment: see enum shmim_segment_how. `bytes` 0 asks for
 * an existing one of any size. */
int32_t shmim_segment_get(int32_t key, uint64_t bytes, uint32_t mode,
                          int32_t how) {
  int flags = 0;
  if (how == SHMIM_SEGMENT_NEW) {
    flags = IPC_CREAT | IPC_EXCL;
  } else if (how == SHMIM_SEGMENT_ANY) {
    flags = IPC_CREAT;
  }
  if (bytes > SIZE_MAX) {
    return -EINVAL;
  }
  const int id = shmget((key_t)key, (size_t)bytes, flags | (int)(mode & 0777));
  return id < 0 ? -errno : id;
}

static void account(const struct shmid_ds *ds, int32_t id,
                    struct shmim_segment_info *out) {
  out->id = id;
  out->key = (int32_t)ds->shm_perm.__key;
  out->mode = ds->shm_perm.mode;
  out->size = (uint64_t)ds->shm_segsz;
  out->uid = ds->shm_perm.uid;
  out->gid = ds->shm_perm.gid;
  out->creator_uid = ds->shm_perm.cuid;
  out->creator_gid = ds->shm_perm.cgid;
  out->creator_pid = ds->shm_cpid;
  out->last_pid = ds->shm_lpid;
  out->attached = (uint64_t)ds->shm_nattch;
  out->attach_s = (int64_t)ds->shm_atime;
  out->detach_s = (int64_t)ds->shm_dtime;
  out->change_s = (int64_t)ds->shm_ctime;
}

/* What the kernel knows of a segment; its mode must let us read it. */
int32_t shmim_segment_stat(int32_t id, struct shmim_segment_info *out) {
  struct shmid_ds ds;
  if (out == NULL) {
    return -EINVAL;
  }
  if (shmctl(id, IPC_STAT, &ds) != 0) {
    return -errno;
  }
  account(&ds, id, out);
  return 0;
}

/* The same of all segments, whatever their modes. Returns how many there
 * are; only the first `capacity` are filled in. */
int32_t shmim_segment_list(struct shmim_segment_info *out,
                           uint64_t capacity) {
  struct shm_info info;
  struct shmid_ds ds;
  if (out == NULL && capacity > 0) {
    return -EINVAL;
  }
  /* glibc declares the buffer as shmid_ds whatever the command. */
  const int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
  if (last < 0) {
    return -errno;
  }
  uint64_t count = 0;
  for (int i = 0; i <= last; i++) {
    int id = shmctl(i, SHM_STAT_ANY, &ds);
    if (id < 0 && errno == EINVAL) {
      id = shmctl(i, SHM_STAT, &ds); /* before Linux 4.17, or a hole */
    }
    if (id < 0) {
      continue;
    }
    if (count < capacity) {
      account(&ds, id, &out[count]);
    }
    count++;
  }
  return (int32_t)count;
}

/* Fills out[8]: largest and smallest segment in bytes, how many segments and
 * how many pages there may be; how many there are, their pages in all, in
 * memory and swapped out. */
int32_t shmim_segment_limits(uint64_t *out) {
  struct shminfo most;
  struct shm_info now;
  if (out == NULL) {
    return -EINVAL;
  }
  if (shmctl(0, IPC_INFO, (struct shmid_ds *)(void *)&most) < 0 ||
      shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&now) < 0) {
    return -errno;
  }
  out[0] = most.shmmax;
  out[1] = most.shmmin;
  out[2] = most.shmmni;
  out[3] = most.shmall;
  out[4] = (uint64_t)now.used_ids;
  out[5] = now.shm_tot;
  out[6] = now.shm_rss;
  out[7] = now.shm_swp;
  return 0;
}

/* Marks a segment for removal: it goes with its last user. */
int32_t shmim_segment_remove(int32_t id) {
  return shmctl(id, IPC_RMID, NULL) == 0 ? 0 : -errno;
}

/* Attaches a segment; `length` becomes its size. */
int32_t shmim_segment_attach(struct shmim_segment *s, int32_t id,
                             int32_t writable) {
  struct shmid_ds ds;
  if (s == NULL || s->base != 0) {
    return -EINVAL;
  }
  void *p = shmat(id, NULL, writable ? 0 : SHM_RDONLY);
  if (p == (void *)-1) {
    return -errno;
  }
  /* Removed is no matter: the kernel keeps what is attached. */
  if (shmctl(id, IPC_STAT, &ds) != 0) {
    const int32_t rc = -errno;
    shmdt(p);
    return rc;
  }
  s->base = (uint64_t)(uintptr_t)p;
  s->length = (uint64_t)ds.shm_segsz;
  s->writable = writable ? 1 : 0;
  return 0;
}

int32_t shmim_segment_detach(struct shmim_segment *s) {
  if (s == NULL || s->base == 0) {
    return 0;
  }
  void *p = (void *)(uintptr_t)s->base;
  s->base = 0;
  s->length = 0;
  return shmdt(p) == 0 ? 0 : -errno;
}

/* 0, -ERANGE outside or not on a boundary of 8, -EACCES only for reading. */
static int32_t usable(const struct shmim_segment *s, uint64_t offset,
                      uint64_t bytes, bool writing) {
  if (!within(s, offset, bytes) || offset % 8 != 0 || bytes % 8 != 0) {
    return -ERANGE;
  }
  return writing && !s->writable ? -EACCES : 0;
}

/* Copies bytes of the segment out. */
int32_t shmim_segment_load(const struct shmim_segment *s, uint64_t offset,
                           void *out, uint64_t bytes) {
  if (!within(s, offset, bytes) || (out == NULL && bytes > 0)) {
    return -ERANGE;
  }
  if (bytes > 0) {
    memcpy(out, (void *)(uintptr_t)(s->base + offset), bytes);
  }
  return 0;
}

/* Copies bytes into the segment. */
int32_t shmim_segment_store(const struct shmim_segment *s, uint64_t offset,
                            const void *in, uint64_t bytes) {
  if (!within(s, offset, bytes) || (in == NULL && bytes > 0)) {
    return -ERANGE;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (bytes > 0) {
    memcpy((void *)(uintptr_t)(s->base + offset), in, bytes);
  }
  return 0;
}

/* A 64-bit word: what was stored before it is seen with it. */
int32_t shmim_segment_word(const struct shmim_segment *s, uint64_t offset,
                           uint64_t *out) {
  const int32_t rc = usable(s, offset, 8, false);
  if (rc == 0 && out != NULL) {
    *out = atomic_load_explicit(cell(s, offset), memory_order_acquire);
  }
  return rc;
}

/* Replaces a word by `desired` where it is `expected`, in one step; `found`
 * gets what was there. */
int32_t shmim_segment_swap(const struct shmim_segment *s, uint64_t offset,
                           uint64_t expected, uint64_t desired,
                           uint64_t *found) {
  const int32_t rc = usable(s, offset, 8, true);
  if (rc != 0 || found == NULL) {
    return rc != 0 ? rc : -EINVAL;
  }
  atomic_compare_exchange_strong(cell(s, offset), &expected, desired);
  *found = expected;
  return 0;
}

/*
 * Stores a record that readers never see half of: the word at `sequence` is
 * odd meanwhile and two higher afterwards. One writer at a time.
 */
int32_t shmim_segment_publish(const struct shmim_segment *s,
                              uint64_t sequence, uint64_t offset,
                              const void *in, uint64_t bytes) {
  int32_t rc = usable(s, sequence, 8, true);
  if (rc == 0) {
    rc = usable(s, offset, bytes, true);
  }
  if (rc != 0 || in == NULL) {
    return rc != 0 ? rc : -EINVAL;
  }
  /* Odd already: the writer before us died in the middle. */
  const uint64_t odd =
      atomic_load_explicit(cell(s, sequence), memory_order_relaxed) | 1;
  atomic_store_explicit(cell(s, sequence), odd, memory_order_relaxed);
  atomic_thread_fence(memory_order_release);
  for (uint64_t i = 0; i < bytes; i += 8) {
    uint64_t value;
    memcpy(&value, (const char *)in + i, 8);
    atomic_store_explicit(cell(s, offset + i), value, memory_order_relaxed);
  }
  atomic_store_explicit(cell(s, sequence), odd + 1, memory_order_release);
  return 0;
}

/* Copies such a record. -EAGAIN: it changed during each of `tries` copies,
 * or its writer died in the middle; what lies in `out` is of no use then. */
int32_t shmim_segment_snapshot(const struct shmim_segment *s,
                               uint64_t sequence, uint64_t offset, void *out,
                               uint64_t bytes, uint32_t tries) {
  int32_t rc = usable(s, sequence, 8, false);
  if (rc == 0) {
    rc = usable(s, offset, bytes, false);
  }
  if (rc != 0 || out == NULL) {
    return rc != 0 ? rc : -EINVAL;
  }
  for (uint32_t n = 0; n < tries; n++) {
    const uint64_t before =
        atomic_load_explicit(cell(s, sequence), memory_order_acquire);
    if (before % 2 != 0) {
      relax();
      continue;
    }
    for (uint64_t i = 0; i < bytes; i += 8) {
      const uint64_t value =
          atomic_load_explicit(cell(s, offset + i), memory_order_relaxed);
      memcpy((char *)out + i, &value, 8);
    }
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(cell(s, sequence), memory_order_relaxed) ==
        before) {
      return 0;
    }
  }
  return -EAGAIN;
}

/* The user id that the kernel holds against a segment's mode. */
int32_t shmim_user(void) {
  return (int32_t)geteuid();
}

/*
 * When a process began, nanoseconds since the machine did: with its pid this
 * tells it from a later one. -ESRCH where there is none, also where it has
 * ended and only waits to be collected.
 */
int64_t shmim_process_start(int32_t pid) {
  char path[32];
  char line[1024];
  if (pid <= 0) {
    return -ESRCH;
  }
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *f = fopen(path, "re");
  if (f == NULL) {
    return errno == ENOENT ? -ESRCH : -errno;
  }
  const size_t n = fread(line, 1, sizeof line - 1, f);
  fclose(f);
  line[n] = '\0';
  /* The name in brackets may hold anything: what follows its last one. */
  const char *rest = strrchr(line, ')');
  char state = 0;
  unsigned long long began = 0;
  if (rest == NULL ||
      sscanf(rest + 1,
             " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
             "%*s %*s %*s %*s %llu",
             &state, &began) != 2) {
    return n == 0 ? -ESRCH : -EIO; /* ended while we looked */
  }
  if (state == 'Z' || state == 'X') {
    return -ESRCH;
  }
  return (int64_t)(began * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK)));
}

/*
 * From now on no program that is started inherits a descriptor beyond 0 to 2:
 * one that outlives its caller must not hold the locks and pipes of others.
 */
int32_t shmim_keep_descriptors(void) {
  if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0) {
    return 0;
  }
  const long most = sysconf(_SC_OPEN_MAX); /* before Linux 5.11 */
  for (int fd = 3; fd < (most > 0 && most < 65536 ? (int)most : 65536); fd++) {
    const int flags = fcntl(fd, F_GETFD);
    if (flags >= 0) {
      fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
  }
  return 0;
}
