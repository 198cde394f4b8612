/* Files, clocks and processes, as the kernel has them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../internal.h"
#include "support.h"

static void test_create(void) {
  int64_t st[8];
  const mode_t old = umask(077);
  const int fd = shmim_file_create(path_of("new"), 0666, 10000);
  umask(old);
  CHECK(fd >= 0 && shmim_fd_stat(fd, st) == 0);
  CHECK(st[2] == 10000 && (st[3] & 07777) == 0666);
  CHECK(shmim_file_create(path_of("new"), 0666, 1) == -EEXIST);
  CHECK(shmim_fd_close(fd) == 0 && shmim_fd_close(fd) == -EBADF);
  CHECK(shmim_file_unlink(path_of("new")) == 0);
  CHECK(shmim_file_unlink(path_of("new")) == -ENOENT);
  CHECK(shmim_file_create(NULL, 0666, 1) == -EINVAL);
  CHECK(shmim_file_create(path_of("big"), 0666, UINT64_MAX) == -EINVAL);
  CHECK(shmim_file_create(path_of("big"), 0666, INT64_MAX) < 0);
  CHECK(shmim_file_stat(path_of("big"), 1, st) == -ENOENT);
}

static void test_open(void) {
  CHECK(shmim_file_open(path_of("none"), 0) == -ENOENT);
  CHECK(shmim_file_open(folder, 0) == -EMEDIUMTYPE);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(shmim_file_open(path_of("fifo"), 1) == -EMEDIUMTYPE);
  CHECK(shmim_file_symlink("fifo", path_of("link")) == 0);
  CHECK(shmim_file_symlink("fifo", path_of("link")) == -EEXIST);
  CHECK(shmim_file_open(path_of("link"), 0) == -ELOOP);
  CHECK(shmim_file_open(NULL, 0) == -EINVAL);
  char text[8];
  CHECK(shmim_file_readlink(path_of("link"), text, sizeof text) == 4);
  CHECK(memcmp(text, "fifo", 4) == 0);
  CHECK(shmim_file_readlink(path_of("link"), text, 2) == 2);
  CHECK(shmim_file_readlink(path_of("fifo"), text, 2) == -EINVAL);
  CHECK(shmim_file_realpath(path_of("link"), text, 2) == -ENAMETOOLONG);
  int64_t st[8];
  CHECK(shmim_file_stat(path_of("link"), 0, st) == 0);
  CHECK((st[3] & S_IFMT) == S_IFLNK);
  CHECK(shmim_file_stat(path_of("link"), 1, st) == 0);
  CHECK((st[3] & S_IFMT) == S_IFIFO);
  shmim_file_unlink(path_of("link"));
  shmim_file_unlink(path_of("fifo"));
}

static void test_rename(void) {
  shmim_fd_close(shmim_file_create(path_of("a"), 0600, 1));
  shmim_fd_close(shmim_file_create(path_of("b"), 0600, 2));
  CHECK(shmim_file_rename(path_of("a"), path_of("b"), 0) == -EEXIST);
  CHECK(shmim_file_rename(path_of("a"), path_of("b"), 1) == 0);
  CHECK(shmim_file_rename(path_of("b"), path_of("c"), 0) == 0);
  CHECK(shmim_file_rename(path_of("b"), path_of("c"), 0) == -ENOENT);
  CHECK(shmim_file_rename(NULL, path_of("c"), 0) == -EINVAL);
  shmim_file_unlink(path_of("c"));
}

static void test_list(void) {
  char names[64];
  shmim_fd_close(shmim_file_create(path_of("first"), 0600, 1));
  shmim_fd_close(shmim_file_create(path_of("second"), 0600, 1));
  CHECK(shmim_dir_list(folder, names, sizeof names) == 13);
  char *exact = malloc(13); /* a byte more is caught */
  CHECK(shmim_dir_list(folder, exact, 13) == 13);
  CHECK(shmim_dir_list(folder, exact, 12) == 13);
  CHECK(shmim_dir_list(folder, NULL, 0) == 13);
  CHECK(shmim_dir_list(folder, NULL, 1) == -EINVAL);
  CHECK(shmim_dir_list(path_of("none"), exact, 13) == -ENOENT);
  free(exact);
  shmim_file_unlink(path_of("first"));
  shmim_file_unlink(path_of("second"));
}

