/**
 * The symbols of the helper in `native/`, in the order of `shmim.h`, and the
 * one place that loads it.
 * @module
 */

import { variable } from "./access.ts";

/** The interface number of `native/shmim.h` that this file mirrors. */
export const HELPER_ABI = 17;

const HELPER_SYMBOLS = {
  // int32_t shmim_abi_version(void)
  shmim_abi_version: { parameters: [], result: "i32" },
  // int64_t shmim_call(uint32_t function, void *, void *, int64_t, int64_t,
  //                    int64_t)
  shmim_call: {
    parameters: ["u32", "buffer", "buffer", "i64", "i64", "i64"],
    result: "i64",
  },
  // int32_t shmim_file_stat(const char *, int32_t follow, int64_t *out)
  shmim_file_stat: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // int32_t shmim_fd_stat(int32_t fd, int64_t *out)
  shmim_fd_stat: { parameters: ["i32", "buffer"], result: "i32" },
  // int32_t shmim_file_open(const char *, int32_t writable)
  shmim_file_open: { parameters: ["buffer", "i32"], result: "i32" },
  // int32_t shmim_file_create(const char *, uint32_t mode, uint64_t bytes)
  shmim_file_create: { parameters: ["buffer", "u32", "u64"], result: "i32" },
  // int32_t shmim_file_rename(const char *, const char *, int32_t replace)
  shmim_file_rename: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
  // int32_t shmim_file_unlink(const char *)
  shmim_file_unlink: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_file_symlink(const char *target, const char *path)
  shmim_file_symlink: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t shmim_file_readlink(const char *, char *out, uint64_t)
  shmim_file_readlink: {
    parameters: ["buffer", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_file_realpath(const char *, char *out, uint64_t)
  shmim_file_realpath: {
    parameters: ["buffer", "buffer", "u64"],
    result: "i32",
  },
  // int64_t shmim_dir_list(const char *, char *out, uint64_t)
  shmim_dir_list: { parameters: ["buffer", "buffer", "u64"], result: "i64" },
  // int64_t shmim_dir_links(const char *, char *out, uint64_t)
  shmim_dir_links: { parameters: ["buffer", "buffer", "u64"], result: "i64" },
  // int32_t shmim_files_read(const char *, uint8_t *rows, uint64_t, uint64_t)
  shmim_files_read: {
    parameters: ["buffer", "buffer", "u64", "u64"],
    result: "i32",
  },
  // int32_t shmim_fd_lock(int32_t fd)
  shmim_fd_lock: { parameters: ["i32"], result: "i32" },
  // int32_t shmim_fd_close(int32_t fd)
  shmim_fd_close: { parameters: ["i32"], result: "i32" },
  // int32_t shmim_fd_path(int32_t fd, char *out, uint64_t)
  shmim_fd_path: { parameters: ["i32", "buffer", "u64"], result: "i32" },
  // int32_t shmim_clock(int32_t clock, int64_t *out)
  shmim_clock: { parameters: ["i32", "buffer"], result: "i32" },
  // int32_t shmim_tai_offset(void)
  shmim_tai_offset: { parameters: [], result: "i32" },
  // int32_t shmim_sleep_until(uint64_t monotonic_ns)
  shmim_sleep_until: {
    parameters: ["u64"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_schedule_try(int64_t priority, uint64_t cpus)
  shmim_schedule_try: { parameters: ["i64", "u64"], result: "i32" },
  // int64_t shmim_process_memory(void)
  shmim_process_memory: { parameters: [], result: "i64" },
  // int32_t shmim_map(struct shmim_stream *, int32_t fd, uint64_t, int32_t)
  shmim_map: { parameters: ["buffer", "i32", "u64", "i32"], result: "i32" },
  // int32_t shmim_unmap(struct shmim_stream *)
  shmim_unmap: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_map_status(const struct shmim_stream *)
  shmim_map_status: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_map_load(const struct shmim_stream *, uint64_t, void *,
  //                        uint64_t)
  shmim_map_load: {
    parameters: ["buffer", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_map_store(const struct shmim_stream *, uint64_t,
  //                         const void *, uint64_t)
  shmim_map_store: {
    parameters: ["buffer", "u64", "buffer", "u64"],
    result: "i32",
  },
  // void *shmim_map_address(const struct shmim_stream *, uint64_t, uint64_t)
  shmim_map_address: {
    parameters: ["buffer", "u64", "u64"],
    result: "pointer",
  },
  // int32_t shmim_stream_check(struct shmim_stream *)
  shmim_stream_check: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_sem_reserve(struct shmim_stream *)
  shmim_sem_reserve: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_sem_attach(const struct shmim_stream *, uint64_t index,
  //                          int32_t fd)
  shmim_sem_attach: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  // int32_t shmim_sem_file(int32_t fd)
  shmim_sem_file: { parameters: ["i32"], result: "i32" },
  // int32_t shmim_sem_init(const struct shmim_stream *)
  shmim_sem_init: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_sem_values(const struct shmim_stream *, int32_t *, uint64_t)
  shmim_sem_values: { parameters: ["buffer", "buffer", "u64"], result: "i32" },
  // int32_t shmim_sem_claim(const struct shmim_stream *, int32_t preferred)
  shmim_sem_claim: { parameters: ["buffer", "i32"], result: "i32" },
  // int32_t shmim_sem_release(const struct shmim_stream *, int32_t index)
  shmim_sem_release: { parameters: ["buffer", "i32"], result: "i32" },
  // int32_t shmim_sem_flush(const struct shmim_stream *, int32_t index)
  shmim_sem_flush: { parameters: ["buffer", "i32"], result: "i32" },
  // int32_t shmim_sem_post(const struct shmim_stream *, int32_t index)
  shmim_sem_post: { parameters: ["buffer", "i32"], result: "i32" },
  // uint64_t shmim_frame_place(const struct shmim_stream *, int32_t writing)
  shmim_frame_place: { parameters: ["buffer", "i32"], result: "u64" },
  // uint64_t shmim_frame_record(const struct shmim_stream *)
  shmim_frame_record: { parameters: ["buffer"], result: "u64" },
  // int32_t shmim_frame_past(const struct shmim_stream *, void *out,
  //     uint64_t bytes, uint64_t back, struct shmim_frame *)
  shmim_frame_past: {
    parameters: ["buffer", "buffer", "u64", "u64", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_packet(const struct shmim_stream *, const void *in,
  //     uint64_t offset, uint64_t bytes, const uint64_t *packet)
  shmim_frame_packet: {
    parameters: ["buffer", "buffer", "u64", "u64", "buffer"],
    result: "i32",
  },
  // int32_t shmim_sem_forget(const struct shmim_stream *, int32_t, int32_t)
  shmim_sem_forget: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  // uint64_t shmim_frame_counter(const struct shmim_stream *)
  shmim_frame_counter: { parameters: ["buffer"], result: "u64" },
  // int32_t shmim_frame_read(const struct shmim_stream *, void *out,
  //     uint64_t offset, uint64_t bytes, uint32_t tries,
  //     struct shmim_frame *)
  shmim_frame_read: {
    parameters: ["buffer", "buffer", "u64", "u64", "u32", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_take(uint32_t hot, void *out)
  shmim_frame_take: { parameters: ["u32", "buffer"], result: "i32" },
  // int32_t shmim_frame_publish(uint32_t hot, const void *in)
  shmim_frame_publish: { parameters: ["u32", "buffer"], result: "i32" },
  // int32_t shmim_frame_write(struct shmim_stream *, const void *in,
  //     uint64_t offset, uint64_t bytes, int64_t slice,
  //     const int64_t *atime, struct shmim_frame *)
  shmim_frame_write: {
    parameters: ["buffer", "buffer", "u64", "u64", "i64", "buffer", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_copy(struct shmim_stream *, const void *in,
  //     uint64_t bytes, const struct shmim_frame *, struct shmim_frame *)
  shmim_frame_copy: {
    parameters: ["buffer", "buffer", "u64", "buffer", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_begin(const struct shmim_stream *)
  shmim_frame_begin: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_frame_end(struct shmim_stream *, int32_t published,
  //     const int64_t *atime, struct shmim_frame *)
  shmim_frame_end: {
    parameters: ["buffer", "i32", "buffer", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_wait(const struct shmim_stream *,
  //                          const struct shmim_wait *)
  shmim_frame_wait: {
    parameters: ["buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // The same, on the calling thread: Workers only.
  shmim_frame_wait_sync: {
    name: "shmim_frame_wait",
    parameters: ["buffer", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_next(const struct shmim_stream *,
  //     const struct shmim_wait *, void *out, uint64_t offset,
  //     uint64_t bytes, struct shmim_frame *)
  shmim_frame_next: {
    parameters: ["buffer", "buffer", "buffer", "u64", "u64", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // The same, on the calling thread: Workers only.
  shmim_frame_next_sync: {
    name: "shmim_frame_next",
    parameters: ["buffer", "buffer", "buffer", "u64", "u64", "buffer"],
    result: "i32",
  },
  // int32_t shmim_frame_put(struct shmim_stream *, const void *in,
  //     uint64_t offset, uint64_t bytes, int64_t slice,
  //     const struct shmim_frame *, uint64_t run)
  shmim_frame_put: {
    parameters: ["buffer", "buffer", "u64", "u64", "i64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_keywords_load(const struct shmim_stream *, void *out,
  //     uint64_t count, int32_t packed)
  shmim_keywords_load: {
    parameters: ["buffer", "buffer", "u64", "i32"],
    result: "i32",
  },
  // int32_t shmim_keywords_store(const struct shmim_stream *, const void *in,
  //     uint64_t count)
  shmim_keywords_store: {
    parameters: ["buffer", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_convert_bytes(const struct shmim_stream *,
  //     uint64_t offset, const void *in, uint64_t bytes, uint64_t count,
  //     const struct shmim_convert *)
  shmim_convert_bytes: {
    parameters: ["buffer", "u64", "buffer", "u64", "u64", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_convert_file(const struct shmim_stream *,
  //     uint64_t offset, int32_t fd, uint64_t from, uint64_t count,
  //     const struct shmim_convert *)
  shmim_convert_file: {
    parameters: ["buffer", "u64", "i32", "u64", "u64", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_tiles_decode(const struct shmim_tiles *,
  //     const struct shmim_tile *, const void *in, uint64_t in_bytes,
  //     void *out, uint64_t out_bytes, struct shmim_tile_report *)
  shmim_tiles_decode: {
    parameters: [
      "buffer",
      "buffer",
      "buffer",
      "u64",
      "buffer",
      "u64",
      "buffer",
    ],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_tiles_load(const struct shmim_stream *, uint64_t offset,
  //     const struct shmim_tiles *, const struct shmim_tile *,
  //     const void *in, uint64_t in_bytes, const struct shmim_convert *,
  //     struct shmim_tile_report *)
  shmim_tiles_load: {
    parameters: [
      "buffer",
      "u64",
      "buffer",
      "buffer",
      "buffer",
      "u64",
      "buffer",
      "buffer",
    ],
    result: "i32",
    nonblocking: true,
  },
  // uint64_t shmim_rice_bound(uint64_t count, uint64_t pixels,
  //     uint32_t width)
  shmim_rice_bound: { parameters: ["u64", "u64", "u32"], result: "u64" },
  // int64_t shmim_rice_encode(const void *in, uint64_t count,
  //     uint64_t pixels, uint32_t width, uint32_t flip, void *out,
  //     uint64_t out_bytes, uint32_t *lengths)
  shmim_rice_encode: {
    parameters: [
      "buffer",
      "u64",
      "u64",
      "u32",
      "u32",
      "buffer",
      "u64",
      "buffer",
    ],
    result: "i64",
    nonblocking: true,
  },
  // int32_t shmim_socket_take(const char *local, uint32_t port,
  //                           const char *remote, uint32_t port)
  shmim_socket_take: {
    parameters: ["buffer", "u32", "buffer", "u32"],
    result: "i32",
  },
  // int32_t shmim_socket_tune(int32_t fd, uint64_t timeout_ms)
  shmim_socket_tune: { parameters: ["i32", "u64"], result: "i32" },
  // int32_t shmim_socket_unsent(int32_t fd, uint64_t bytes)
  shmim_socket_unsent: { parameters: ["i32", "u64"], result: "i32" },
  // int32_t shmim_relay(const struct shmim_stream *, struct shmim_stream *,
  //     const struct shmim_relay *, struct shmim_control *)
  shmim_relay: {
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_observe(const struct shmim_stream *,
  //     const struct shmim_wait *, struct shmim_control *)
  shmim_observe: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_capture(const struct shmim_stream *,
  //     const struct shmim_capture *, struct shmim_ring *,
  //     struct shmim_caught *, void *pixels, struct shmim_control *)
  shmim_capture: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_play(struct shmim_stream *, const struct shmim_play *,
  //     struct shmim_ring *, const struct shmim_caught *,
  //     const void *pixels, struct shmim_control *)
  shmim_play: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_swap_pixels(void *, uint64_t count, uint64_t width,
  //     uint64_t flip_sign, uint64_t position, uint64_t *sum)
  shmim_swap_pixels: {
    parameters: ["buffer", "u64", "u64", "u64", "u64", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_transmit(struct shmim_stream *,
  //     const struct shmim_transmit *, struct shmim_control *)
  shmim_transmit: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_receive(struct shmim_stream *,
  //     const struct shmim_receive *, struct shmim_control *)
  shmim_receive: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_segment_key(const char *, int32_t id, int32_t *key)
  shmim_segment_key: { parameters: ["buffer", "i32", "buffer"], result: "i32" },
  // int32_t shmim_segment_get(int32_t key, uint64_t, uint32_t mode, int32_t)
  shmim_segment_get: {
    parameters: ["i32", "u64", "u32", "i32"],
    result: "i32",
  },
  // int32_t shmim_segment_stat(int32_t id, struct shmim_segment_info *)
  shmim_segment_stat: { parameters: ["i32", "buffer"], result: "i32" },
  // int32_t shmim_segment_list(struct shmim_segment_info *, uint64_t)
  shmim_segment_list: { parameters: ["buffer", "u64"], result: "i32" },
  // int32_t shmim_segment_limits(uint64_t *)
  shmim_segment_limits: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_segment_remove(int32_t id)
  shmim_segment_remove: { parameters: ["i32"], result: "i32" },
  // int32_t shmim_segment_attach(struct shmim_segment *, int32_t, int32_t)
  shmim_segment_attach: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  // int32_t shmim_segment_detach(struct shmim_segment *)
  shmim_segment_detach: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_segment_load(const struct shmim_segment *, uint64_t offset,
  //     void *out, uint64_t bytes)
  shmim_segment_load: {
    parameters: ["buffer", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_segment_store(const struct shmim_segment *,
  //     uint64_t offset, const void *in, uint64_t bytes)
  shmim_segment_store: {
    parameters: ["buffer", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_segment_word(const struct shmim_segment *, uint64_t offset,
  //     uint64_t *out)
  shmim_segment_word: {
    parameters: ["buffer", "u64", "buffer"],
    result: "i32",
  },
  // int32_t shmim_segment_swap(const struct shmim_segment *, uint64_t offset,
  //     uint64_t expected, uint64_t desired, uint64_t *found)
  shmim_segment_swap: {
    parameters: ["buffer", "u64", "u64", "u64", "buffer"],
    result: "i32",
  },
  // int32_t shmim_segment_publish(const struct shmim_segment *,
  //     uint64_t sequence, uint64_t offset, const void *in, uint64_t bytes)
  shmim_segment_publish: {
    parameters: ["buffer", "u64", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_segment_snapshot(const struct shmim_segment *,
  //     uint64_t sequence, uint64_t offset, void *out, uint64_t bytes,
  //     uint32_t tries)
  shmim_segment_snapshot: {
    parameters: ["buffer", "u64", "u64", "buffer", "u64", "u32"],
    result: "i32",
  },
  // int32_t shmim_user(void)
  shmim_user: { parameters: [], result: "i32" },
  // int64_t shmim_process_start(int32_t pid)
  shmim_process_start: { parameters: ["i32"], result: "i64" },
  // int32_t shmim_keep_descriptors(void)
  shmim_keep_descriptors: { parameters: [], result: "i32" },
  // uint32_t shmim_crc32c(uint32_t, const void *, uint64_t, int32_t plain)
  shmim_crc32c: {
    parameters: ["u32", "buffer", "u64", "i32"],
    result: "u32",
  },
  // int32_t shmim_wire_transmit(struct shmim_stream *,
  //     const struct shmim_wire_transmit *, struct shmim_wire_control *)
  shmim_wire_transmit: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int32_t shmim_wire_receive(struct shmim_stream *,
  //     const struct shmim_wire_receive *, struct shmim_wire_control *)
  shmim_wire_receive: {
    parameters: ["buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  // int64_t shmim_file_text(const char *, char *out, uint64_t capacity)
  shmim_file_text: { parameters: ["buffer", "buffer", "u64"], result: "i64" },
  // int32_t shmim_file_system(const char *, int64_t *out)
  shmim_file_system: { parameters: ["buffer", "buffer"], result: "i32" },
  // int32_t shmim_clock_state(int64_t *out)
  shmim_clock_state: { parameters: ["buffer"], result: "i32" },
  // int32_t shmim_file_access(const char *, int32_t mode)
  shmim_file_access: { parameters: ["buffer", "i32"], result: "i32" },
  // int32_t shmim_segment_place(const struct shmim_segment *, uint32_t node,
  //     int32_t strict)
  shmim_segment_place: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  // void *shmim_segment_address(const struct shmim_segment *,
  //     uint64_t offset, uint64_t bytes)
  shmim_segment_address: {
    parameters: ["buffer", "u64", "u64"],
    result: "pointer",
  },
  // int32_t shmim_segment_apply(const struct shmim_segment *,
  //     uint64_t sequence, uint64_t limit, const void *records, uint64_t bytes)
  shmim_segment_apply: {
    parameters: ["buffer", "u64", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_segment_gather(const struct shmim_segment *,
  //     uint64_t sequence, uint64_t expected, uint64_t limit, void *records,
  //     uint64_t bytes)
  shmim_segment_gather: {
    parameters: ["buffer", "u64", "u64", "u64", "buffer", "u64"],
    result: "i32",
  },
  // int32_t shmim_segment_ring(const struct shmim_segment *, uint64_t offset,
  //     uint64_t add)
  shmim_segment_ring: { parameters: ["buffer", "u64", "u64"], result: "i32" },
  // int32_t shmim_segment_wait(const struct shmim_segment *, uint64_t offset,
  //     uint64_t seen, uint32_t timeout_ms)
  shmim_segment_wait: {
    parameters: ["buffer", "u64", "u64", "u32"],
    result: "i32",
    nonblocking: true,
  },
  // The same; the caller stands still.
  shmim_segment_pause: {
    name: "shmim_segment_wait",
    parameters: ["buffer", "u64", "u64", "u32"],
    result: "i32",
  },
  // int32_t shmim_process_end(int32_t pid, int64_t start)
  shmim_process_end: { parameters: ["i32", "i64"], result: "i32" },
  // int32_t shmim_host_name(char *out, uint64_t bytes)
  shmim_host_name: { parameters: ["buffer", "u64"], result: "i32" },
  // int32_t shmim_notify(const char *path, const char *text, uint64_t bytes)
  shmim_notify: { parameters: ["buffer", "buffer", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The helper's functions. */
export type Helper = Deno.DynamicLibrary<typeof HELPER_SYMBOLS>["symbols"];

/** Where the helper lies. */
export const HELPER_PATH: string = decodeURIComponent(
  new URL("../native/build/libshmim.so", import.meta.url).pathname,
);

let loaded: Helper | undefined;

/** Where the helper is loaded from: `$SHMIM_HELPER`, or its usual place. */
export function helperPath(): string {
  return variable("SHMIM_HELPER") ?? HELPER_PATH;
}

type SymbolName = keyof typeof HELPER_SYMBOLS;

/** What the helper's one door leads to, in the order of `native/call.c`. */
const BEHIND_DOOR = [
  "shmim_abi_version",
  "shmim_file_stat",
  "shmim_file_realpath",
  "shmim_file_open",
  "shmim_dir_list",
  "shmim_fd_path",
  "shmim_fd_stat",
  "shmim_fd_close",
  "shmim_tai_offset",
  "shmim_map",
  "shmim_map_load",
  "shmim_unmap",
  "shmim_stream_check",
  "shmim_sem_values",
  "shmim_frame_record",
  "shmim_files_read",
  "shmim_dir_links",
] as const satisfies readonly SymbolName[];

function bind(path: string, names: readonly SymbolName[]): Helper {
  try {
    const definition = Object.fromEntries(
      names.map((name) => [name, HELPER_SYMBOLS[name]]),
    );
    return Deno.dlopen(path, definition as typeof HELPER_SYMBOLS).symbols;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new Deno.errors.NotFound(
      `Cannot load the helper "${path}": build it with \`deno task build\``,
      { cause: error },
    );
  }
}

type Door = Helper["shmim_call"];
type Argument = Parameters<Door>[1] | number | bigint;

/** A function behind the door, called as if it were bound. */
function behind(
  door: Door,
  name: SymbolName,
  index: number,
): (...args: readonly Argument[]) => number | bigint {
  const { parameters, result } = HELPER_SYMBOLS[name];
  const pointers: number[] = [];
  const numbers: number[] = [];
  parameters.forEach((type: string, i) =>
    (type === "buffer" ? pointers : numbers).push(i)
  );
  const [a = -1, b = -1] = pointers;
  const [i = -1, j = -1, k = -1] = numbers;
  return (...args: readonly Argument[]): number | bigint => {
    const answer = door(
      index,
      (args[a] ?? null) as Parameters<Door>[1],
      (args[b] ?? null) as Parameters<Door>[2],
      BigInt((args[i] ?? 0) as number),
      BigInt((args[j] ?? 0) as number),
      BigInt((args[k] ?? 0) as number),
    );
    if (result === "i32") return Number(answer);
    return result === "u64" ? BigInt.asUintN(64, answer) : answer;
  };
}

function requireVersion(
  path: string,
  symbols: Pick<Helper, "shmim_abi_version">,
): void {
  const abi = symbols.shmim_abi_version();
  if (abi === HELPER_ABI) return;
  throw new Error(
    `The helper "${path}" has interface ${abi}, this shmim needs ` +
      `${HELPER_ABI}: run \`deno task build\``,
  );
}

function openDoor(path: string): Door {
  try {
    return bind(path, ["shmim_call"]).shmim_call;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      requireVersion(path, bind(path, ["shmim_abi_version"])); // an old one?
    }
    throw error;
  }
}

/**
 * The helper, loaded at the first call and kept for the life of the process.
 * Deno compiles code for each function that it binds: 0.4 ms one by one, 17 ms
 * for all. So what every command needs goes through one door, and the others
 * are bound when they are first used.
 *
 * @returns Its functions.
 * @throws {Deno.errors.NotFound} where it was not built.
 * @throws {Error} where it was built for another version of shmim.
 */
export function helper(): Helper {
  if (loaded !== undefined) return loaded;
  const path = helperPath();
  const door = openDoor(path);
  // What is not bound yet is looked for in the prototype, which binds it.
  const symbols: Helper = Object.create(
    new Proxy({}, {
      get(_, key): Helper[SymbolName] | undefined {
        if (!Object.hasOwn(HELPER_SYMBOLS, key)) return undefined;
        const name = key as SymbolName;
        const index = BEHIND_DOOR.indexOf(name as typeof BEHIND_DOOR[number]);
        const value = index < 0
          ? bind(path, [name])[name]
          : behind(door, name, index);
        Object.defineProperty(symbols, name, { value });
        return value as Helper[SymbolName];
      },
    }),
  );
  requireVersion(path, symbols);
  loaded = symbols;
  return symbols;
}

/** Binds every function of the helper, for whoever must not do it later. */
export function bindAll(): void {
  const symbols = helper();
  for (const name of Object.keys(HELPER_SYMBOLS) as SymbolName[]) {
    void symbols[name];
  }
}

const encoder = new TextEncoder();

/** A string as C takes it. A zero byte inside would cut it: refused. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return cStrings([text]);
}

/** {@linkcode cString} of several, one behind the other. */
export function cStrings(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  if (texts.some((text) => text.includes("\0"))) {
    throw new RangeError("A path cannot hold a zero byte");
  }
  return encoder.encode(texts.join("\0") + "\0");
}
