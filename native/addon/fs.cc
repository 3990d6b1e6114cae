// Files and directories.
#include "args.h"
#include <climits>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

// Newer than the kernel headers of Debian 12.
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif

namespace tsrun {

Result writeAll(int fd, const void *data, size_t size, size_t *written) {
  const char *bytes = static_cast<const char *>(data);
  *written = 0;
  do { // an empty write is made too: the kernel's answer to it is the caller's to see
    Result count = retry([&] { return ::write(fd, bytes + *written, size - *written); });
    if (count < 0) return count;
    if (count == 0 && size > 0) return -EIO;
    *written += static_cast<size_t>(count);
  } while (*written < size);
  return 0;
}

namespace {

Result refuseIrregular(Result failed, const struct stat &status) {
  if (failed < 0 || S_ISREG(status.st_mode)) return failed;
  return S_ISDIR(status.st_mode) ? -EISDIR : -ESPIPE;
}

/** Opens a regular file for reading. */
Result openRegular(const char *path, struct stat *status) {
  // Asked before the open too, for opening a device can have effects of its own (a watchdog, a tape).
  Result failed = refuseIrregular(result(::stat(path, status)), *status);
  if (failed < 0) return failed;
  Fd fd(retry([&] { return ::open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); }));
  if (fd.get() < 0) return fd.get();
  failed = refuseIrregular(result(::fstat(fd.get(), status)), *status);
  return failed < 0 ? failed : fd.move();
}

Result openFile(napi_env, const char *path, int flags, uint32_t mode) {
  return retry([&] { return ::open(path, flags | O_CLOEXEC, mode); });
}

Result openat2(napi_env, int dirfd, const char *path, int flags, uint32_t mode, uint32_t resolve) {
  open_how how = {static_cast<uint32_t>(flags | O_CLOEXEC), mode, resolve};
  return retry([&] { return syscall(SYS_openat2, dirfd, path, &how, sizeof how); });
}

Result closeFd(napi_env, int fd) {
  Result closed = result(::close(fd));
  return closed == -EINTR ? 0 : closed; // Linux has closed it all the same
}

Result readFd(napi_env, int fd, Bytes buffer) {
  return retry([&] { return ::read(fd, buffer.data, buffer.size); });
}

Result writeFd(napi_env, int fd, Data data) {
  size_t written;
  Result failed = writeAll(fd, data.data, data.size, &written);
  return failed < 0 && written == 0 ? failed : static_cast<Result>(written);
}

napi_value readFile(napi_env env, const char *path, uint64_t max) {
  struct stat status;
  Fd fd(openRegular(path, &status));
  if (fd.get() < 0) return toJs(env, Result{fd.get()});
  uint64_t size = static_cast<uint64_t>(status.st_size);
  if (size > max) return toJs(env, Result{-EFBIG});

  // The size is a hint only: procfs reports 0, sysfs 4096, and files grow. One byte more tells an end from a full buffer.
  List<char> content;
  for (size_t length = 0, room = size > 0 ? size + 1 : 4096;; room = length) {
    content.resize(length + room);
    Result count = 1;
    for (; count > 0 && length < content.size(); length += static_cast<size_t>(count)) {
      count = retry([&] { return ::read(fd.get(), content.data() + length, content.size() - length); });
      if (count < 0) return toJs(env, count);
    }
    if (length > max) return toJs(env, Result{-EFBIG});
    if (count == 0) return bytesToJs(env, content.data(), length);
  }
}

Result writeFile(napi_env, const char *path, Data data, int flags, uint32_t mode) {
  Result fd = retry([&] { return ::open(path, flags | O_CLOEXEC, mode); });
  if (fd < 0) return fd;
  size_t written;
  Result failed = writeAll(static_cast<int>(fd), data.data, data.size, &written);
  Result closed = closeFd(nullptr, static_cast<int>(fd)); // a full disk may be told only here
  if (failed < 0) return failed;
  return closed < 0 ? closed : static_cast<Result>(written);
}

Result makeDirectory(napi_env, const char *path, uint32_t mode) { return result(::mkdir(path, mode)); }
Result removeDirectory(napi_env, const char *path) { return result(::rmdir(path)); }
Result unlinkFile(napi_env, const char *path) { return result(::unlink(path)); }
Result renameFile(napi_env, const char *from, const char *to) { return result(::rename(from, to)); }
Result makeSymlink(napi_env, const char *target, const char *path) { return result(::symlink(target, path)); }
Result makeFifo(napi_env, const char *path, uint32_t mode) { return result(::mkfifo(path, mode)); }
Result changeMode(napi_env, const char *path, uint32_t mode) { return result(::chmod(path, mode)); }
Result changeOwner(napi_env, const char *path, Id uid, Id gid) { return result(::chown(path, uid.value, gid.value)); }
Result changeFdOwner(napi_env, int fd, Id uid, Id gid) { return result(::fchown(fd, uid.value, gid.value)); }
Result accessible(napi_env, const char *path, int mode) {
  return result(::faccessat(AT_FDCWD, path, mode, AT_EACCESS));
}

Result setAttribute(napi_env, const char *path, const char *name, Data value) {
  return result(::setxattr(path, name, value.data, value.size, 0));
}
Result attributeSize(napi_env, const char *path, const char *name) {
  return result(::getxattr(path, name, nullptr, 0));
}
Result removeAttribute(napi_env, const char *path, const char *name) { return result(::removexattr(path, name)); }

napi_value readLink(napi_env env, const char *path) {
  char target[PATH_MAX];
  Result length = result(::readlink(path, target, sizeof target));
  return length < 0 ? toJs(env, length) : toJs(env, target, static_cast<size_t>(length));
}

napi_value realPath(napi_env env, const char *path) {
  char resolved[PATH_MAX];
  return ::realpath(path, resolved) ? toJs(env, resolved) : toJs(env, Result{-errno});
}

napi_value workingDirectory(napi_env env) {
  char path[PATH_MAX];
  return ::getcwd(path, sizeof path) ? toJs(env, path) : toJs(env, Result{-errno});
}

napi_value readDirectory(napi_env env, const char *path) {
  DIR *directory = opendir(path);
  if (!directory) return toJs(env, Result{-errno});
  AnswerList names(env);
  const dirent *entry;
  for (errno = 0; (entry = readdir(directory)) != nullptr; errno = 0) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) names.push(toJs(env, entry->d_name));
  }
  Result failed = -errno;
  closedir(directory);
  return failed < 0 ? toJs(env, failed) : names;
}

