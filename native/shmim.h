/*
 * The helper of shmim: what TypeScript cannot do itself or must not be in the
 * way of. This header is the whole interface; ffi/helper.ts mirrors it.
 *
 * Conventions: results are >= 0 or -errno. -EBADFD means that a mapped file
 * shrank, or could not be given memory, while it was in use: the mapping is
 * then marked as broken and every later call on it says so. Nothing here
 * allocates per frame, prints, exits or reads the environment.
 */
#ifndef SHMIM_H
#define SHMIM_H

#include <stddef.h>
#include <stdint.h>

#define SHMIM_ABI 7
#define SHMIM_API __attribute__((visibility("default")))

/*
 * A stream as the helper sees it: a format's table compiled to byte offsets.
 * TypeScript fills everything but the first four members from a header that
 * it has checked; shmim_stream_check() holds it against the mapping's length
 * once more. An offset of 0 means that the format has no such field.
 */
struct shmim_stream {
  uint64_t base;            /* address of the mapping, set by shmim_map() */
  uint64_t length;          /* bytes mapped, set by shmim_map() */
  uint64_t guard;           /* entry in the table of guarded mappings */
  uint64_t writable;        /* 1 when mapped for writing */
  uint64_t cnt0;            /* uint64: frames published */
  uint64_t cnt1;            /* uint64: slice written last */
  uint64_t cnt2;            /* uint64 */
  uint64_t write_flag;      /* uint8: 1 while pixels change */
  uint64_t atime;           /* timespec: acquisition time */
  uint64_t writetime;       /* timespec: publication time */
  uint64_t data;            /* the pixels */
  uint64_t data_bytes;      /* of one frame, all slices */
  uint64_t slice_bytes;     /* of one 2-D slice */
  uint64_t slices;          /* how many slices, at least 1 */
  uint64_t keywords;        /* keyword records */
  uint64_t keyword_bytes;   /* all records together */
  uint64_t sems;            /* semaphores, SHMIM_SEM_BYTES apart */
  uint64_t sem_count;
  uint64_t sem_max;         /* a post is skipped at this value */
  uint64_t log_sem;         /* semaphore of loggers */
  uint64_t reader_pids;     /* int32 for each semaphore */
  uint64_t writer_pids;     /* int32 for each semaphore */
  uint64_t trace;           /* process trace, SHMIM_TRACE_BYTES apart */
  uint64_t trace_count;
  uint64_t slice_atimes;    /* timespec for each slice */
  uint64_t slice_writetimes;/* timespec for each slice */
  uint64_t slice_counters;  /* uint64 for each slice */
  uint64_t ring_slots;      /* circular buffer: slots, 0 = none */
  uint64_t ring_index;      /* uint32: slot written last */
  uint64_t ring_cycle;      /* uint64: wrap-arounds */
  uint64_t ring_data;       /* pixels of slot 0 */
  uint64_t clock;           /* clock id of the format's times */
  uint64_t own_counter;     /* cnt0 after our last frame, ~0 before it */
  uint64_t foreign;         /* frames that another writer counted meanwhile */
  uint64_t pid;             /* of this process, set by shmim_map() */
  uint64_t copied;          /* cnt0 of the frame shmim_frame_copy() copied */
};

#define SHMIM_SEM_BYTES 32
#define SHMIM_TRACE_BYTES 64

/* What is known of one frame, filled by the calls that read or write one. */
struct shmim_frame {
  uint64_t cnt0;
  uint64_t cnt1;
  uint64_t cnt2;
  int64_t atime_s, atime_ns;
  int64_t writetime_s, writetime_ns;
  uint64_t torn;            /* 1: no quiet moment was found */
  uint64_t tries;           /* copies made */
  uint64_t stalled;         /* 1: the write flag stayed up */
  int64_t seen_s, seen_ns;  /* when the copy was complete, stream's clock */
};

/* How to wait for the next frame. */
enum shmim_wait_mode {
  SHMIM_WAIT_SEMAPHORE = 0,
  SHMIM_WAIT_SPIN = 1,
  SHMIM_WAIT_POLL = 2,
  SHMIM_WAIT_ADAPTIVE = 3,
};

struct shmim_wait {
  uint64_t mode;            /* enum shmim_wait_mode */
  int64_t sem;              /* claimed semaphore, -1 = none */
  uint64_t last;            /* wait until cnt0 differs from this */
  uint64_t timeout_us;
  uint64_t poll_us;         /* pause between two looks when polling */
  uint64_t spin_us;         /* adaptive: how long to spin first */
};

/*
 * The control block of a pump: shared with TypeScript while the pump runs.
 * Each word has one writer: `stop` TypeScript, all others the pump.
 */
