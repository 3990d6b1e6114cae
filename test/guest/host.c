/*
 * The host's part: what a caller of a runtime does and Node cannot.
 *
 *   host console SOCKET            receives a terminal over SOCKET (SCM_RIGHTS) and relays it to standard input/output
 *   host pidfd SOCKET              receives a pidfd over SOCKET, reports whose it is, and waits for the end of that process
 *   host pty ROWS COLUMNS CMD…     runs CMD on a terminal of its own and relays it; commands on fd 3, reports on fd 4
 *   host reaper CMD…               runs CMD as a subreaper and reports how each descendant ended
 *   host with SETTING… -- CMD…     changes what CMD inherits (signals, limits, fds …), then becomes it
 *   host killafter MICROSECONDS CMD…  runs CMD and kills it by SIGKILL when the time is over
 *   host agent SOCKET TEXT [SIGNAL]  is a seccomp agent: answers getpgid by 4242, and gives a file with TEXT for any other; who asks gets SIGNAL first
 *   host netlink PORT              sends something to a netlink socket of somebody else, and ends with the errno
 *   host manager SOCKET            is a service manager: prints what it is told by sd_notify(3)
 *   host swap A B                  exchanges two directory entries until it is killed
 */
#define _GNU_SOURCE
#include "agent.h"
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void fail(const char *what) {
  dprintf(2, "host: %s: %s\n", what, strerror(errno));
  _exit(90);
}

static void write_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t n = write(fd, data, length);
    if (n <= 0) return;
    data += n;
    length -= (size_t)n;
  }
}

static void report_terminal(int terminal, const char *verb, int to) {
  struct termios modes = {0};
  struct winsize size = {0};
  tcgetattr(terminal, &modes);
  ioctl(terminal, TIOCGWINSZ, &size);
  json_begin();
  json_string("verb", verb);
  json_bool("onlcr", (modes.c_oflag & ONLCR) != 0);
  json_bool("opost", (modes.c_oflag & OPOST) != 0);
  json_bool("echo", (modes.c_lflag & ECHO) != 0);
  json_bool("icanon", (modes.c_lflag & ICANON) != 0);
  json_bool("isig", (modes.c_lflag & ISIG) != 0);
  json_number("rows", size.ws_row);
  json_number("columns", size.ws_col);
  json_end(to);
}

/* Copies both ways until the terminal hangs up; the end of our input is not the end of the terminal. */
static void relay(int terminal) {
  char data[4096];
  int input = 0;
  for (;;) {
    struct pollfd polled[2] = {{terminal, POLLIN, 0}, {input, POLLIN, 0}};
    if (poll(polled, 2, -1) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) {
      ssize_t n = read(terminal, data, sizeof data);
      if (n <= 0) return;
      write_all(1, data, (size_t)n);
    }
    if (input >= 0 && polled[1].revents != 0) {
      ssize_t n = read(0, data, sizeof data);
      if (n <= 0) input = -1;
      else write_all(terminal, data, (size_t)n);
    }
  }
}

/* Listens on a socket, and reports what descriptors come with the first message; one of them, or -1. */
static int receive(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) fail(path);
  dprintf(1, "{\"verb\":\"listening\"}\n");
  int peer = accept(listener, NULL, NULL);
  if (peer < 0) fail("accept");
  char payload[4096], control[CMSG_SPACE(16 * sizeof(int))];
  struct iovec part = {payload, sizeof payload};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t length = recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
  int received = -1, count = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c))
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
      count += (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      memcpy(&received, CMSG_DATA(c), sizeof received);
    }
  json_begin();
  json_string("verb", "received");
  json_number("fds", count);
  json_bytes("payload", payload, length < 0 ? 0 : (size_t)length);
  int number = -1;
  if (received >= 0) ioctl(received, TIOCGPTN, &number);
  json_number("pts", number);
  json_end(1);
  return received;
}

static int console(const char *path) {
  int terminal = receive(path);
  if (terminal < 0) return 91;
  report_terminal(terminal, "terminal", 1);
  relay(terminal);
  return 0;
}

static int pidfd(const char *path) {
  int fd = receive(path), pid = -1;
  char name[64], line[128];
  if (fd < 0) return 91;
  snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
  FILE *info = fopen(name, "re");
  while (info != NULL && fgets(line, sizeof line, info) != NULL) sscanf(line, "Pid: %d", &pid);
  json_begin();
  json_string("verb", "pidfd");
  json_number("pid", pid);
  json_end(1);
  struct pollfd ended = {.fd = fd, .events = POLLIN};
  poll(&ended, 1, -1);
  json_begin();
  json_string("verb", "ended");
  json_end(1);
  return 0;
}

