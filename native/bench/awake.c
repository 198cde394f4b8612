/*
 * awake: keeps every core out of its sleep states with a thread of the
 * lowest class (SCHED_IDLE), which gives way to everything else at once. A
 * core that sleeps takes its time to come back, on a virtual machine above
 * all; the time has nothing to do with the programs that are compared.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "isio.h"

static void *spin(void *unused) {
  const struct sched_param none = {0};
  (void)unused;
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) {
    die("SCHED_IDLE");
  }
  for (;;) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return NULL;
}

int main(void) {
  cpu_set_t set;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    die("sched_getaffinity");
  }
  for (int core = 0; core < CPU_SETSIZE; core++) {
    if (CPU_ISSET(core, &set)) {
      cpu_set_t one;
      pthread_attr_t attributes;
      pthread_t thread;
      CPU_ZERO(&one);
      CPU_SET(core, &one);
      pthread_attr_init(&attributes);
      pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
      if (pthread_create(&thread, &attributes, spin, NULL) != 0) {
        die("pthread_create");
      }
    }
  }
  puts("ready");
  fflush(stdout);
  for (;;) {
    pause();
  }
}
