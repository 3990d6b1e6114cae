// Directories: opened within bounds, and read.
#pragma once

#include "../addon/sys.h"
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace tsrun {

// The kernel asks to try again where a rename happened meanwhile, which says nothing about this tree.
constexpr int openAttempts = 64;

/** openat2(2) */
inline Result openBelow(int dirfd, const char *path, uint64_t flags, uint64_t resolve) {
  open_how how = {flags | O_CLOEXEC, 0, resolve};
  Result fd = -EAGAIN;
  for (int i = 0; i < openAttempts && fd == -EAGAIN; i++)
    fd = retry([&] { return syscall(SYS_openat2, dirfd, path, &how, sizeof how); });
  return fd;
}

/** Calls `visit(name)` for each entry of a directory, until it fails; `fd` is closed. */
template <typename Visit> Result eachEntry(int fd, Visit visit) {
  DIR *directory = fdopendir(fd);
  if (!directory) {
    Result failed = -errno;
    ::close(fd);
    return failed;
  }
  Result failed = 0;
  const dirent *entry;
  for (errno = 0; failed >= 0 && (entry = readdir(directory)) != nullptr; errno = 0)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) failed = visit(entry->d_name);
  if (failed >= 0) failed = -errno;
  closedir(directory);
  return failed;
}

} // namespace tsrun