static void test_host(void) {
  char text[64];
  CHECK(shmim_file_text("/proc/self/comm", text, sizeof text) > 1);
  CHECK(shmim_file_text("/proc/self/status", text, 5) == 5);
  CHECK(memcmp(text, "Name:", 5) == 0);
  CHECK(shmim_file_text(path_of("none"), text, 5) == -ENOENT);
  CHECK(shmim_file_text(folder, text, 5) == -EMEDIUMTYPE);
  CHECK(mkfifo(path_of("fifo"), 0600) == 0); /* nobody writes: no hang */
  CHECK(shmim_file_text(path_of("fifo"), text, 5) == -EMEDIUMTYPE);
  shmim_file_unlink(path_of("fifo"));
  CHECK(shmim_file_text(NULL, text, 5) == -EINVAL);
  CHECK(shmim_file_text("/proc/self/comm", NULL, 5) == -EINVAL);
  int64_t fs[6];
  CHECK(shmim_file_system(folder, fs) == 0);
  CHECK(fs[1] > 0 && fs[2] >= 0 && fs[2] <= fs[1] && fs[5] == 0);
  CHECK(shmim_file_system(path_of("none"), fs) == -ENOENT);
  CHECK(shmim_file_system(NULL, fs) == -EINVAL);
  int64_t clock[4];
  CHECK(shmim_clock_state(clock) == 0 && clock[1] >= 0 && clock[3] >= 0);
  CHECK(shmim_clock_state(NULL) == -EINVAL);
  CHECK(shmim_file_access(folder, 7) == 0);
  CHECK(shmim_file_access(path_of("none"), 4) == -ENOENT);
  CHECK(shmim_file_access(folder, 8) == -EINVAL);
}

static void test_clocks(void) {
  int64_t t[2];
  CHECK(shmim_abi_version() == SHMIM_ABI);
  CHECK(shmim_clock(CLOCK_TAI, t) == 0 && t[0] > 0);
  CHECK(shmim_clock(9999, t) == -EINVAL);
  CHECK(shmim_tai_offset() >= 0);
  const int slack = prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0);
  CHECK(shmim_sleep_until(0) == 0);
  CHECK(shmim_sleep_until(UINT64_MAX) == -ETIMEDOUT);
  CHECK(slack > 1000 && prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0) == slack);
  CHECK(shmim_schedule_try(0, 0) == 0);
  CHECK(shmim_process_memory() > 0);
}

static void test_lock(void) {
  const int a = shmim_file_create(path_of("lock"), 0600, 1);
  const int b = shmim_file_open(path_of("lock"), false);
  CHECK(shmim_fd_lock(a) == 0 && shmim_fd_lock(a) == 0);
  CHECK(shmim_fd_lock(b) == -EAGAIN);
  shmim_fd_close(a);
  CHECK(shmim_fd_lock(b) == 0);
  shmim_fd_close(b);
  CHECK(shmim_fd_lock(b) == -EBADF);
  shmim_file_unlink(path_of("lock"));
}

static void test_process_start(void) {
  const int64_t own = shmim_process_start(getpid());
  CHECK(own > 0 && own == shmim_process_start(getpid()));
  CHECK(shmim_process_start(0) == -ESRCH);
  CHECK(shmim_process_start(-1) == -ESRCH);
  CHECK(shmim_process_start(INT32_MAX) == -ESRCH);
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  while (shmim_process_start(child) >= 0) {
    sleep_ms(1); /* ended, but not collected: as good as gone */
  }
  CHECK(shmim_process_start(child) == -ESRCH);
  waitpid(child, NULL, 0);
  CHECK(shmim_process_start(child) == -ESRCH);
  CHECK(shmim_user() == (int32_t)geteuid());
}

static void *blocked_signals(void *argument) {
  pthread_sigmask(SIG_BLOCK, NULL, argument);
  return NULL;
}

static void test_threads_without_signals(void) {
  pthread_t thread;
  sigset_t theirs;
  sigset_t ours;
  REQUIRE(start_thread(&thread, blocked_signals, &theirs) == 0);
  pthread_join(thread, NULL);
  CHECK(sigismember(&theirs, SIGTERM) == 1 && sigismember(&theirs, SIGINT) == 1);
  CHECK(sigismember(&theirs, SIGBUS) == 0);
  CHECK(sigismember(&theirs, SIGSEGV) == 0);
  pthread_sigmask(SIG_BLOCK, NULL, &ours);
  CHECK(sigismember(&ours, SIGTERM) == 0);
}

static void test_keep_descriptors(void) {
  int fds[2];
  CHECK(pipe(fds) == 0);
  CHECK((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) == 0);
  CHECK(shmim_keep_descriptors() == 0);
  CHECK((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(2, F_GETFD) & FD_CLOEXEC) == 0);
  close(fds[0]);
  close(fds[1]);
}

const struct test files_tests[] = {
    {"shmim_file_create()", test_create},
    {"shmim_file_open()", test_open},
    {"shmim_file_rename()", test_rename},
    {"shmim_dir_list()", test_list},
    {"shmim_file_text() and what a host says", test_host},
    {"shmim_clock()", test_clocks},
    {"shmim_fd_lock()", test_lock},
    {"shmim_process_start()", test_process_start},
    {"start_thread() leaves signals to others", test_threads_without_signals},
    {"shmim_keep_descriptors()", test_keep_descriptors},
    {NULL, NULL},
};
