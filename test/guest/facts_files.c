/* Facts about files and mounts, and what may be done to them. */
#define _GNU_SOURCE
#include "guest.h"
#include "json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

static char buffer[1 << 20];

static void begin(const char *verb, const char *argument) {
  json_begin();
  json_string("verb", verb);
  json_string("arg", argument == NULL ? "" : argument);
}

static void outcome(const char *verb, const char *argument, int failed) {
  int error = failed ? errno : 0;
  begin(verb, argument);
  report_errno(error);
  json_end(1);
}

static const char *type_name(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "dir";
    case S_IFLNK: return "link";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
  }
  return "unknown";
}

void fact_stat(char *path) {
  struct stat st;
  int error = lstat(path, &st) == 0 ? 0 : errno;
  begin("stat", path);
  report_errno(error);
  if (error == 0) {
    json_string("type", type_name(st.st_mode));
    json_number("mode", st.st_mode & 07777);
    json_number("uid", st.st_uid);
    json_number("gid", st.st_gid);
    json_number("size", st.st_size);
    json_exact("ino", st.st_ino);
    json_number("major", major(st.st_rdev));
    json_number("minor", minor(st.st_rdev));
    if (S_ISLNK(st.st_mode)) {
      ssize_t n = readlink(path, buffer, sizeof buffer);
      json_bytes("target", buffer, n < 0 ? 0 : (size_t)n);
    }
  }
  json_end(1);
}

void fact_read(char *path) {
  long n = slurp(path, buffer, sizeof buffer);
  begin("read", path);
  report_errno(n < 0 ? (int)-n : 0);
  if (n >= 0) json_bytes("value", buffer, (size_t)n);
  json_end(1);
}

void fact_ls(char *path) {
  DIR *dir = opendir(path);
  int error = dir == NULL ? errno : 0;
  begin("ls", path);
  report_errno(error);
  if (dir != NULL) {
    json_array("value");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
      if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) json_string(NULL, entry->d_name);
    json_close(']');
    closedir(dir);
  }
  json_end(1);
}

/* Raw lines: the harness parses them, as it does those of the host. */
void fact_mounts(char *argument) {
  long n = slurp("/proc/self/mountinfo", buffer, sizeof buffer);
  begin("mounts", argument);
  json_bytes("value", buffer, n < 0 ? 0 : (size_t)n);
  json_end(1);
}

void fact_statfs(char *path) {
  struct statfs st;
  int error = statfs(path, &st) == 0 ? 0 : errno;
  begin("statfs", path);
  report_errno(error);
  if (error == 0) {
    json_exact("type", (unsigned long)st.f_type);
    json_number("flags", st.f_flags);
    json_number("bytes", (long long)st.f_blocks * st.f_bsize);
  }
  json_end(1);
}

/* write=PATH=DATA: creates, truncates, writes. */
void try_write(char *path) {
  char *data = cut(path, '=');
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
  int failed = fd < 0;
  if (!failed && data != NULL) failed = write(fd, data, strlen(data)) < 0;
  outcome("write", path, failed);
  if (fd >= 0) close(fd);
}

/* open=PATH=r|w|rw: opens an existing file, and nothing more. */
void try_open(char *path) {
  char *how = cut(path, '=');
  int flags = how == NULL || strcmp(how, "r") == 0 ? O_RDONLY : strcmp(how, "w") == 0 ? O_WRONLY : O_RDWR;
  int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  outcome("open", path, fd < 0);
  if (fd >= 0) close(fd);
}

/* mknod=PATH=c|b|p=MAJOR=MINOR */
void try_mknod(char *path) {
  char *kind = cut(path, '='), *high = cut(kind, '='), *low = cut(high, '=');
  mode_t type = kind == NULL || *kind == 'c' ? S_IFCHR : *kind == 'b' ? S_IFBLK : S_IFIFO;
  dev_t device = high == NULL || low == NULL ? 0 : makedev((unsigned)atoi(high), (unsigned)atoi(low));
  outcome("mknod", path, mknod(path, type | 0666, device) != 0);
}

void try_mkdir(char *path) { outcome("mkdir", path, mkdir(path, 0777) != 0); }

/* nest=PATH=DEPTH: directories in one another, whose path is longer than the kernel takes; a process goes into the last cgroup. */
void try_nest(char *path) {
  int depth = atoi(cut(path, '=')), at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char name[251] = {0};
  memset(name, 'n', sizeof name - 1);
  for (int level = 0; at >= 0 && level < depth; level++) {
    int next = mkdirat(at, name, 0777) == 0 ? openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    close(at);
    at = next;
  }
  int procs = at < 0 ? -1 : openat(at, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  bool failed = at < 0 || (procs >= 0 && write(procs, "0", 1) != 1);
  outcome("nest", path, failed);
  if (procs >= 0) close(procs);
  if (at >= 0) close(at);
}

/* fan=PATH=COUNT: so many directories side by side. */
void try_fan(char *path) {
  int count = atoi(cut(path, '='));
  bool failed = false;
  for (int i = 0; i < count && !failed; i++) {
    char name[4096];
    snprintf(name, sizeof name, "%s/fan%d", path, i);
    failed = mkdir(name, 0777) != 0;
  }
  outcome("fan", path, failed);
}

/* chmod=PATH=OCTAL */
void try_chmod(char *path) {
  char *mode = cut(path, '=');
  outcome("chmod", path, chmod(path, mode == NULL ? 0 : (mode_t)strtoul(mode, NULL, 8)) != 0);
}

/* chown=PATH=ID: user and group */
void try_chown(char *path) {
  char *id = cut(path, '=');
  uid_t owner = id == NULL ? 0 : (uid_t)atol(id);
  outcome("chown", path, chown(path, owner, owner) != 0);
}

void try_unlink(char *path) { outcome("unlink", path, unlink(path) != 0); }

void try_symlink(char *path) {
  char *target = cut(path, '=');
  outcome("symlink", path, symlink(target == NULL ? "" : target, path) != 0);
}

void try_connect(char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  outcome("connect", path, connect(fd, (struct sockaddr *)&address, sizeof address) != 0);
  close(fd);
}

/* notify=LINE;LINE…: one message of sd_notify(3). */
void try_notify(char *lines) {
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path == NULL ? "" : path);
  for (char *c = lines; *c != '\0'; c++)
    if (*c == ';') *c = '\n';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ssize_t sent = sendto(fd, lines, strlen(lines), 0, (struct sockaddr *)&address, sizeof address);
  outcome("notify", lines, sent < 0);
  close(fd);
}

/* mount=TYPE=TARGET */
void try_mount(char *type) {
  char *target = cut(type, '=');
  outcome("mount", type, mount("none", target, type, 0, NULL) != 0);
}

void try_umount(char *path) { outcome("umount", path, umount2(path, MNT_DETACH) != 0); }

void try_chroot(char *path) { outcome("chroot", path, chroot(path) != 0 || chdir("/") != 0); }

void try_sethostname(char *name) { outcome("sethostname", name, sethostname(name, strlen(name)) != 0); }

void try_setuid(char *argument) { outcome("setuid", argument, setuid((uid_t)atol(argument)) != 0); }

/* setnofile=N: lowers the soft limit. */
void try_nofile(char *argument) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = strtoul(argument, NULL, 10);
  outcome("setnofile", argument, setrlimit(RLIMIT_NOFILE, &limit) != 0);
}

/* kill=PID=SIGNAL */
void try_kill(char *pid) {
  char *number = cut(pid, '=');
  outcome("kill", pid, kill((pid_t)atoi(pid), number == NULL ? 0 : atoi(number)) != 0);
}
