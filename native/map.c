/*
 * Guarded mappings. A mapped file that shrinks raises SIGBUS at the next
 * access. The handler puts anonymous pages over the rest of the mapping,
 * marks it as broken and returns: the access goes on, reads zeros, and every
 * later call says -EBADFD. (Jumping out of the handler would leave V8's
 * memory protection keys wrong in a synchronous call.) A file that shrinks
 * within its last page raises nothing, it reads zeros: hence the size is
 * looked at, too, after every use.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* ticks() between two looks at a file: a few microseconds, and 20 ms. */
#if defined(__aarch64__)
#define MOMENT_TICKS 100ull
#define PUMP_TICKS 500000ull
#else
#define MOMENT_TICKS 10000ull
#define PUMP_TICKS 50000000ull
#endif

/*
 * The table of guarded mappings: the helper's only global, with the lock that
 * makes a claim of a semaphore one step. An entry is free while `base` is 0;
 * it is claimed by storing 1 there. `claims` has a bit for each semaphore
 * that this mapping holds, so that two readers of one process never share
 * one. `fd` stays open to look at the file's size.
 */
#define GUARDS 4096
struct guard {
  _Atomic uint64_t base;
  _Atomic uint64_t length;
  _Atomic int32_t broken;
  _Atomic int32_t fd;
  _Atomic uint64_t claims;
  _Atomic uint64_t device;
  _Atomic uint64_t inode;
  _Atomic uint64_t looked;  /* ticks() of the last look at the file's size */
  _Atomic uint64_t moment;  /* ticks() between two looks, at least */
  _Atomic uint64_t glanced; /* milliseconds: the last look of a hot call */
  struct shmim_stream *_Atomic stream; /* for hot calls; see guard_stream() */
  _Atomic uint64_t sem_base; /* named semaphores, a page each */
  _Atomic uint64_t sem_length;
};
static struct guard guards[GUARDS];
static pthread_mutex_t claiming = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction previous;
static pthread_once_t installed = PTHREAD_ONCE_INIT;

/* The file of a named semaphore became shorter: it is one of nobody now. */
static bool lost_semaphore(const struct guard *g, uint64_t address) {
  const uint64_t base = atomic_load(&g->sem_base);
  if (base == 0 || address < base ||
      address - base >= atomic_load(&g->sem_length)) {
    return false;
  }
  const uint64_t page = address - (address - base) % SHMIM_SEM_STRIDE;
  return mmap((void *)(uintptr_t)page, SHMIM_SEM_STRIDE,
              PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
              -1, 0) != MAP_FAILED;
}

static void on_sigbus(int signal, siginfo_t *info, void *context) {
  const int saved = errno;
  const uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
  for (size_t i = 0; i < GUARDS; i++) {
    const uint64_t base = atomic_load(&guards[i].base);
    const uint64_t length = atomic_load(&guards[i].length);
    if (base > 1 && lost_semaphore(&guards[i], address)) {
      errno = saved;
      return;
    }
    if (base > 1 && address >= base && address - base < length) {
      const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
      const uint64_t from = address - (address - base) % page;
      void *p = mmap((void *)(uintptr_t)from, base + length - from,
                     PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
      if (p == MAP_FAILED) {
        break;
      }
      atomic_store(&guards[i].broken, 1);
      errno = saved;
      return;
    }
  }
  /* Not ours: whoever was here before decides, else the default. */
  if ((previous.sa_flags & SA_SIGINFO) != 0 && previous.sa_sigaction != NULL) {
    previous.sa_sigaction(signal, info, context);
    errno = saved;
    return;
  }
  sigaction(SIGBUS, &previous, NULL);
  errno = saved;
}

static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &previous);
}

/* Maps a file whose size the caller has checked. The descriptor is free to
 * be closed afterwards: the mapping keeps a duplicate. */
