// A file tree by descriptors of its directories: each function is the system call of its name, which follows no link in
// the last component.
#include "directory.h"
#include "octets.h"
#include <climits>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

namespace tsrun {
namespace {

Result openInRoot(napi_env, int rootfd, Octets path, int flags) {
  return openBelow(rootfd, path.text, static_cast<uint32_t>(flags), RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

Result openAt(napi_env, int dirfd, Octets name, int flags, uint32_t mode) {
  return retry([&] { return ::openat(dirfd, name.text, flags | O_CLOEXEC | O_NOFOLLOW, mode); });
}

Result makeDirectoryAt(napi_env, int dirfd, Octets name, uint32_t mode) {
  return result(::mkdirat(dirfd, name.text, mode));
}

Result makeNodeAt(napi_env, int dirfd, Octets name, uint32_t mode, uint32_t major, uint32_t minor) {
  return result(::mknodat(dirfd, name.text, mode, makedev(major, minor)));
}

Result linkAt(napi_env, int fromDirectory, Octets from, int toDirectory, Octets to) {
  return result(::linkat(fromDirectory, from.text, toDirectory, to.text, 0));
}

Result symlinkAt(napi_env, Octets target, int dirfd, Octets name) {
  return result(::symlinkat(target.text, dirfd, name.text));
}

napi_value readlinkAt(napi_env env, int dirfd, Octets name) {
  char target[PATH_MAX];
  Result length = result(::readlinkat(dirfd, name.text, target, sizeof target));
  if (length < 0) return toJs(env, length);
  napi_value made = nullptr;
  napi_create_string_latin1(env, target, static_cast<size_t>(length), &made);
  return made;
}

Result unlinkAt(napi_env, int dirfd, Octets name) { return result(::unlinkat(dirfd, name.text, 0)); }

Result modeAt(napi_env, int dirfd, Octets name) {
  struct stat status;
  Result failed = result(::fstatat(dirfd, name.text, &status, AT_SYMLINK_NOFOLLOW));
  return failed < 0 ? failed : static_cast<Result>(status.st_mode);
}

Result changeOwnerAt(napi_env, int dirfd, Octets name, Id uid, Id gid) {
  return result(::fchownat(dirfd, name.text, uid.value, gid.value, AT_SYMLINK_NOFOLLOW));
}

Result changeModeAt(napi_env, int dirfd, Octets name, uint32_t mode) {
  return result(::fchmodat(dirfd, name.text, mode, 0));
}

Result setTimeAt(napi_env, int dirfd, Octets name, Signed seconds, uint32_t nanoseconds) {
  const timespec times[2] = {{0, UTIME_OMIT}, {static_cast<time_t>(seconds.value), static_cast<long>(nanoseconds)}};
  return result(::utimensat(dirfd, name.text, times, AT_SYMLINK_NOFOLLOW));
}

Result setAttributeAt(napi_env, int dirfd, Octets name, Octets attribute, Bytes value) {
  // The descriptor is ours, so the link in /proc leads to that very directory.
  List<char> path;
  path.resize(sizeof "/proc/self/fd/" + 16 + strlen(name.text));
  snprintf(path.data(), path.size(), "/proc/self/fd/%d/%s", dirfd, name.text);
  return result(::lsetxattr(path.data(), attribute.text, value.data, value.size, 0));
}

Result writeAt(napi_env, int fd, Bytes data, uint64_t offset) {
  for (size_t written = 0; written < data.size;) {
    Result count = retry([&] {
      return ::pwrite(fd, data.data + written, data.size - written, static_cast<off_t>(offset + written));
    });
    if (count < 0) return count;
    if (count == 0) return -EIO;
    written += static_cast<size_t>(count);
  }
  return 0;
}

Result readAt(napi_env, int fd, Bytes buffer, uint64_t offset) {
  return retry([&] { return ::pread(fd, buffer.data, buffer.size, static_cast<off_t>(offset)); });
}

Result truncateFd(napi_env, int fd, uint64_t size) {
  return retry([&] { return ::ftruncate(fd, static_cast<off_t>(size)); });
}

napi_value listAt(napi_env env, int dirfd, Octets name) {
  Result fd = openBelow(dirfd, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return toJs(env, fd);
  AnswerList names(env);
  Result failed = eachEntry(static_cast<int>(fd), [&](const char *entry) {
    napi_value made = nullptr;
    napi_create_string_latin1(env, entry, NAPI_AUTO_LENGTH, &made);
    names.push(made);
    return Result{0};
  });
  return failed < 0 ? toJs(env, failed) : names;
}

const Function functions[] = {
    {"openInRoot", {"rootfd", "path", "flags"}, bind<openInRoot>},
    {"openAt", {"dirfd", "name", "flags", "mode"}, bind<openAt>},
    {"mkdirAt", {"dirfd", "name", "mode"}, bind<makeDirectoryAt>},
    {"mknodAt", {"dirfd", "name", "mode", "major", "minor"}, bind<makeNodeAt>},
    {"linkAt", {"fromDirectory", "from", "toDirectory", "to"}, bind<linkAt>},
    {"symlinkAt", {"target", "dirfd", "name"}, bind<symlinkAt>},
    {"readlinkAt", {"dirfd", "name"}, bind<readlinkAt>},
    {"unlinkAt", {"dirfd", "name"}, bind<unlinkAt>},
    {"modeAt", {"dirfd", "name"}, bind<modeAt>},
    {"chownAt", {"dirfd", "name", "uid", "gid"}, bind<changeOwnerAt>},
    {"chmodAt", {"dirfd", "name", "mode"}, bind<changeModeAt>},
    {"setTimeAt", {"dirfd", "name", "seconds", "nanoseconds"}, bind<setTimeAt>},
    {"setAttributeAt", {"dirfd", "name", "attribute", "value"}, bind<setAttributeAt>},
    {"writeAt", {"fd", "data", "offset"}, bind<writeAt>},
    {"readAt", {"fd", "buffer", "offset"}, bind<readAt>},
    {"truncate", {"fd", "size"}, bind<truncateFd>},
    {"listAt", {"dirfd", "name"}, bind<listAt>},
};

} // namespace

const Functions atFunctions = {functions, std::size(functions)};

} // namespace tsrun
