/* One door to what a command calls a few times in its life. Deno compiles code
 * of its own for every function that it binds, 0.4 ms each, and this is most of
 * the time that opening a stream takes. Frames never come this way. */
#include <errno.h>

#include "shmim.h"

int64_t shmim_call(uint32_t function, void *a, void *b, int64_t i, int64_t j,
                   int64_t k) {
  switch ((enum shmim_function)function) {
    case SHMIM_CALL_ABI_VERSION:
      return shmim_abi_version();
    case SHMIM_CALL_FILE_STAT:
      return shmim_file_stat(a, (int32_t)i, b);
    case SHMIM_CALL_FILE_REALPATH:
      return shmim_file_realpath(a, b, (uint64_t)i);
    case SHMIM_CALL_FILE_OPEN:
      return shmim_file_open(a, (int32_t)i);
    case SHMIM_CALL_DIR_LIST:
      return shmim_dir_list(a, b, (uint64_t)i);
    case SHMIM_CALL_FD_PATH:
      return shmim_fd_path((int32_t)i, a, (uint64_t)j);
    case SHMIM_CALL_FD_STAT:
      return shmim_fd_stat((int32_t)i, a);
    case SHMIM_CALL_FD_CLOSE:
      return shmim_fd_close((int32_t)i);
    case SHMIM_CALL_TAI_OFFSET:
      return shmim_tai_offset();
    case SHMIM_CALL_MAP:
      return shmim_map(a, (int32_t)i, (uint64_t)j, (int32_t)k);
    case SHMIM_CALL_MAP_LOAD:
      return shmim_map_load(a, (uint64_t)i, b, (uint64_t)j);
    case SHMIM_CALL_UNMAP:
      return shmim_unmap(a);
    case SHMIM_CALL_STREAM_CHECK:
      return shmim_stream_check(a);
    case SHMIM_CALL_SEM_VALUES:
      return shmim_sem_values(a, b, (uint64_t)i);
    case SHMIM_CALL_FRAME_RECORD:
      return (int64_t)shmim_frame_record(a);
    case SHMIM_CALL_FILES_READ:
      return shmim_files_read(a, b, (uint64_t)i, (uint64_t)j);
    case SHMIM_CALL_DIR_LINKS:
      return shmim_dir_links(a, b, (uint64_t)i);
  }
  return -ENOSYS;
}