#define SHMIM_HISTOGRAM 640 /* 16 buckets for each power of two, from 1 ns */

enum shmim_end {
  SHMIM_END_RUNNING = 0,
  SHMIM_END_STOPPED = 1,    /* asked to */
  SHMIM_END_PEER = 2,       /* the peer closed between two frames */
  SHMIM_END_CUT = 3,        /* the peer closed inside a frame */
  SHMIM_END_ERROR = 4,      /* `error` holds the errno */
  SHMIM_END_SLICE = 5,      /* the peer sent a slice index out of range */
  SHMIM_END_IDLE = 6,       /* nothing came for idle_ms */
};

enum shmim_state {
  SHMIM_STATE_WAITING = 0,
  SHMIM_STATE_BUSY = 1,
  SHMIM_STATE_BLOCKED = 2,  /* the peer takes nothing */
  SHMIM_STATE_STALLED = 3,  /* a writer holds its write flag up */
  SHMIM_STATE_RESTLESS = 4, /* the source never pauses */
};

enum shmim_stop {
  SHMIM_STOP_NOW = 1,
  SHMIM_STOP_WHOLE = 2,     /* receive: between two frames only */
};

struct shmim_control {
  int64_t stop;             /* enum shmim_stop, 0 = go on */
  uint64_t state;           /* enum shmim_state */
  uint64_t end;             /* enum shmim_end */
  uint64_t error;           /* errno of SHMIM_END_ERROR */
  int64_t detail;           /* the offending slice index */
  uint64_t frames;          /* sent, or received and published */
  uint64_t bytes;           /* on the wire */
  uint64_t skipped;         /* frames of the source that never crossed */
  uint64_t torn;            /* copies given up: the source changed them */
  uint64_t repeats;         /* a frame sent again, or known already */
  uint64_t empty;           /* frames without pixels */
  uint64_t dropped_keywords;/* used records that did not fit */
  uint64_t foreign;         /* counts of another writer */
  uint64_t last_cnt0;       /* source counter of the last frame */
  uint64_t last_cnt1;
  uint64_t last_ns;         /* CLOCK_MONOTONIC of the last frame */
  uint64_t active;          /* CLOCK_MONOTONIC of the last byte */
  uint64_t latency_count;
  uint64_t latency_max;     /* ns */
  uint64_t histogram[SHMIM_HISTOGRAM];
};

struct shmim_transmit {
  struct shmim_wait wait;
  int64_t fd;               /* connected socket, taken over */
  uint64_t slice_mode;      /* enum shmim_slice_mode */
  uint64_t keywords;        /* records announced to the peer */
  uint64_t keywords_used;   /* 1: used records only, packed */
  uint64_t first;           /* 1: send what is there at once */
  uint64_t repeat_ms;       /* repeat the first frame after this, 0 = never */
  uint64_t allow_torn;      /* 1: send frames of a restless source anyway */
  int64_t priority;         /* SCHED_FIFO, 0 = leave */
  uint64_t cpus;            /* affinity mask, 0 = leave */
};

enum shmim_slice_mode {
  SHMIM_SLICES_AUTO = 0,
  SHMIM_SLICES_ROLLING = 1,
  SHMIM_SLICES_WHOLE = 2,
  SHMIM_SLICES_RING = 3,    /* AUTO on a stream declared as rolling */
};

struct shmim_receive {
  int64_t fd;               /* connected socket, taken over */
  uint64_t pixel_bytes;     /* of one frame on the wire */
  uint64_t keyword_bytes;   /* of one frame on the wire */
  uint64_t idle_ms;         /* give up after this, 0 = never */
  int64_t priority;
  uint64_t cpus;
};

/* sys.c: system calls with errno, scheduling, clocks. */
SHMIM_API int32_t shmim_abi_version(void);
SHMIM_API int32_t shmim_file_stat(const char *path, int32_t follow,
                                  int64_t *out);
SHMIM_API int32_t shmim_fd_stat(int32_t fd, int64_t *out);
SHMIM_API int32_t shmim_file_open(const char *path, int32_t writable);
SHMIM_API int32_t shmim_file_create(const char *path, uint32_t mode,
                                    uint64_t bytes);
SHMIM_API int32_t shmim_file_rename(const char *from, const char *to,
                                    int32_t replace);
SHMIM_API int32_t shmim_file_unlink(const char *path);
SHMIM_API int32_t shmim_file_symlink(const char *target, const char *path);
SHMIM_API int32_t shmim_file_readlink(const char *path, char *out,
                                      uint64_t capacity);
SHMIM_API int32_t shmim_file_realpath(const char *path, char *out,
                                      uint64_t capacity);