napi_value statToJs(napi_env env, Result failed, const struct stat &status) {
  if (failed < 0) return toJs(env, failed);
  Answer answer(env);
  answer.set("mode", status.st_mode);
  answer.set("size", static_cast<double>(status.st_size));
  answer.set("ino", static_cast<double>(status.st_ino));
  answer.set("dev", static_cast<double>(status.st_dev));
  answer.set("links", static_cast<double>(status.st_nlink));
  answer.set("uid", status.st_uid);
  answer.set("gid", status.st_gid);
  answer.set("rdevMajor", major(status.st_rdev));
  answer.set("rdevMinor", minor(status.st_rdev));
  answer.set("mtimeMs", static_cast<double>(status.st_mtim.tv_sec) * 1e3 + static_cast<double>(status.st_mtim.tv_nsec) / 1e6);
  return answer;
}

napi_value statPath(napi_env env, const char *path, bool follow) {
  struct stat status;
  return statToJs(env, result(follow ? ::stat(path, &status) : ::lstat(path, &status)), status);
}

napi_value statFd(napi_env env, int fd) {
  struct stat status;
  return statToJs(env, result(::fstat(fd, &status)), status);
}

Result statfsType(napi_env, const char *path) {
  struct statfs status;
  Result failed = result(::statfs(path, &status));
  return failed < 0 ? failed : static_cast<Result>(status.f_type);
}

Result fstatfsType(napi_env, int fd) {
  struct statfs status;
  Result failed = result(::fstatfs(fd, &status));
  return failed < 0 ? failed : static_cast<Result>(status.f_type);
}

