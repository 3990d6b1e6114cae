/* A seccomp agent: answers what a filter asks. */
#define _GNU_SOURCE
#include "agent.h"
#include "json.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND 2
#endif

static int fail(const char *what) {
  dprintf(2, "host: %s: %s\n", what, strerror(errno));
  return 90;
}

/* Reads to the end of the connection; the descriptor that came along. */
static int receive(int peer, char *text, size_t size, size_t *length, int *count) {
  char control[CMSG_SPACE(16 * sizeof(int))];
  int fd = -1;
  *length = 0;
  *count = 0;
  for (;;) {
    struct iovec part = {text + *length, size - *length};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(peer, &m, MSG_CMSG_CLOEXEC);
    if (n <= 0) return fd;
    *length += (size_t)n;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
        *count += (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
      }
  }
}

static int file_of(const char *text) {
  int fd = memfd_create("injected", MFD_CLOEXEC);
  if (write(fd, text, strlen(text)) < 0) return -1;
  lseek(fd, 0, SEEK_SET);
  return fd;
}

static int is_open(int number) {
#ifdef SYS_open
  if (number == SYS_open) return 1;
#endif
  return number == SYS_openat;
}

/* Opening gives a file that says `text`, getppid a number; everything else goes on. */
static void answer(int listener, struct seccomp_notif *asked, const char *text) {
  struct seccomp_notif_resp response = {.id = asked->id};
  if (is_open(asked->data.nr)) {
    int file = file_of(text);
    struct seccomp_notif_addfd add = {.id = asked->id, .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (unsigned)file};
    ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    close(file);
    return;
  }
  if (asked->data.nr == SYS_getpgid) response.val = 4242;
  else response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Sends a signal to who asks, and gives the kernel the time to let it interrupt the call, should it mean to. */
static void disturb(int listener, const struct seccomp_notif *asked, int signal) {
  struct timespec moment = {0, 10000000};
  kill((pid_t)asked->pid, signal);
  for (int i = 0; i < 20 && ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &asked->id) == 0; i++) nanosleep(&moment, NULL);
}

int agent(const char *path, const char *text, int signal) {
  static char state[1 << 16];
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(door, (struct sockaddr *)&address, sizeof address) != 0 || listen(door, 1) != 0) return fail(path);
  dprintf(1, "{\"verb\":\"listening\"}\n");
  int peer = accept(door, NULL, NULL);
  if (peer < 0) return fail("accept");
  size_t length;
  int count, listener = receive(peer, state, sizeof state, &length, &count);
  json_begin();
  json_string("verb", "received");
  json_number("fds", count);
  json_bytes("payload", state, length);
  json_end(1);
  if (listener < 0) return 91;
  for (;;) {
    struct seccomp_notif asked = {0};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) {
      if (errno == EINTR) continue;
      return 0; /* nobody is left who could ask */
    }
    json_begin();
    json_string("verb", "asked");
    json_number("number", asked.data.nr);
    json_number("pid", asked.pid);
    json_end(1);
    if (signal != 0) disturb(listener, &asked, signal);
    answer(listener, &asked, text);
  }
}