SHMIM_API int64_t shmim_dir_list(const char *path, char *out,
                                 uint64_t capacity);
SHMIM_API int32_t shmim_fd_lock(int32_t fd);
SHMIM_API int32_t shmim_fd_close(int32_t fd);
SHMIM_API int32_t shmim_fd_path(int32_t fd, char *out, uint64_t capacity);
SHMIM_API int32_t shmim_clock(int32_t clock, int64_t *out);
SHMIM_API int32_t shmim_tai_offset(void);
SHMIM_API int32_t shmim_sleep_until(uint64_t monotonic_ns);
SHMIM_API int32_t shmim_schedule_try(int64_t priority, uint64_t cpus);
SHMIM_API int64_t shmim_process_memory(void);

/* map.c: guarded mappings. */
SHMIM_API int32_t shmim_map(struct shmim_stream *s, int32_t fd,
                            uint64_t length, int32_t writable);
SHMIM_API int32_t shmim_unmap(struct shmim_stream *s);
SHMIM_API int32_t shmim_map_status(const struct shmim_stream *s);
SHMIM_API int32_t shmim_map_load(const struct shmim_stream *s,
                                 uint64_t offset, void *out, uint64_t bytes);
SHMIM_API int32_t shmim_map_store(const struct shmim_stream *s,
                                  uint64_t offset, const void *in,
                                  uint64_t bytes);
SHMIM_API void *shmim_map_address(const struct shmim_stream *s,
                                  uint64_t offset, uint64_t bytes);
SHMIM_API int32_t shmim_stream_check(struct shmim_stream *s);

/* sem.c: a stream's semaphores. */
SHMIM_API int32_t shmim_sem_init(const struct shmim_stream *s);
SHMIM_API int32_t shmim_sem_values(const struct shmim_stream *s,
                                   int32_t *out, uint64_t count);
SHMIM_API int32_t shmim_sem_claim(const struct shmim_stream *s,
                                  int32_t preferred);
SHMIM_API int32_t shmim_sem_release(const struct shmim_stream *s,
                                    int32_t index);
SHMIM_API int32_t shmim_sem_flush(const struct shmim_stream *s,
                                  int32_t index);
SHMIM_API int32_t shmim_sem_post(const struct shmim_stream *s, int32_t index);