int32_t shmim_map(struct shmim_stream *s, int32_t fd, uint64_t length,
                  int32_t writable) {
  struct stat st;
  if (s == NULL || length == 0) {
    return -EINVAL;
  }
  if (fstat(fd, &st) != 0) {
    return -errno;
  }
  if (st.st_size < 0 || (uint64_t)st.st_size < length) {
    return BROKEN;
  }
  pthread_once(&installed, install);
  size_t i = 0;
  for (; i < GUARDS; i++) {
    uint64_t expected = 0;
    if (atomic_compare_exchange_strong(&guards[i].base, &expected, 1)) {
      break;
    }
  }
  if (i == GUARDS) {
    return -EMFILE;
  }
  int32_t rc;
  const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) {
    rc = -errno;
    goto fail;
  }
  void *p = mmap(NULL, length, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                 MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) {
    rc = -errno;
    close(copy);
    goto fail;
  }
  atomic_store(&guards[i].fd, copy);
  atomic_store(&guards[i].broken, 0);
  atomic_store(&guards[i].claims, 0);
  atomic_store(&guards[i].looked, 0);
  atomic_store(&guards[i].glanced, 0);
  atomic_store(&guards[i].stream, NULL);
  atomic_store(&guards[i].moment, MOMENT_TICKS);
  atomic_store(&guards[i].device, (uint64_t)st.st_dev);
  atomic_store(&guards[i].inode, (uint64_t)st.st_ino);
  atomic_store(&guards[i].sem_base, 0);
  atomic_store(&guards[i].length, length);
  atomic_store(&guards[i].base, (uint64_t)(uintptr_t)p);
  s->base = (uint64_t)(uintptr_t)p;
  s->length = length;
  s->guard = i;
  s->writable = writable ? 1 : 0;
  s->pid = (uint64_t)getpid();
  s->sem_base = s->base;
  return 0;
fail:
  atomic_store(&guards[i].base, 0);
  return rc;
}

/* Gives back the semaphores that the mapping still holds. Does nothing on a
 * stream that is not mapped. */
int32_t shmim_unmap(struct shmim_stream *s) {
  if (s == NULL || s->base == 0) {
    return 0;
  }
  struct guard *g = &guards[s->guard];
  const uint64_t claims = atomic_load(&g->claims);
  for (int32_t i = 0; i < 64; i++) {
    if (claims >> i & 1) {
      shmim_sem_release(s, i);
    }
  }
  /* Off the table first: the kernel may give the addresses away at once. */
  atomic_store(&g->stream, NULL);
  const uint64_t sems = atomic_exchange(&g->sem_base, 0);
  atomic_store(&g->length, 0);
  atomic_store(&g->base, 1);
  if (sems != 0) {
    munmap((void *)(uintptr_t)sems, atomic_load(&g->sem_length));
  }
  munmap((void *)(uintptr_t)s->base, s->length);
  close(atomic_load(&g->fd));
  atomic_store(&g->base, 0);
  s->base = 0;
  s->length = 0;
  return 0;
}

/*
 * A pump looks about every 20 ms: with cold caches, at 500 frames a second,
 * a look at every frame took 8 % of the time from writer to destination.
 */
void guard_pump(const struct shmim_stream *s, bool runs) {
  atomic_store(&guards[s->guard].moment, runs ? PUMP_TICKS : MOMENT_TICKS);
}

/*
 * Hot calls name their stream by its entry here: passing the struct itself
 * costs as much as the rest of the call. The caller keeps `s` where it is
 * until shmim_unmap(), which takes it off.
 */
void guard_hot(struct shmim_stream *s) {
  atomic_store(&guards[s->guard].stream, s);
}

struct shmim_stream *guard_stream(uint32_t entry) {
  return entry < GUARDS ? atomic_load_explicit(&guards[entry].stream,
                                               memory_order_acquire)
                        : NULL;
}

static int32_t look(const struct shmim_stream *s, struct guard *g) {
  struct stat st;
  if (fstat(atomic_load(&g->fd), &st) == 0 && st.st_size >= 0 &&
      (uint64_t)st.st_size >= s->length) {
    return 0;
  }
  atomic_store(&g->broken, 1);
  return BROKEN;
}

/* guard_status() for hot calls: one look in a millisecond or a tick of the
 * kernel's clock, whichever is longer. */
int32_t guard_glance(const struct shmim_stream *s, const struct timespec *now) {
  struct guard *g = &guards[s->guard];
  if (atomic_load_explicit(&g->broken, memory_order_relaxed)) {
    return BROKEN;
  }
  const uint64_t ms =
      (uint64_t)now->tv_sec * 1000 + (uint64_t)now->tv_nsec / 1000000;
  if (ms == atomic_load_explicit(&g->glanced, memory_order_relaxed)) {
    return 0;
  }
  atomic_store_explicit(&g->glanced, ms, memory_order_relaxed);
  return look(s, g);
}

/*
 * A file that shrinks within its last page raises no SIGBUS, so its size is
 * looked at, too. Calls that follow each other within a few microseconds
 * share one look: it costs as much as a small frame.
 */
int32_t guard_status(const struct shmim_stream *s) {
  struct guard *g = &guards[s->guard];
  if (atomic_load_explicit(&g->broken, memory_order_relaxed)) {
    return BROKEN;
  }
  const uint64_t now = ticks();
  if (now - atomic_load_explicit(&g->looked, memory_order_relaxed) <
      atomic_load_explicit(&g->moment, memory_order_relaxed)) {
    return 0;
  }
  atomic_store_explicit(&g->looked, now, memory_order_relaxed);
  return look(s, g);
}

