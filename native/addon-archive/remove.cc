// Removes trees of any depth: with two descriptors, and no recursion, for it is an archive that says how deep they are.
#include "directory.h"
#include "octets.h"
#include <sys/stat.h>

namespace tsrun {
namespace {

/** Removes a file or an empty directory; -ENOTEMPTY where there is something in it. */
Result removeOne(int dirfd, const char *name) {
  if (::unlinkat(dirfd, name, 0) == 0) return 0;
  if (errno != EISDIR && errno != EPERM) return -errno;
  if (::unlinkat(dirfd, name, AT_REMOVEDIR) == 0) return 0;
  return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/** Never what is mounted there. */
Result openForRemoval(int dirfd, const char *name) {
  auto open = [&] {
    return openBelow(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS);
  };
  Result fd = open();
  if (fd == -EACCES && ::fchmodat(dirfd, name, 0700, 0) == 0) fd = open();
  // An owner without write permission (and without root's privileges) has to give it to himself first.
  if (fd >= 0) fchmod(static_cast<int>(fd), 0700);
  return fd;
}

/** A directory on the way down. */
struct Level {
  dev_t device;
  ino_t inode;
  /** Where the names of the directories in it begin that are left to be emptied. */
  size_t names;
};

class Removal {
public:
  /** Empties the directory `top`, which is closed. */
  Result empty(int top) {
    current_.reset(top);
    Result failed = enter();
    while (failed >= 0 && levels_.size() > 0) {
      if (starts_.size() > levels_[levels_.size() - 1].names)
        failed = descend();
      else if (levels_.size() == 1)
        break;
      else
        failed = ascend();
    }
    return failed;
  }

private:
  const char *last() { return names_.data() + starts_[starts_.size() - 1]; }

  /** Removes what can be removed at once, and remembers the rest. */
  Result enter() {
    struct stat status;
    if (fstat(current_.get(), &status) < 0) return -errno;
    levels_.push({status.st_dev, status.st_ino, starts_.size()});
    const int fd = fcntl(current_.get(), F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    return eachEntry(fd, [&](const char *name) {
      Result removed = removeOne(current_.get(), name);
      if (removed != -ENOTEMPTY) return removed;
      starts_.push(names_.size());
      names_.append(name, strlen(name) + 1);
      return Result{0};
    });
  }

  Result descend() {
    Result fd = openForRemoval(current_.get(), last());
    if (fd < 0) return fd;
    current_.reset(static_cast<int>(fd));
    return enter();
  }

  /** To the directory above, which must still be the one that it was. */
  Result ascend() {
    Result fd = retry([&] { return ::openat(current_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) return fd;
    current_.reset(static_cast<int>(fd));
    levels_.resize(levels_.size() - 1);
    const Level &above = levels_[levels_.size() - 1];
    struct stat status;
    if (fstat(current_.get(), &status) < 0) return -errno;
    if (status.st_dev != above.device || status.st_ino != above.inode) return -EAGAIN;
    Result removed = result(::unlinkat(current_.get(), last(), AT_REMOVEDIR));
    names_.resize(starts_[starts_.size() - 1]);
    starts_.resize(starts_.size() - 1);
    return removed;
  }

  Fd current_{-1};
  List<Level> levels_;
  List<char> names_;
  /** Of each name in `names_`, where it begins. */
  List<size_t> starts_;
};

Result removeTree(napi_env, int dirfd, Octets name) {
  Result removed = removeOne(dirfd, name.text);
  if (removed != -ENOTEMPTY) return removed;
  Result fd = openForRemoval(dirfd, name.text);
  if (fd < 0) return fd;
  Removal removal;
  Result failed = removal.empty(static_cast<int>(fd));
  return failed < 0 ? failed : result(::unlinkat(dirfd, name.text, AT_REMOVEDIR));
}

const Function functions[] = {
    {"removeTree", {"dirfd", "name"}, bind<removeTree>},
};

} // namespace

const Functions removeFunctions = {functions, std::size(functions)};

} // namespace tsrun