/* frame.c: reading, publishing, waiting. */
SHMIM_API uint64_t shmim_frame_counter(const struct shmim_stream *s);
SHMIM_API int32_t shmim_frame_read(const struct shmim_stream *s, void *out,
                                   uint64_t offset, uint64_t bytes,
                                   uint32_t tries, struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_copy(uint32_t hot, void *out);
SHMIM_API int32_t shmim_frame_publish(uint32_t hot, const void *in);
SHMIM_API int32_t shmim_frame_write(struct shmim_stream *s, const void *in,
                                    uint64_t offset, uint64_t bytes,
                                    int64_t slice, const int64_t *atime,
                                    struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_begin(const struct shmim_stream *s);
SHMIM_API int32_t shmim_frame_end(struct shmim_stream *s, int32_t published,
                                  const int64_t *atime,
                                  struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_wait(const struct shmim_stream *s,
                                   const struct shmim_wait *wait);
SHMIM_API int32_t shmim_frame_next(const struct shmim_stream *s,
                                   const struct shmim_wait *wait, void *out,
                                   uint64_t offset, uint64_t bytes,
                                   struct shmim_frame *frame);

/* convert.c: big-endian pixels of FITS files. */
enum shmim_stored {
  SHMIM_STORED_U8 = 0,
  SHMIM_STORED_INTEGER = 1, /* signed, of `width` bytes */
  SHMIM_STORED_F32 = 2,
  SHMIM_STORED_F64 = 3,
};

struct shmim_convert {
  uint64_t width;           /* bytes that are reversed together */
  uint64_t out_bytes;       /* bytes of a value that comes out */
  uint64_t flip_sign;       /* exact: invert the sign bit */
  uint64_t scaled;          /* 1: value x scale + zero, as f32 or f64 */
  uint64_t stored;          /* enum shmim_stored */
  uint64_t has_blank;
  int64_t blank;            /* this integer becomes NaN */
  double scale, zero;
};

SHMIM_API int32_t shmim_convert_bytes(const struct shmim_stream *s,
                                      uint64_t offset, const void *in,
                                      uint64_t bytes, uint64_t count,
                                      const struct shmim_convert *c);
SHMIM_API int32_t shmim_convert_file(const struct shmim_stream *s,
                                     uint64_t offset, int32_t fd,
                                     uint64_t from, uint64_t count,
                                     const struct shmim_convert *c);

/* sock.c: sockets that Deno opened. */
SHMIM_API int32_t shmim_socket_take(const char *local, uint32_t local_port,
                                    const char *remote, uint32_t remote_port);
SHMIM_API int32_t shmim_socket_tune(int32_t fd, uint64_t timeout_ms);

/* local.c: pumps between streams of this host. */
struct shmim_relay {
  struct shmim_wait wait;
  uint64_t inode;           /* of the source, for the process trace */
  uint64_t keywords;        /* 1: copy the keyword records, too */
};
SHMIM_API int32_t shmim_relay(const struct shmim_stream *from,
                              struct shmim_stream *to,
                              const struct shmim_relay *config,
                              struct shmim_control *control);
SHMIM_API int32_t shmim_observe(const struct shmim_stream *s,
                                const struct shmim_wait *wait,
                                struct shmim_control *control);

/* transmit.c, receive.c: the pumps. */
SHMIM_API int32_t shmim_transmit(struct shmim_stream *s,
                                 const struct shmim_transmit *config,
                                 struct shmim_control *control);
SHMIM_API int32_t shmim_receive(struct shmim_stream *s,
                                const struct shmim_receive *config,
                                struct shmim_control *control);

/* sysv.c: System V segments. */
struct shmim_segment {
  uint64_t base;            /* where it is attached, 0 = nowhere */
  uint64_t length;          /* bytes of it */
  uint64_t writable;
};

struct shmim_segment_info {
  int64_t id, key;
  uint64_t mode;            /* permissions, 01000 removed, 02000 locked */
  uint64_t size;            /* bytes asked for */
  uint64_t uid, gid, creator_uid, creator_gid;
  int64_t creator_pid;
  int64_t last_pid;         /* of the last attach or detach, 0 = none */
  uint64_t attached;        /* how often */
  int64_t attach_s, detach_s, change_s; /* since 1970 UTC, 0 = never */
};

enum shmim_segment_how {
  SHMIM_SEGMENT_OLD = 0,    /* must exist */
  SHMIM_SEGMENT_NEW = 1,    /* must not */
  SHMIM_SEGMENT_ANY = 2,
};

SHMIM_API int32_t shmim_segment_key(const char *path, int32_t id,
                                    int32_t *key);
SHMIM_API int32_t shmim_segment_get(int32_t key, uint64_t bytes,
                                    uint32_t mode, int32_t how);
SHMIM_API int32_t shmim_segment_stat(int32_t id,
                                     struct shmim_segment_info *out);
SHMIM_API int32_t shmim_segment_list(struct shmim_segment_info *out,
                                     uint64_t capacity);
SHMIM_API int32_t shmim_segment_limits(uint64_t *out);
SHMIM_API int32_t shmim_segment_remove(int32_t id);
SHMIM_API int32_t shmim_segment_attach(struct shmim_segment *s, int32_t id,
                                       int32_t writable);
SHMIM_API int32_t shmim_segment_detach(struct shmim_segment *s);
SHMIM_API int32_t shmim_segment_load(const struct shmim_segment *s,
                                     uint64_t offset, void *out,
                                     uint64_t bytes);
SHMIM_API int32_t shmim_segment_store(const struct shmim_segment *s,
                                      uint64_t offset, const void *in,
                                      uint64_t bytes);
SHMIM_API int32_t shmim_segment_word(const struct shmim_segment *s,
                                     uint64_t offset, uint64_t *out);
SHMIM_API int32_t shmim_segment_swap(const struct shmim_segment *s,
                                     uint64_t offset, uint64_t expected,
                                     uint64_t desired, uint64_t *found);
SHMIM_API int32_t shmim_segment_publish(const struct shmim_segment *s,
                                        uint64_t sequence, uint64_t offset,
                                        const void *in, uint64_t bytes);
SHMIM_API int32_t shmim_segment_snapshot(const struct shmim_segment *s,
                                         uint64_t sequence, uint64_t offset,
                                         void *out, uint64_t bytes,
                                         uint32_t tries);
SHMIM_API int32_t shmim_user(void);
SHMIM_API int64_t shmim_process_start(int32_t pid);
SHMIM_API int32_t shmim_keep_descriptors(void);

/* partition.c */
SHMIM_API int32_t shmim_segment_place(const struct shmim_segment *s,
                                      uint32_t node, int32_t strict);
SHMIM_API void *shmim_segment_address(const struct shmim_segment *s,
                                      uint64_t offset, uint64_t bytes);
SHMIM_API int32_t shmim_process_end(int32_t pid, int64_t start);
SHMIM_API int32_t shmim_host_name(char *out, uint64_t bytes);
SHMIM_API int32_t shmim_notify(const char *path, const char *text,
                               uint64_t bytes);

#endif