void guards_lock(void) {
  pthread_mutex_lock(&claiming);
}

void guards_unlock(void) {
  pthread_mutex_unlock(&claiming);
}

static uint64_t claim_bit(int32_t index) {
  return index >= 0 && index < 64 ? 1ull << index : 0;
}

bool guard_claimed(const struct shmim_stream *s, int32_t index) {
  const struct guard *own = &guards[s->guard];
  const uint64_t bit = claim_bit(index);
  if (bit == 0) {
    return true; /* beyond what is tracked: never share */
  }
  for (size_t i = 0; i < GUARDS; i++) {
    const struct guard *g = &guards[i];
    if (atomic_load(&g->base) > 1 && (atomic_load(&g->claims) & bit) != 0 &&
        atomic_load(&g->inode) == atomic_load(&own->inode) &&
        atomic_load(&g->device) == atomic_load(&own->device)) {
      return true;
    }
  }
  return false;
}

void guard_claim(const struct shmim_stream *s, int32_t index, bool held) {
  struct guard *g = &guards[s->guard];
  if (held) {
    atomic_fetch_or(&g->claims, claim_bit(index));
  } else {
    atomic_fetch_and(&g->claims, ~claim_bit(index));
  }
}

/* 0 while the mapping is whole. */
int32_t shmim_map_status(const struct shmim_stream *s) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  return guard_status(s);
}

static bool inside(const struct shmim_stream *s, uint64_t offset,
                   uint64_t bytes) {
  return s != NULL && s->base != 0 && offset <= s->length &&
         bytes <= s->length - offset;
}

/* Copies bytes of the mapping out. */
int32_t shmim_map_load(const struct shmim_stream *s, uint64_t offset,
                       void *out, uint64_t bytes) {
  if (!inside(s, offset, bytes) || (out == NULL && bytes > 0)) {
    return -ERANGE;
  }
  if (bytes > 0) {
    memcpy(out, at(s, offset), bytes);
  }
  return guard_status(s);
}

/* Copies bytes into the mapping. */
int32_t shmim_map_store(const struct shmim_stream *s, uint64_t offset,
                        const void *in, uint64_t bytes) {
  if (!inside(s, offset, bytes) || (in == NULL && bytes > 0)) {
    return -ERANGE;
  }
  if (!s->writable) {
    return -EACCES;
  }
  if (bytes > 0) {
    memcpy(at(s, offset), in, bytes);
  }
  return guard_status(s);
}

/* The address of a part of the mapping, for the zero-copy view, or NULL. */
void *shmim_map_address(const struct shmim_stream *s, uint64_t offset,
                        uint64_t bytes) {
  return inside(s, offset, bytes) ? at(s, offset) : NULL;
}

static bool fits(const struct shmim_stream *s, uint64_t offset,
                 uint64_t count, uint64_t size) {
  uint64_t bytes;
  return !__builtin_mul_overflow(count, size, &bytes) &&
         inside(s, offset, bytes);
}

/*
 * Makes room for named semaphores, the log's last. Until one is attached its
 * place holds something that is no semaphore, so that nobody uses it.
 */
int32_t shmim_sem_reserve(struct shmim_stream *s) {
  if (s == NULL || s->base == 0 || !s->sem_named ||
      s->sem_count > SHMIM_SEM_NAMED_MAX ||
      s->sem_stride != SHMIM_SEM_STRIDE) {
    return -EINVAL;
  }
  struct guard *g = &guards[s->guard];
  if (atomic_load(&g->sem_base) != 0) {
    return 0;
  }
  const uint64_t length = (s->sem_count + 1) * SHMIM_SEM_STRIDE;
  uint8_t *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) {
    return -errno;
  }
  for (uint64_t i = 0; i <= s->sem_count; i++) {
    memset(p + i * SHMIM_SEM_STRIDE + 4, 0xFF, SHMIM_SEM_BYTES - 4);
  }
  atomic_store(&g->sem_length, length);
  atomic_store(&g->sem_base, (uint64_t)(uintptr_t)p);
  s->sem_base = (uint64_t)(uintptr_t)p;
  return 0;
}

/* Puts an open semaphore file in its place, the log's at sem_count. Its
 * descriptor may be closed afterwards. */
