/* What the guest does besides telling facts: waits, ends, makes processes, records a hook call. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[1 << 20];

static void note(const char *verb, const char *key, long long value) {
  json_begin();
  json_string("verb", verb);
  json_number(key, value);
  json_end(1);
}

/* spawn=PATH ARG ARG…: runs a program, waits, prints how it ended. */
void act_spawn(char *command) {
  char *argv[64];
  int argc = 0;
  for (char *word = command; word != NULL && argc < 63;) {
    char *next = cut(word, ' ');
    argv[argc++] = word;
    word = next;
  }
  argv[argc] = NULL;
  pid_t child = fork();
  if (child == 0) {
    execv(argv[0], argv);
    _exit(errno == EACCES ? 126 : errno == EPERM ? 125 : 127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  json_begin();
  json_string("verb", "spawn");
  json_number("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  json_end(1);
}

/* children=N: N children that wait for a signal; prints their number and goes on. */
void act_children(char *argument) {
  int count = atoi(argument);
  for (int i = 0; i < count; i++)
    if (fork() == 0) {
      for (;;) pause();
    }
  note("children", "count", count);
}

/* orphans=N: N grandchildren whose parent is gone, and which end at once. */
void act_orphans(char *argument) {
  int count = atoi(argument);
  for (int i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) {
      if (fork() == 0) {
        usleep(20000);
        _exit(0);
      }
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
  note("orphans", "count", count);
}

/* zombies=N: N children that ended and are not waited for. */
void act_zombies(char *argument) {
  int count = atoi(argument);
  for (int i = 0; i < count; i++)
    if (fork() == 0) _exit(0);
  note("zombies", "count", count);
}

/* daemon=FILE: a process in a session of its own that ignores TERM, outlives us and writes its pid to FILE. */
void act_daemon(char *path) {
  pid_t child = fork();
  if (child == 0) {
    setsid();
    signal(SIGTERM, SIG_IGN);
    if (fork() == 0) {
      int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
      dprintf(fd, "%d", getpid());
      close(fd);
      for (;;) pause();
    }
    _exit(0);
  }
  waitpid(child, NULL, 0);
  for (struct stat st; stat(path, &st) != 0 || st.st_size == 0;) usleep(1000);
}

void act_exit(char *argument) { _exit(atoi(argument)); }

/* Another process has to send what pid 1 of a namespace cannot send itself. */
void act_raise(char *argument) {
  signal(atoi(argument), SIG_DFL);
  raise(atoi(argument));
  note("raise", "survived", atoi(argument));
}

void act_sleep(char *argument) { usleep((useconds_t)(atof(argument) * 1e6)); }

void act_pause(char *argument) {
  (void)argument;
  note("pause", "pid", getpid());
  for (;;) pause();
}

/* until=PATH: waits for a file to exist. */
void act_until(char *path) {
  struct stat st;
  while (stat(path, &st) != 0) usleep(2000);
}

void act_print(char *text) { dprintf(1, "%s\n", text == NULL ? "" : text); }

void act_stderr(char *text) { dprintf(2, "%s\n", text == NULL ? "" : text); }

/* flood=N: N bytes of 'x' to standard output and as many to standard error. */
void act_flood(char *argument) {
  memset(buffer, 'x', 4096);
  for (long left = atol(argument); left > 0; left -= 4096) {
    size_t part = left < 4096 ? (size_t)left : 4096;
    if (write(1, buffer, part) < 0 || write(2, buffer, part) < 0) return;
  }
}

static size_t read_all(int fd) {
  size_t used = 0;
  for (;;) {
    ssize_t n = read(fd, buffer + used, sizeof buffer - used);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return used;
    used += (size_t)n;
  }
}

void act_stdin(char *argument) {
  (void)argument;
  size_t length = read_all(0);
  json_begin();
  json_string("verb", "stdin");
  json_bytes("value", buffer, length);
  json_end(1);
}

/* One line of standard input, byte by byte: what comes after it stays there. */
void act_line(char *argument) {
  size_t used = 0;
  (void)argument;
  note("line-ready", "pid", getpid());
  while (used < sizeof buffer) {
    ssize_t n = read(0, buffer + used, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || buffer[used] == '\n') break;
    used++;
  }
  json_begin();
  json_string("verb", "line");
  json_bytes("value", buffer, used);
  json_end(1);
}

/* signals=N: blocks every signal, says so, and prints the next N in the order of delivery. */
void act_signals(char *argument) {
  /* By system call: musl keeps 32 to 34 for itself and hides them from its callers. */
  unsigned long long all = ~0ull;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, NULL, sizeof all);
  note("signals-ready", "pid", getpid());
  for (int left = atoi(argument); left > 0; left--) {
    long number;
    do number = syscall(SYS_rt_sigtimedwait, &all, NULL, NULL, sizeof all);
    while (number < 0 && errno == EINTR); /* a freezer interrupts it */
    note("signal", "number", number);
  }
}

/* ignore=SIGNAL */
void act_ignore(char *argument) {
  signal(atoi(argument), SIG_IGN);
  note("ignore", "number", atoi(argument));
}

static volatile sig_atomic_t handled;

static void count_signal(int number) {
  (void)number;
  handled++;
}

/* handle=SIGNAL: lets it interrupt system calls. */
void act_handle(char *argument) {
  struct sigaction action = {.sa_handler = count_signal};
  sigaction(atoi(argument), &action, NULL);
  note("handle", "number", atoi(argument));
}

/* handled: how many signals came since. */
void act_handled(char *argument) {
  (void)argument;
  note("handled", "count", handled);
}

/* winch=N: prints the terminal's size at each of the next N SIGWINCH. */
void act_winch(char *argument) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGWINCH);
  sigprocmask(SIG_BLOCK, &set, NULL);
  note("winch-ready", "pid", getpid());
  for (int left = atoi(argument); left > 0; left--) {
    struct winsize size = {0};
    sigwaitinfo(&set, NULL);
    ioctl(0, TIOCGWINSZ, &size);
    json_begin();
    json_string("verb", "winch");
    json_number("rows", size.ws_row);
    json_number("columns", size.ws_col);
    json_end(1);
  }
}

/* hook=FILE=TAG: appends one record of everything a hook can see to FILE. */
void act_hook(char *path) {
  char *tag = cut(path, '=');
  size_t length = read_all(0);
  char link[4096];
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0) {
    dprintf(2, "cannot record in %s: %s\n", path, strerror(errno));
    _exit(96);
  }
  json_begin();
  json_string("tag", tag == NULL ? "" : tag);
  json_bytes("stdin", buffer, length);
  json_array("args");
  for (int i = 0; i < guest_argc; i++) json_string(NULL, guest_argv[i]);
  json_close(']');
  json_array("env");
  for (char **entry = environ; *entry != NULL; entry++) json_string(NULL, *entry);
  json_close(']');
  json_string("cwd", getcwd(buffer, 4096) == NULL ? "" : buffer);
  json_number("pid", getpid());
  json_number("uid", getuid());
  json_number("sid", getsid(0));
  mode_t mask = umask(0);
  umask(mask);
  json_number("umask", mask);
  static const char *kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  json_object("ns");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/ns/%s", kinds[i]);
    ssize_t n = readlink(name, link, sizeof link);
    if (n > 0) json_bytes(kinds[i], link, (size_t)n);
  }
  json_close('}');
  json_array("fds");
  for (int other = 0; other < 4096; other++)
    if (other != fd && fcntl(other, F_GETFD) >= 0) {
      char name[64];
      snprintf(name, sizeof name, "/proc/self/fd/%d", other);
      ssize_t n = readlink(name, link, sizeof link);
      json_object(NULL);
      json_number("fd", other);
      json_bytes("link", link, n < 0 ? 0 : (size_t)n);
      json_close('}');
    }
  json_close(']');
  json_end(fd);
  close(fd);
}

/* pass=…: an argument that says nothing to the guest (a tag for those who look at the command line). */
void act_pass(char *argument) { (void)argument; }
