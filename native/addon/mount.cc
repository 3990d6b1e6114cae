// Mounts and namespaces, on the host's side. (linux/mount.h and glibc's sys/mount.h cannot be included together.)
#include "args.h"
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace tsrun {
namespace {

Result openTree(napi_env, int dirfd, const char *path, uint32_t flags) {
  return result(syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC));
}

Result mountSetattr(napi_env, int fd, bool recursive, uint32_t set, uint32_t clear, uint32_t propagation, int userNsFd) {
  mount_attr attributes = {set, clear, propagation, userNsFd >= 0 ? static_cast<uint64_t>(userNsFd) : 0};
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return result(syscall(SYS_mount_setattr, fd, "", flags, &attributes, sizeof attributes));
}

Result attach(napi_env, int tree, const char *path) {
  return result(syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
}

// From sys/mount.h: MNT_DETACH and UMOUNT_NOFOLLOW.
constexpr int detachNoFollow = 2 | 8;

Result detach(napi_env, const char *path) { return result(syscall(SYS_umount2, path, detachNoFollow)); }

Result ioctlPlain(napi_env, int fd, uint32_t request) { return result(::ioctl(fd, request, 0)); }

const Function functions[] = {
    {"openTree", {"dirfd", "path", "flags"}, bind<openTree>},
    {"mountSetattr", {"fd", "recursive", "set", "clear", "propagation", "userNsFd"}, bind<mountSetattr>},
    {"attach", {"tree", "path"}, bind<attach>},
    {"detach", {"path"}, bind<detach>},
    {"ioctl", {"fd", "request"}, bind<ioctlPlain>},
};

} // namespace

const Functions mountFunctions = {functions, std::size(functions)};

} // namespace tsrun