/* Commands on fd 3, a line each: `size ROWS COLUMNS`, `modes`, `signal NUMBER`. Reports on fd 4. */
static void command(int terminal, pid_t child, const char *line) {
  int a, b;
  if (sscanf(line, "size %d %d", &a, &b) == 2) {
    struct winsize size = {.ws_row = (unsigned short)a, .ws_col = (unsigned short)b};
    ioctl(terminal, TIOCSWINSZ, &size);
  } else if (sscanf(line, "signal %d", &a) == 1) {
    kill(child, a);
  } else if (strncmp(line, "modes", 5) == 0) {
    report_terminal(terminal, "modes", 4);
  }
}

static int pty(char **argv) {
  struct winsize size = {.ws_row = (unsigned short)atoi(argv[0]), .ws_col = (unsigned short)atoi(argv[1])};
  int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) fail("posix_openpt");
  char name[64];
  ptsname_r(terminal, name, sizeof name);
  int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) fail(name);
  ioctl(terminal, TIOCSWINSZ, &size);
  fcntl(3, F_SETFD, FD_CLOEXEC);
  fcntl(4, F_SETFD, FD_CLOEXEC);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(slave, fd);
    execvp(argv[2], argv + 2);
    fail(argv[2]);
  }
  report_terminal(terminal, "before", 4);
  char data[4096], commands[4096];
  size_t pending = 0;
  int input = 0, control = 3, status = 0;
  /* The slave stays open here, so the terminal's modes can still be read after the child's end. */
  for (int done = 0; !done;) {
    struct pollfd polled[3] = {{terminal, POLLIN, 0}, {input, POLLIN, 0}, {control, POLLIN, 0}};
    poll(polled, 3, 20);
    if (waitpid(child, &status, WNOHANG) == child) done = 1;
    for (;;) {
      struct pollfd more = {terminal, POLLIN, 0};
      if (poll(&more, 1, done ? 20 : 0) != 1 || !(more.revents & POLLIN)) break;
      ssize_t n = read(terminal, data, sizeof data);
      if (n <= 0) break;
      write_all(1, data, (size_t)n);
    }
    if (input >= 0 && polled[1].revents != 0) {
      ssize_t n = read(0, data, sizeof data);
      if (n <= 0) input = -1;
      else write_all(terminal, data, (size_t)n);
    }
    if (control >= 0 && polled[2].revents != 0) {
      ssize_t n = read(3, commands + pending, sizeof commands - 1 - pending);
      if (n <= 0) {
        control = -1;
        continue;
      }
      pending += (size_t)n;
      commands[pending] = '\0';
      for (char *end; (end = strchr(commands, '\n')) != NULL;) {
        *end = '\0';
        command(terminal, child, commands);
        pending -= (size_t)(end + 1 - commands);
        memmove(commands, end + 1, pending + 1);
      }
    }
  }
  report_terminal(terminal, "after", 4);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int reaper(char **argv) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[0], argv);
    fail(argv[0]);
  }
  int status;
  for (pid_t ended; (ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR;) {
    json_begin();
    json_string("verb", ended == child ? "command" : "descendant");
    json_number("pid", ended);
    json_number("exit", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    json_number("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    json_end(1);
  }
  return 0;
}

/* Makes `wanted` the number of an open file; it stays open across exec. */
static void place(int fd, int wanted, const char *setting) {
  if (fd < 0) fail(setting);
  if (fd == wanted) {
    fcntl(fd, F_SETFD, 0);
  } else {
    if (dup3(fd, wanted, 0) < 0) fail(setting);
    close(fd);
  }
}

static void set(const char *setting) {
  int a, b;
  char path[4096];
  sigset_t signals;
  if (sscanf(setting, "ignore=%d", &a) == 1) {
    signal(a, SIG_IGN);
  } else if (sscanf(setting, "block=%d", &a) == 1) {
    sigemptyset(&signals);
    sigaddset(&signals, a);
    sigprocmask(SIG_BLOCK, &signals, NULL);
  } else if (sscanf(setting, "nofile=%d", &a) == 1) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)a;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail(setting);
  } else if (sscanf(setting, "nofilemax=%d", &a) == 1) {
    struct rlimit limit = {(rlim_t)a, (rlim_t)a};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail(setting);
  } else if (sscanf(setting, "fsize=%d", &a) == 1) {
    struct rlimit limit = {(rlim_t)a, (rlim_t)a};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) fail(setting);
  } else if (sscanf(setting, "umask=%o", (unsigned *)&a) == 1) {
    umask((mode_t)a);
  } else if (sscanf(setting, "nice=%d", &a) == 1) {
    if (setpriority(PRIO_PROCESS, 0, a) != 0) fail(setting);
  } else if (sscanf(setting, "oom=%d", &a) == 1) {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (dprintf(fd, "%d", a) < 0) fail(setting);
    close(fd);
  } else if (sscanf(setting, "cpu=%d", &a) == 1) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(a, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) fail(setting);
  } else if (sscanf(setting, "dropcap=%d", &a) == 1) {
    if (prctl(PR_CAPBSET_DROP, a) != 0) fail(setting);
  } else if (sscanf(setting, "close=%d", &a) == 1) {
    close(a);
  } else if (sscanf(setting, "open=%d:%4000s", &a, path) == 2) {
    place(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), a, setting);
  } else if (sscanf(setting, "openrw=%d:%4000s", &a, path) == 2) {
    place(open(path, O_RDWR | O_CLOEXEC | O_NOCTTY), a, setting);
  } else if (sscanf(setting, "append=%d:%4000s", &a, path) == 2) {
    place(open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644), a, setting);
  } else if (sscanf(setting, "default=%d", &a) == 1) {
    signal(a, SIG_DFL);
  } else if (sscanf(setting, "dup=%d:%d", &a, &b) == 2) {
    if (dup3(b, a, 0) < 0) fail(setting);
  } else if (sscanf(setting, "pdeathsig=%d", &a) == 1) {
    prctl(PR_SET_PDEATHSIG, a);
  } else if (strcmp(setting, "setsid") == 0) {
    setsid();
  } else if (strcmp(setting, "listenpid") == 0) {
    char number[16];
    snprintf(number, sizeof number, "%d", getpid());
    setenv("LISTEN_PID", number, 1);
  } else {
    errno = EINVAL;
    fail(setting);
  }
}

