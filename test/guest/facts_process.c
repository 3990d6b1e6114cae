/* Facts about the process itself. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];

static void begin(const char *verb) {
  json_begin();
  json_string("verb", verb);
}

long slurp(const char *path, char *into, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -errno;
  size_t used = 0;
  for (;;) {
    ssize_t n = read(fd, into + used, size - 1 - used);
    if (n < 0) {
      int error = errno;
      close(fd);
      return -error;
    }
    if (n == 0) break;
    used += (size_t)n;
  }
  close(fd);
  into[used] = '\0';
  return (long)used;
}

void report_errno(int error) {
  static const struct { int number; const char *name; } names[] = {
      {0, ""}, {EBADF, "EBADF"}, {EFAULT, "EFAULT"}, {ERANGE, "ERANGE"}, {EPERM, "EPERM"}, {ENOENT, "ENOENT"}, {EACCES, "EACCES"}, {EROFS, "EROFS"}, {EEXIST, "EEXIST"},
      {EINVAL, "EINVAL"}, {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"}, {ENXIO, "ENXIO"}, {ENODEV, "ENODEV"},
      {EBUSY, "EBUSY"}, {ELOOP, "ELOOP"}, {ENOEXEC, "ENOEXEC"}, {EIO, "EIO"}, {EMFILE, "EMFILE"},
      {ECONNREFUSED, "ECONNREFUSED"}, {EAGAIN, "EAGAIN"}, {EFBIG, "EFBIG"}, {ESRCH, "ESRCH"}, {ENOSYS, "ENOSYS"},
      {ENOTTY, "ENOTTY"}, {ENOMEM, "ENOMEM"}, {ETXTBSY, "ETXTBSY"}, {ENOKEY, "ENOKEY"},
      {EOVERFLOW, "EOVERFLOW"}, {EOPNOTSUPP, "EOPNOTSUPP"},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].number == error) {
      json_string("errno", names[i].name);
      return;
    }
  char other[16];
  snprintf(other, sizeof other, "E%d", error);
  json_string("errno", other);
}

void fact_hostname(char *argument) {
  struct utsname names;
  (void)argument;
  uname(&names);
  begin("hostname");
  json_string("value", names.nodename);
  json_end(1);
}

void fact_domainname(char *argument) {
  struct utsname names;
  (void)argument;
  uname(&names);
  begin("domainname");
  json_string("value", names.domainname);
  json_end(1);
}

void fact_ids(char *argument) {
  uid_t ruid, euid, suid;
  gid_t rgid, egid, sgid, groups[1024];
  (void)argument;
  getresuid(&ruid, &euid, &suid);
  getresgid(&rgid, &egid, &sgid);
  int count = getgroups(1024, groups);
  begin("ids");
  json_number("uid", ruid);
  json_number("euid", euid);
  json_number("suid", suid);
  json_number("gid", rgid);
  json_number("egid", egid);
  json_number("sgid", sgid);
  json_array("groups");
  for (int i = 0; i < count; i++) json_number(NULL, groups[i]);
  json_close(']');
  json_end(1);
}

/* The value of one line of /proc/self/status, without leading blanks; "" where there is none. */
static const char *status_field(const char *name) {
  static char text[1 << 16];
  static char value[4096];
  value[0] = '\0';
  if (slurp("/proc/self/status", text, sizeof text) < 0) return value;
  size_t length = strlen(name);
  for (char *line = text; line != NULL && *line != '\0';) {
    char *next = strchr(line, '\n');
    if (next != NULL) *next = '\0';
    if (strncmp(line, name, length) == 0 && line[length] == ':') {
      char *at = line + length + 1;
      while (*at == ' ' || *at == '\t') at++;
      snprintf(value, sizeof value, "%s", at);
    }
    line = next == NULL ? NULL : next + 1;
  }
  return value;
}

void fact_caps(char *argument) {
  static const struct { const char *field, *name; } sets[] = {{"CapInh", "inheritable"},
                                                              {"CapPrm", "permitted"},
                                                              {"CapEff", "effective"},
                                                              {"CapBnd", "bounding"},
                                                              {"CapAmb", "ambient"}};
  (void)argument;
  begin("caps");
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) json_string(sets[i].name, status_field(sets[i].field));
  json_end(1);
}

/* status=FIELD,FIELD… */
void fact_status(char *argument) {
  begin("status");
  for (char *field = argument; field != NULL;) {
    char *next = cut(field, ',');
    json_string(field, status_field(field));
    field = next;
  }
  json_end(1);
}

void fact_pids(char *argument) {
  (void)argument;
  begin("pids");
  json_number("pid", getpid());
  json_number("ppid", getppid());
  json_number("sid", getsid(0));
  json_number("pgid", getpgrp());
  json_end(1);
}

void fact_ns(char *argument) {
  static const char *kinds[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
  (void)argument;
  begin("ns");
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char path[64], link[64] = "";
    snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i]);
    ssize_t n = readlink(path, link, sizeof link - 1);
    if (n > 0) json_bytes(kinds[i], link, (size_t)n);
  }
  json_end(1);
}

void fact_umask(char *argument) {
  mode_t old = umask(0);
  (void)argument;
  umask(old);
  begin("umask");
  json_number("value", old);
  json_end(1);
}

