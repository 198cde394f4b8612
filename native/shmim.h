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

#define SHMIM_ABI 17
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
  uint64_t atime;           /* timespec, or see time_ns: acquisition time */
  uint64_t writetime;       /* timespec: publication time, 0 = has none */
  uint64_t data;            /* the pixels */
  uint64_t data_bytes;      /* of one frame, all slices */
  uint64_t slice_bytes;     /* of one 2-D slice */
  uint64_t slices;          /* how many slices, at least 1 */
  uint64_t keywords;        /* keyword records */
  uint64_t keyword_bytes;   /* all records together */
  uint64_t keyword_record;  /* bytes of one record */
  uint64_t sems;            /* semaphores, sem_stride apart */
  uint64_t sem_count;
  uint64_t sem_max;         /* a post is skipped at this value */
  uint64_t sem_stride;
  uint64_t sem_named;       /* 1: each semaphore is a file of its own */
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
  uint64_t segments;        /* FIFO: records and frames, 0 or 1 = none */
  uint64_t segment_index;   /* uint32: segment published last */
  uint64_t segment_record;  /* bytes from a segment's fields to the next's */
  uint64_t time_ns;         /* 1: times are int64 nanoseconds */
  uint64_t late_counter;    /* 1: writers lower the flag before they count */
  uint64_t packets;         /* uint32[4]: first, count, number, total */
  uint64_t packet_frames;   /* uint64 for each packet: its frame */
  uint64_t packet_max;
  uint64_t clock;           /* clock id of the format's times */
  uint64_t own_counter;     /* cnt0 after our last frame, ~0 before it */
  uint64_t foreign;         /* frames that another writer counted meanwhile */
  uint64_t pid;             /* of this process, set by shmim_map() */
  uint64_t copied;          /* cnt0 of the frame shmim_frame_take() copied */
  uint64_t sem_base;        /* the mapping, or see shmim_sem_reserve() */
};

#define SHMIM_SEM_BYTES 32
#define SHMIM_SEM_STRIDE 65536 /* of named ones: a page, whatever its size */
#define SHMIM_SEM_NAMED_MAX 64
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
  SHMIM_END_BREACH = 7,     /* the peer broke the rules of our own wire */
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

/* call.c: one door to what is called a few times in a process's life. First
 * what is pointers, in order, then what is numbers. */
enum shmim_function {
  SHMIM_CALL_ABI_VERSION = 0,
  SHMIM_CALL_FILE_STAT,
  SHMIM_CALL_FILE_REALPATH,
  SHMIM_CALL_FILE_OPEN,
  SHMIM_CALL_DIR_LIST,
  SHMIM_CALL_FD_PATH,
  SHMIM_CALL_FD_STAT,
  SHMIM_CALL_FD_CLOSE,
  SHMIM_CALL_TAI_OFFSET,
  SHMIM_CALL_MAP,
  SHMIM_CALL_MAP_LOAD,
  SHMIM_CALL_UNMAP,
  SHMIM_CALL_STREAM_CHECK,
  SHMIM_CALL_SEM_VALUES,
  SHMIM_CALL_FRAME_RECORD,
  SHMIM_CALL_FILES_READ,
  SHMIM_CALL_DIR_LINKS,
};
SHMIM_API int64_t shmim_call(uint32_t function, void *a, void *b, int64_t i,
                             int64_t j, int64_t k);

