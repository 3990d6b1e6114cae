/* What the guest uses up: memory, processes, CPU time, disk bandwidth; each to meet a limit. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void begin(const char *verb, const char *argument) {
  json_begin();
  json_string("verb", verb);
  json_string("arg", argument);
}

static long long milliseconds(struct timeval time) { return time.tv_sec * 1000LL + time.tv_usec / 1000; }

static void touch(char *at, size_t size, size_t step) {
  for (size_t i = 0; i < size; i += step) ((volatile char *)at)[i] = 1;
}

/* allocate=MIB: takes memory, every page of it, and keeps it. */
void act_allocate(char *argument) {
  size_t size = (size_t)atol(argument) << 20;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int error = memory == MAP_FAILED ? errno : 0;
  if (error == 0) touch(memory, size, 4096);
  begin("allocate", argument);
  report_errno(error);
  json_end(1);
}

/* huge=N: takes N huge pages of the default size, and keeps them. */
void act_huge(char *argument) {
  size_t size = (size_t)atol(argument) << 21;
  char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  int error = memory == MAP_FAILED ? errno : 0;
  if (error == 0) touch(memory, size, 1 << 21);
  begin("huge", argument);
  report_errno(error);
  json_end(1);
}

/* forks=N: children that wait for a signal, until there are N or the kernel refuses; tells how many there are. */
void act_forks(char *argument) {
  int count = 0, error = 0;
  while (count < atoi(argument)) {
    pid_t child = fork();
    if (child == 0)
      for (;;) pause();
    if (child < 0) {
      error = errno;
      break;
    }
    count++;
  }
  begin("forks", argument);
  json_number("count", count);
  report_errno(error);
  json_end(1);
}

/* bomb=SECONDS: every process makes processes as fast as it can until the time is over; tells whether one was refused. */
void act_bomb(char *argument) {
  long long end = now_ms() + atol(argument) * 1000;
  pid_t first = getpid();
  int error = 0;
  while (now_ms() < end) {
    pid_t child = fork();
    if (child < 0) {
      error = errno;
      sched_yield();
    }
  }
  if (getpid() != first) _exit(0);
  while (wait(NULL) > 0 || errno == EINTR) {
  }
  begin("bomb", argument);
  report_errno(error);
  json_end(1);
}

/* spin=N=SECONDS: N processes that compute; tells the time they had of the CPUs, and the time on the clock. */
void act_spin(char *argument) {
  char *seconds = cut(argument, '=');
  long long start = now_ms(), end = start + (long long)(atof(seconds) * 1000);
  for (int i = atoi(argument); i > 0; i--)
    if (fork() == 0) {
      while (now_ms() < end) {
      }
      _exit(0);
    }
  while (wait(NULL) > 0 || errno == EINTR) {
  }
  struct rusage used;
  getrusage(RUSAGE_CHILDREN, &used);
  begin("spin", argument);
  json_number("used", milliseconds(used.ru_utime) + milliseconds(used.ru_stime));
  json_number("elapsed", now_ms() - start);
  json_end(1);
}

/* ticks=MILLISECONDS: a line now and then, for ever. */
void act_ticks(char *argument) {
  for (long long number = 0;; number++) {
    begin("tick", argument);
    json_number("number", number);
    json_end(1);
    usleep((useconds_t)atoi(argument) * 1000);
  }
}

/* direct=FILE=KIB: writes that pass the page cache by, in steps of 64 KiB; tells the time they took. */
void act_direct(char *path) {
  long left = atol(cut(path, '=')) * 1024;
  const long step = 64 * 1024;
  void *block = NULL;
  int error = posix_memalign(&block, 4096, (size_t)step);
  int fd = error == 0 ? open(path, O_WRONLY | O_CREAT | O_DIRECT | O_CLOEXEC, 0644) : -1;
  if (error == 0 && fd < 0) error = errno;
  if (error == 0) memset(block, 'x', (size_t)step);
  long long start = now_ms();
  for (; error == 0 && left > 0; left -= step)
    if (write(fd, block, (size_t)step) < 0) error = errno;
  begin("direct", path);
  report_errno(error);
  json_number("elapsed", now_ms() - start);
  json_end(1);
  if (fd >= 0) close(fd);
  free(block);
}