Result lockFile(napi_env, int fd, int operation) {
  return retry([&] { return ::flock(fd, operation); });
}

Result makeMemfd(const char *name, unsigned kind) {
  Result fd = result(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kind));
  if (fd != -EINVAL) return fd;
  return result(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)); // before Linux 6.3 there are no kinds
}

Result seal(Fd &fd) {
  Result failed = result(fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
  return failed < 0 ? failed : fd.move();
}

Result memfdOfFile(napi_env, const char *path, const char *name) {
  struct stat status;
  Fd file(openRegular(path, &status));
  if (file.get() < 0) return file.get();
  Fd memory(makeMemfd(name, MFD_EXEC));
  if (memory.get() < 0) return memory.get();
  for (;;) {
    Result count = retry([&] { return sendfile(memory.get(), file.get(), nullptr, 1 << 30); });
    if (count < 0) return count;
    if (count == 0) return seal(memory);
  }
}

Result memfdOfData(napi_env, Bytes data, const char *name) {
  Fd memory(makeMemfd(name, MFD_NOEXEC_SEAL));
  if (memory.get() < 0) return memory.get();
  if (Result failed = result(fchmod(memory.get(), 0600)); failed < 0) return failed;
  size_t written;
  if (Result failed = writeAll(memory.get(), data.data, data.size, &written); failed < 0) return failed;
  lseek(memory.get(), 0, SEEK_SET);
  return seal(memory);
}

Result duplicate(napi_env, int fd, int min) { return result(fcntl(fd, F_DUPFD_CLOEXEC, min)); }
bool isOpen(napi_env, int fd) { return fcntl(fd, F_GETFD) >= 0; }

const Function functions[] = {
    {"open", {"path", "flags", "mode"}, bind<openFile>},
    {"openat2", {"dirfd", "path", "flags", "mode", "resolve"}, bind<openat2>},
    {"close", {"fd"}, bind<closeFd>},
    {"read", {"fd", "buffer"}, bind<readFd>},
    {"write", {"fd", "data"}, bind<writeFd>},
    {"readFile", {"path", "max"}, bind<readFile>},
    {"writeFile", {"path", "data", "flags", "mode"}, bind<writeFile>},
    {"mkdir", {"path", "mode"}, bind<makeDirectory>},
    {"rmdir", {"path"}, bind<removeDirectory>},
    {"unlink", {"path"}, bind<unlinkFile>},
    {"rename", {"from", "to"}, bind<renameFile>},
    {"symlink", {"target", "path"}, bind<makeSymlink>},
    {"readlink", {"path"}, bind<readLink>},
    {"setxattr", {"path", "name", "value"}, bind<setAttribute>},
    {"xattrSize", {"path", "name"}, bind<attributeSize>},
    {"removexattr", {"path", "name"}, bind<removeAttribute>},
    {"mkfifo", {"path", "mode"}, bind<makeFifo>},
    {"chmod", {"path", "mode"}, bind<changeMode>},
    {"fchown", {"fd", "uid", "gid"}, bind<changeFdOwner>},
    {"chown", {"path", "uid", "gid"}, bind<changeOwner>},
    {"access", {"path", "mode"}, bind<accessible>},
    {"realpath", {"path"}, bind<realPath>},
    {"getcwd", {}, bind<workingDirectory>},
    {"readdir", {"path"}, bind<readDirectory>},
    {"stat", {"path", "follow"}, bind<statPath>},
    {"fstat", {"fd"}, bind<statFd>},
    {"statfsType", {"path"}, bind<statfsType>},
    {"fstatfsType", {"fd"}, bind<fstatfsType>},
    {"flock", {"fd", "operation"}, bind<lockFile>},
    {"memfdOfFile", {"path", "name"}, bind<memfdOfFile>},
    {"memfdOfData", {"data", "name"}, bind<memfdOfData>},
    {"dup", {"fd", "min"}, bind<duplicate>},
    {"isOpen", {"fd"}, bind<isOpen>},
};

} // namespace

const Functions fileFunctions = {functions, std::size(functions)};

} // namespace tsrun