/* files.c: lists. */
struct shmim_range {
  int64_t offset;           /* what to read */
  int64_t bytes;
  int64_t result;           /* bytes read, or -errno */
  int64_t inode;
  int64_t size;             /* of the file */
};
SHMIM_API int32_t shmim_files_read(const char *names, uint8_t *rows,
                                   uint64_t count, uint64_t room);

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
SHMIM_API int64_t shmim_dir_links(const char *path, char *out,
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
SHMIM_API int32_t shmim_sem_reserve(struct shmim_stream *s);
SHMIM_API int32_t shmim_sem_attach(const struct shmim_stream *s,
                                   uint64_t index, int32_t fd);

/* sem.c: a stream's semaphores. */
SHMIM_API int32_t shmim_sem_file(int32_t fd);
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
SHMIM_API int32_t shmim_sem_forget(const struct shmim_stream *s,
                                   int32_t index, int32_t pid);

/* segment.c: frames of a FIFO, frames in packets, records of keywords. */
SHMIM_API uint64_t shmim_frame_place(const struct shmim_stream *s,
                                     int32_t writing);
SHMIM_API uint64_t shmim_frame_record(const struct shmim_stream *s);
SHMIM_API int32_t shmim_frame_past(const struct shmim_stream *s, void *out,
                                   uint64_t bytes, uint64_t back,
                                   struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_packet(const struct shmim_stream *s,
                                     const void *in, uint64_t offset,
                                     uint64_t bytes, const uint64_t *packet);

/* frame_read.c, publish.c, frame_write.c, frame_wait.c. */
SHMIM_API uint64_t shmim_frame_counter(const struct shmim_stream *s);
SHMIM_API int32_t shmim_frame_read(const struct shmim_stream *s, void *out,
                                   uint64_t offset, uint64_t bytes,
                                   uint32_t tries, struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_take(uint32_t hot, void *out);
SHMIM_API int32_t shmim_frame_publish(uint32_t hot, const void *in);
SHMIM_API int32_t shmim_frame_write(struct shmim_stream *s, const void *in,
                                    uint64_t offset, uint64_t bytes,
                                    int64_t slice, const int64_t *atime,
                                    struct shmim_frame *frame);
SHMIM_API int32_t shmim_frame_copy(struct shmim_stream *s, const void *in,
                                   uint64_t bytes,
                                   const struct shmim_frame *original,
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
/* A frame of elsewhere, with its counters and times; see publish_as(). */
SHMIM_API int32_t shmim_frame_put(struct shmim_stream *s, const void *in,
                                  uint64_t offset, uint64_t bytes,
                                  int64_t slice,
                                  const struct shmim_frame *frame,
                                  uint64_t run);

/* keywords.c: records of 128 bytes, whatever the format stores. */
SHMIM_API int32_t shmim_keywords_load(const struct shmim_stream *s, void *out,
                                      uint64_t count, int32_t packed);
SHMIM_API int32_t shmim_keywords_store(const struct shmim_stream *s,
                                       const void *in, uint64_t count);

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

/* tile_*.c: FITS images that are stored as compressed tiles in a table. */
#define SHMIM_TILE_AXES 8

enum shmim_tile_codec {
  SHMIM_TILE_STORED = 0,    /* big-endian pixels as they are */
  SHMIM_TILE_RICE = 1,
  SHMIM_TILE_GZIP = 2,
  SHMIM_TILE_GZIP_BYTES = 3, /* gzip, the first bytes of all pixels first */
  SHMIM_TILE_HCOMPRESS = 4,
  SHMIM_TILE_PLIO = 5,
};

/* Why a tile cannot be read. */
enum shmim_tile_problem {
  SHMIM_TILE_ENDS = 1,      /* the stream ends before the tile is full */
  SHMIM_TILE_DAMAGED = 2,   /* it holds what no encoder writes */
  SHMIM_TILE_LENGTH = 3,    /* it holds another number of pixels */
  SHMIM_TILE_RANGE = 4,     /* a value that BITPIX cannot hold */
  SHMIM_TILE_SUM = 5,       /* gzip's sum does not agree */
  SHMIM_TILE_LARGE = 6,     /* more pixels than are decoded at once */
};

/* One tile: where its bytes are and how they become pixels. */
struct shmim_tile {
  uint64_t from, bytes;     /* within the bytes handed over */
  uint32_t codec;           /* enum shmim_tile_codec */
  uint32_t width;           /* STORED and RICE: bytes of a stored number */
  uint32_t quantized;       /* floats: 1 when integers x scale + zero */
  uint32_t has_blank;
  int64_t blank;            /* this integer is no value: NaN */
  double scale, zero;
};

/* Tiles that follow one another, and the pixels that are wanted of them. */
struct shmim_tiles {
  uint32_t axes;            /* 1 to SHMIM_TILE_AXES */
  uint32_t width;           /* bytes of a pixel: 1, 2, 4 or 8 */
  uint32_t floats;          /* 1 when pixels are floats */
  uint32_t block;           /* RICE: pixels of a block */
  uint32_t smooth;          /* HCOMPRESS */
  uint32_t dither;          /* 0, 1 or 2: SUBTRACTIVE_DITHER_n */
  int64_t seed;             /* ZDITHER0 */
  int64_t offset;           /* PLIO: added to each value */
  uint64_t first, count;    /* the tiles, counted from 0 */
  uint64_t from, pixels;    /* the run of the image's pixels */
  uint64_t size[SHMIM_TILE_AXES]; /* of the image, the fastest axis first */
  uint64_t tile[SHMIM_TILE_AXES]; /* of a tile; those at the edge are less */
};

/* Which tile could not be read, and why. */
struct shmim_tile_report {
  uint64_t tile;
  uint64_t problem;         /* enum shmim_tile_problem */
};

/* -EBADMSG: see `report`. `out` takes big-endian pixels; NULL: none, only
 * looks whether they can be read. Nonblocking calls only. */
SHMIM_API int32_t shmim_tiles_decode(const struct shmim_tiles *job,
                                     const struct shmim_tile *tiles,
                                     const void *in, uint64_t in_bytes,
                                     void *out, uint64_t out_bytes,
                                     struct shmim_tile_report *report);
/* The same into a stream's data block, converted, from `offset` on. */
SHMIM_API int32_t shmim_tiles_load(const struct shmim_stream *s,
                                   uint64_t offset,
                                   const struct shmim_tiles *job,
                                   const struct shmim_tile *tiles,
                                   const void *in, uint64_t in_bytes,
                                   const struct shmim_convert *c,
                                   struct shmim_tile_report *report);

/* A run of native integers as RICE_1 tiles of `pixels` each (the last may be
 * less); those of `width` 1 and 2 and 4, `flip` inverts their sign bit. The
 * tiles come one behind the other; `lengths` takes the bytes of each. `out`
 * has room for shmim_rice_bound(). Returns the bytes, or a negative errno. */
SHMIM_API uint64_t shmim_rice_bound(uint64_t count, uint64_t pixels,
                                    uint32_t width);
SHMIM_API int64_t shmim_rice_encode(const void *in, uint64_t count,
                                    uint64_t pixels, uint32_t width,
                                    uint32_t flip, void *out,
                                    uint64_t out_bytes, uint32_t *lengths);

/* sock.c: sockets that Deno opened. */
SHMIM_API int32_t shmim_socket_take(const char *local, uint32_t local_port,
                                    const char *remote, uint32_t remote_port);
SHMIM_API int32_t shmim_socket_tune(int32_t fd, uint64_t timeout_ms);
SHMIM_API int32_t shmim_socket_unsent(int32_t fd, uint64_t bytes);

/* local.c: pumps between streams of this host. */
struct shmim_relay {
  struct shmim_wait wait;
  uint64_t inode;           /* of the source, for the process trace */
  uint64_t keywords;        /* 1: copy the keyword records, too */
  uint64_t counters;        /* 1: the copy's counters are the source's */
};
SHMIM_API int32_t shmim_relay(const struct shmim_stream *from,
                              struct shmim_stream *to,
                              const struct shmim_relay *config,
                              struct shmim_control *control);
SHMIM_API int32_t shmim_observe(const struct shmim_stream *s,
                                const struct shmim_wait *wait,
                                struct shmim_control *control);

/* capture.c, player.c: frames caught into a ring, and played from one. */

/*
 * A ring of frames between a pump and TypeScript. Frame number n lies in slot
 * n % slots. Capturing, the pump owns `head` and TypeScript `tail`; playing,
 * it is the other way round.
 */
struct shmim_ring {
  uint64_t head;            /* frames put in, ever */
  uint64_t tail;            /* frames taken out, ever */
  uint64_t ready;           /* 1: the pump is at work */
  uint64_t closed;          /* playing: 1 = no more frames will come */
  uint64_t missed;          /* capturing: not seen since the last one kept */
  uint64_t overflow;        /* capturing: found no room since then */
};

/* What is known of one frame in a ring. */
struct shmim_caught {
  uint64_t cnt0;
  uint64_t cnt1;
  uint64_t cnt2;
  int64_t atime_s, atime_ns;
  int64_t writetime_s, writetime_ns;
  int64_t arrival_ns;       /* CLOCK_REALTIME, when it was noticed */
  uint64_t monotonic_ns;    /* the same by CLOCK_MONOTONIC; playing: when it
                               is due after the first one */
  uint64_t missed;          /* frames before it that were not seen */
  uint64_t overflow;        /* frames before it that found no room */
  uint64_t tries;           /* copies made */
};

struct shmim_capture {
  struct shmim_wait wait;
  uint64_t slots;
  uint64_t bytes;           /* of a slot: a whole frame, or 0 for none */
  uint64_t current;         /* 1: also the frame that is there already, of a
                               stream made anew; the one before it counted
                               to wait.last */
  int64_t priority;
  uint64_t cpus;
};

struct shmim_play {
  uint64_t slots;
  uint64_t bytes;           /* of a slot: a whole frame */
  uint64_t lead_ns;         /* from the first frame put in to playing it */
  uint64_t spin_ns;         /* how long before a frame to stop sleeping */
  uint64_t loops;           /* times to play what is there when `closed` */
  uint64_t cycle_ns;        /* from one round's first frame to the next's */
  uint64_t keep_counters;   /* 1: cnt0 and cnt1 of the recording */
  uint64_t keep_times;      /* 1: acquisition times of the recording */
  int64_t priority;
  uint64_t cpus;
};

SHMIM_API int32_t shmim_capture(const struct shmim_stream *s,
                                const struct shmim_capture *config,
                                struct shmim_ring *ring,
                                struct shmim_caught *records, void *pixels,
                                struct shmim_control *control);
SHMIM_API int32_t shmim_play(struct shmim_stream *s,
                             const struct shmim_play *config,
                             struct shmim_ring *ring,
                             const struct shmim_caught *records,
                             const void *pixels,
                             struct shmim_control *control);
SHMIM_API int32_t shmim_swap_pixels(void *bytes, uint64_t count,
                                    uint64_t width, uint64_t flip_sign,
                                    uint64_t position, uint64_t *sum);

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
/* crc32c.c: the sum that our own wire carries; `plain`: by table only. */
SHMIM_API uint32_t shmim_crc32c(uint32_t crc, const void *bytes, uint64_t n,
                                int32_t plain);

/* wire_transmit.c, wire_receive.c: the pumps of our own wire. */
struct shmim_wire_control {
  struct shmim_control common;
  uint64_t late;            /* frames that a newer one had overtaken already */
  uint64_t aborted;         /* given up half-way: the source changed them */
  uint64_t damaged;         /* CRC-32C did not agree */
  uint64_t queued;          /* frames that wait to be sent */
  uint64_t queue_full;      /* times that there was no room for one more */
  uint64_t round_trips;     /* measured */
  uint64_t rtt_ns;          /* of the sample that the offset is from */
  int64_t offset_ns;        /* transmitter's clock minus receiver's */
  uint64_t error_ns;        /* at most so wrong; ~0: not known */
  uint64_t peer_cnt0;       /* transmit: last counter the peer published */
  uint64_t peer_frames;     /* transmit: frames it published */
  uint64_t keyword_updates; /* keyword messages */
  uint64_t one_way_ns;      /* receive: of the last frame; ~0: not known */
  uint64_t incomplete;      /* receive: 1 while half a frame is in the stream */
};

enum shmim_policy {
  SHMIM_POLICY_LATEST = 0,
  SHMIM_POLICY_EVERY = 1,
};

struct shmim_wire_transmit {
  struct shmim_wait wait;
  int64_t fd;               /* connected socket, taken over */
  uint64_t slice_mode;      /* enum shmim_slice_mode */
  uint64_t policy;          /* enum shmim_policy */
  uint64_t queue;           /* frames, where the stream keeps none itself */
  uint64_t keywords;        /* records announced to the peer */
  uint64_t keywords_used;   /* 1: used records only, packed */
  uint64_t piece_bytes;     /* announced */
  uint64_t ping_ms;
  uint64_t silence_ms;      /* give up after this, 0 = never */
  uint64_t first;           /* 1: nothing of this source was sent before */
  uint64_t allow_torn;      /* 1: send frames of a restless source anyway */
  int64_t shift_ns;         /* added to the clock that the peer is told */
  int64_t priority;         /* SCHED_FIFO, 0 = leave */
  uint64_t cpus;            /* affinity mask, 0 = leave */
};

struct shmim_wire_receive {
  int64_t fd;               /* connected socket, taken over */
  uint64_t last;            /* frames up to this source counter are known */
  uint64_t keywords;        /* records announced */
  uint64_t piece_bytes;     /* announced */
  uint64_t silence_ms;      /* give up after this, 0 = never */
  uint64_t direct;          /* 1: pieces go into the stream as they come */
  int64_t shift_ns;         /* added to the clock that the peer is told */
  int64_t priority;
  uint64_t cpus;
};

SHMIM_API int32_t shmim_wire_transmit(struct shmim_stream *s,
                                      const struct shmim_wire_transmit *config,
                                      struct shmim_wire_control *control);
SHMIM_API int32_t shmim_wire_receive(struct shmim_stream *s,
                                     const struct shmim_wire_receive *config,
                                     struct shmim_wire_control *control);

/* host.c: what a host says of itself. */
SHMIM_API int64_t shmim_file_text(const char *path, char *out,
                                  uint64_t capacity);
SHMIM_API int32_t shmim_file_system(const char *path, int64_t *out);
SHMIM_API int32_t shmim_clock_state(int64_t *out);
SHMIM_API int32_t shmim_file_access(const char *path, int32_t mode);

/* partition.c */
SHMIM_API int32_t shmim_segment_place(const struct shmim_segment *s,
                                      uint32_t node, int32_t strict);
SHMIM_API void *shmim_segment_address(const struct shmim_segment *s,
                                      uint64_t offset, uint64_t bytes);
SHMIM_API int32_t shmim_process_end(int32_t pid, int64_t start);
SHMIM_API int32_t shmim_host_name(char *out, uint64_t bytes);
SHMIM_API int32_t shmim_notify(const char *path, const char *text,
                               uint64_t bytes);

/* replica.c: updates of segments, and waiting for them. */
SHMIM_API int32_t shmim_segment_apply(const struct shmim_segment *s,
                                      uint64_t sequence, uint64_t limit,
                                      const void *records, uint64_t bytes);
SHMIM_API int32_t shmim_segment_gather(const struct shmim_segment *s,
                                       uint64_t sequence, uint64_t expected,
                                       uint64_t limit, void *records,
                                       uint64_t bytes);
SHMIM_API int32_t shmim_segment_ring(const struct shmim_segment *s,
                                     uint64_t offset, uint64_t add);
SHMIM_API int32_t shmim_segment_wait(const struct shmim_segment *s,
                                     uint64_t offset, uint64_t seen,
                                     uint32_t timeout_ms);

#endif
