/* What a hostile first process sees of a runtime that comes into its container. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct stat root;
static long seen, opened, writable, foreign;

/* Whether the process is one of the runtime's, which has not become its program yet. */
static int is_runtime(const char *pid) {
  char path[300], name[32] = "";
  snprintf(path, sizeof path, "/proc/%s/comm", pid);
  return slurp(path, name, sizeof name) > 0 && strncmp(name, "tsrun:init", 10) == 0;
}

/* A directory that is not in the container's own root file system has no business to be reachable. */
static void look_at(const char *pid, const char *name) {
  char path[600];
  struct stat st;
  snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
  if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && (st.st_dev != root.st_dev || st.st_ino != root.st_ino)) foreign++;
}

/*
 * Whether what could just be opened was the runtime's: its executable says so, a file in memory. Between execve(2) and the new name a process
 * is the container's own program already.
 */
static int was_runtime(const char *pid) {
  char path[300], exe[64];
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  ssize_t length = readlink(path, exe, sizeof exe);
  return length > 7 && strncmp(exe, "/memfd:", 7) == 0;
}

/* That descriptors have numbers can be seen by every root; what they are is behind the same check as memory. */
static void look_into(const char *pid) {
  char path[300];
  struct stat st;
  long wrong = foreign, writes = writable;
  seen++;
  if (was_runtime(pid)) opened++;
  snprintf(path, sizeof path, "/proc/%s/mem", pid);
  int memory = open(path, O_RDONLY | O_CLOEXEC);
  if (memory >= 0) {
    if (was_runtime(pid)) opened++;
    close(memory);
  }
  snprintf(path, sizeof path, "/proc/%s/fd", pid);
  DIR *fds = opendir(path);
  for (struct dirent *entry; fds != NULL && (entry = readdir(fds)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/%.16s/fd/%.16s", pid, entry->d_name);
    if (stat(path, &st) == 0 && was_runtime(pid)) opened++;
    snprintf(path, sizeof path, "fd/%.16s", entry->d_name);
    look_at(pid, path);
  }
  if (fds != NULL) closedir(fds);
  look_at(pid, "cwd");
  look_at(pid, "root");
  snprintf(path, sizeof path, "/proc/%s/exe", pid);
  int exe = open(path, O_WRONLY | O_CLOEXEC);
  if (exe >= 0) {
    writable++;
    close(exe);
  }
  /* It may have become its program meanwhile: that one is the container's own. */
  if (!is_runtime(pid)) foreign = wrong, writable = writes;
}

/* watch=FILE: until FILE exists; what could be seen of the runtime's processes in all of /proc. */
void act_watch(char *end) {
  struct stat st;
  stat("/", &root);
  while (stat(end, &st) != 0) {
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;)
      if (atoi(entry->d_name) > 1 && is_runtime(entry->d_name)) look_into(entry->d_name);
    if (proc != NULL) closedir(proc);
  }
  json_begin();
  json_string("verb", "watch");
  json_number("seen", seen);
  json_number("opened", opened);
  json_number("foreign", foreign);
  json_number("writable", writable);
  json_end(1);
}