static int with(char **argv) {
  while (*argv != NULL && strcmp(*argv, "--") != 0) set(*argv++);
  if (*argv == NULL || argv[1] == NULL) return 92;
  execvp(argv[1], argv + 1);
  fail(argv[1]);
  return 90;
}

/* The exit status says whether CMD ended before: its own status then, 137 otherwise. */
static int kill_after(long microseconds, char **argv) {
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[0], argv);
    fail(argv[0]);
  }
  struct timespec rest = {microseconds / 1000000, microseconds % 1000000 * 1000};
  nanosleep(&rest, NULL);
  kill(child, SIGKILL);
  int status;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

_Noreturn static void swap(const char *a, const char *b) {
  for (;;) syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2 /* RENAME_EXCHANGE */);
}

/* What is sent is no answer to anything; who takes it is the question. */
static int netlink(unsigned port) {
  struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = port};
  struct nlmsghdr nothing = {.nlmsg_len = sizeof nothing, .nlmsg_type = NLMSG_NOOP};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (sendto(fd, &nothing, sizeof nothing, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)sizeof nothing) return 0;
  return errno;
}

/* A service manager: prints every message of sd_notify(3), and how many descriptors came with it, which it closes. */
static _Noreturn void manager(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t name = (size_t)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  socklen_t length = sizeof address;
  if (*path == '@') {
    address.sun_path[0] = '\0';
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name);
  }
  int door = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (bind(door, (struct sockaddr *)&address, length) != 0) fail(path);
  dprintf(1, "{\"verb\":\"listening\"}\n");
  for (;;) {
    char payload[4096], control[CMSG_SPACE(16 * sizeof(int))];
    struct iovec part = {payload, sizeof payload};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(door, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) fail("recvmsg");
    int count = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
      int fd;
      memcpy(&fd, CMSG_DATA(c), sizeof fd);
      close(fd);
      count++;
    }
    json_begin();
    json_string("verb", "message");
    json_number("fds", count);
    json_bytes("payload", payload, (size_t)got);
    json_end(1);
  }
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "manager") == 0) manager(argv[2]);
  if (argc >= 3 && strcmp(argv[1], "console") == 0) return console(argv[2]);
  if (argc >= 3 && strcmp(argv[1], "pidfd") == 0) return pidfd(argv[2]);
  if (argc >= 5 && strcmp(argv[1], "pty") == 0) return pty(argv + 2);
  if (argc >= 3 && strcmp(argv[1], "reaper") == 0) return reaper(argv + 2);
  if (argc >= 4 && strcmp(argv[1], "with") == 0) return with(argv + 2);
  if (argc >= 4 && strcmp(argv[1], "killafter") == 0) return kill_after(atol(argv[2]), argv + 3);
  if ((argc == 4 || argc == 5) && strcmp(argv[1], "agent") == 0) return agent(argv[2], argv[3], argc == 5 ? atoi(argv[4]) : 0);
  if (argc == 3 && strcmp(argv[1], "netlink") == 0) return netlink((unsigned)atol(argv[2]));
  if (argc == 4 && strcmp(argv[1], "swap") == 0) swap(argv[2], argv[3]);
  dprintf(2, "host: unknown use\n");
  return 93;
}