int32_t shmim_sem_attach(const struct shmim_stream *s, uint64_t index,
                         int32_t fd) {
  struct stat st;
  if (s == NULL || s->base == 0 || !s->sem_named || index > s->sem_count) {
    return -EINVAL;
  }
  if (fstat(fd, &st) != 0) {
    return -errno;
  }
  if (st.st_size < SHMIM_SEM_BYTES) {
    return BROKEN;
  }
  void *place =
      (void *)(uintptr_t)(s->sem_base + index * SHMIM_SEM_STRIDE);
  void *p = mmap(place, (size_t)sysconf(_SC_PAGESIZE),
                 s->writable ? PROT_READ | PROT_WRITE : PROT_READ,
                 MAP_SHARED | MAP_FIXED, fd, 0);
  return p == MAP_FAILED ? -errno : 0;
}

/* What is used as an atomic word or a semaphore lies on its boundary. A file
 * that is only read may have its pids and semaphores anywhere: they are
 * copied out. */
static bool aligned(const struct shmim_stream *s) {
  const bool words = (s->cnt0 | s->cnt1 | s->cnt2 | s->packet_frames) % 8 == 0 &&
                     (s->segments < 2 || (s->segment_index % 4 == 0 &&
                                          s->segment_record % 8 == 0)) &&
                     (s->ring_slots == 0 ||
                      (s->ring_index % 4 == 0 && s->ring_cycle % 8 == 0));
  const bool sems = s->sem_count == 0 ||
                    (s->sems % 8 == 0 && s->reader_pids % 4 == 0 &&
                     s->writer_pids % 4 == 0);
  return words && (!s->writable || (sems && s->log_sem % 8 == 0));
}

/* The fields of a frame, in the record of the last segment. */
static bool records_fit(const struct shmim_stream *s, uint64_t n) {
  uint64_t last;
  uint64_t end;
  if (__builtin_mul_overflow(n - 1, s->segment_record, &last)) {
    return false;
  }
  const struct {
    uint64_t offset, bytes;
  } fields[] = {
      {s->cnt0, 8},
      {s->cnt1, 8},
      {s->cnt2, 8},
      {s->write_flag, 1},
      {s->atime, s->time_ns ? 8 : 16},
      {s->packets, s->packets ? 16 : 0},
      {s->packet_frames, s->packet_max < 4096 ? 8 * s->packet_max : UINT64_MAX},
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    if (__builtin_add_overflow(fields[i].offset, last, &end) ||
        !fits(s, end, 1, fields[i].bytes)) {
      return false;
    }
  }
  return fits(s, s->segment_index, s->segments > 1 ? 1 : 0, 4);
}

/* Named ones have a place of their own. */
static bool semaphores_fit(const struct shmim_stream *s) {
  if (s->sem_named) {
    return s->sem_count <= SHMIM_SEM_NAMED_MAX && s->sems == 0 &&
           s->sem_stride == SHMIM_SEM_STRIDE &&
           s->log_sem == s->sem_count * SHMIM_SEM_STRIDE &&
           s->reader_pids == 0 && s->writer_pids == 0;
  }
  return s->sem_stride == SHMIM_SEM_BYTES &&
         fits(s, s->sems, s->sem_count, SHMIM_SEM_BYTES) &&
         fits(s, s->log_sem, s->log_sem ? 1 : 0, SHMIM_SEM_BYTES);
}

/* Holds the compiled table against the mapping: 0, or -ERANGE. From then on
 * hot calls may name the stream by its entry; `s` stays where it is. */
int32_t shmim_stream_check(struct shmim_stream *s) {
  if (s == NULL || s->base == 0) {
    return -EINVAL;
  }
  const uint64_t n = s->segments > 1 ? s->segments : 1;
  const bool ok =
      aligned(s) && records_fit(s, n) && fits(s, s->writetime, 1, 16) &&
      fits(s, s->data, n, s->data_bytes) && s->slices > 0 &&
      s->slice_bytes <= s->data_bytes / s->slices &&
      fits(s, s->keywords, 1, s->keyword_bytes) &&
      s->keyword_record >= KEYWORD_LEAST &&
      s->keyword_bytes % s->keyword_record == 0 && semaphores_fit(s) &&
      fits(s, s->reader_pids, s->sem_count, 4) &&
      fits(s, s->writer_pids, s->sem_count, 4) &&
      fits(s, s->trace, s->trace_count, SHMIM_TRACE_BYTES) &&
      fits(s, s->slice_atimes, s->slice_atimes ? s->slices : 0, 16) &&
      fits(s, s->slice_writetimes, s->slice_writetimes ? s->slices : 0, 16) &&
      fits(s, s->slice_counters, s->slice_counters ? s->slices : 0, 8) &&
      fits(s, s->ring_index, s->ring_slots ? 1 : 0, 4) &&
      fits(s, s->ring_cycle, s->ring_slots ? 1 : 0, 8) &&
      fits(s, s->ring_data, s->ring_slots, s->data_bytes);
  if (!ok) {
    return -ERANGE;
  }
  guard_hot(s);
  return 0;
}