void fact_rlimits(char *argument) {
  static const char *names[] = {"CPU",   "FSIZE",   "DATA", "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
                                "MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};
  (void)argument;
  begin("rlimits");
  for (int i = 0; i < 16; i++) {
    struct rlimit limit;
    if (getrlimit(i, &limit) != 0) continue;
    json_object(names[i]);
    json_exact("soft", limit.rlim_cur);
    json_exact("hard", limit.rlim_max);
    json_close('}');
  }
  json_end(1);
}

void fact_env(char *argument) {
  (void)argument;
  begin("env");
  json_array("value");
  for (char **entry = environ; *entry != NULL; entry++) json_string(NULL, *entry);
  json_close(']');
  json_end(1);
}

void fact_args(char *argument) {
  (void)argument;
  begin("args");
  json_array("value");
  for (int i = 0; i < guest_argc; i++) json_string(NULL, guest_argv[i]);
  json_close(']');
  char link[4096] = "";
  ssize_t n = readlink("/proc/self/exe", link, sizeof link - 1);
  if (n > 0) json_bytes("exe", link, (size_t)n);
  json_end(1);
}

void fact_cwd(char *argument) {
  (void)argument;
  begin("cwd");
  json_string("value", getcwd(buffer, sizeof buffer) == NULL ? "" : buffer);
  json_end(1);
}

static void one_fd(int fd) {
  char path[64], link[4096];
  json_object(NULL);
  json_number("fd", fd);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, link, sizeof link);
  json_bytes("link", link, n < 0 ? 0 : (size_t)n);
  json_number("flags", fcntl(fd, F_GETFL));
  json_bool("cloexec", fcntl(fd, F_GETFD) & FD_CLOEXEC);
  json_close('}');
}

/* By fcntl, not by /proc: works where there is no /proc, and sees what readdir might miss. */
void fact_fds(char *argument) {
  (void)argument;
  begin("fds");
  json_array("value");
  for (int fd = 0; fd < 65536; fd++)
    if (fcntl(fd, F_GETFD) >= 0) one_fd(fd);
  json_close(']');
  json_end(1);
}

void fact_stdio(char *argument) {
  (void)argument;
  begin("stdio");
  json_array("value");
  for (int fd = 0; fd < 3; fd++) {
    struct stat st = {0};
    int missing = fstat(fd, &st) != 0;
    json_object(NULL);
    json_bool("open", !missing);
    json_bool("tty", isatty(fd));
    json_bool("nonblock", !missing && (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    json_number("uid", st.st_uid);
    json_number("gid", st.st_gid);
    json_number("type", (st.st_mode & S_IFMT) >> 12);
    json_close('}');
  }
  json_close(']');
  json_end(1);
}

void fact_tty(char *argument) {
  (void)argument;
  begin("tty");
  json_bool("tty", isatty(0));
  if (isatty(0)) {
    struct winsize size = {0};
    struct termios modes = {0};
    ioctl(0, TIOCGWINSZ, &size);
    tcgetattr(0, &modes);
    json_number("rows", size.ws_row);
    json_number("columns", size.ws_col);
    json_bool("onlcr", (modes.c_oflag & ONLCR) != 0);
    json_bool("echo", (modes.c_lflag & ECHO) != 0);
    json_bool("icanon", (modes.c_lflag & ICANON) != 0);
    char name[128] = "";
    if (ttyname_r(0, name, sizeof name) != 0) name[0] = '\0';
    json_string("name", name);
    json_number("session", tcgetsid(0));
    int controlling = open("/dev/tty", O_RDWR | O_CLOEXEC);
    json_bool("controlling", controlling >= 0);
    if (controlling >= 0) close(controlling);
  }
  json_end(1);
}

void fact_keyring(char *argument) {
  (void)argument;
  begin("keyring");
  /* KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING, without creating one; then KEYCTL_DESCRIBE. */
  long id = syscall(SYS_keyctl, 0, -3, 0, 0, 0);
  json_number("id", id);
  char text[512] = "";
  if (id > 0) syscall(SYS_keyctl, 6, id, text, sizeof text - 1, 0);
  json_string("description", text);
  json_end(1);
}

void fact_affinity(char *argument) {
  cpu_set_t set;
  (void)argument;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  begin("affinity");
  json_array("value");
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET(cpu, &set)) json_number(NULL, cpu);
  json_close(']');
  json_end(1);
}

void fact_priority(char *argument) {
  (void)argument;
  begin("priority");
  json_number("nice", getpriority(PRIO_PROCESS, 0));
  json_number("policy", syscall(SYS_sched_getscheduler, 0)); /* musl refuses to ask */
  char score[32] = "";
  slurp("/proc/self/oom_score_adj", score, sizeof score);
  json_number("oomScoreAdj", atol(score));
  json_end(1);
}

void fact_clock(char *argument) {
  struct timespec boot, monotonic;
  (void)argument;
  clock_gettime(CLOCK_BOOTTIME, &boot);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  begin("clock");
  json_number("boottime", boot.tv_sec);
  json_number("monotonic", monotonic.tv_sec);
  json_end(1);
}

void fact_prctl(char *argument) {
  int death = -1;
  (void)argument;
  prctl(PR_GET_PDEATHSIG, &death);
  begin("prctl");
  json_number("noNewPrivileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  json_number("parentDeathSignal", death);
  json_number("dumpable", prctl(PR_GET_DUMPABLE));
  json_number("keepCaps", prctl(PR_GET_KEEPCAPS));
  json_number("securebits", prctl(PR_GET_SECUREBITS));
  json_end(1);
}
