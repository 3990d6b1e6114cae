// What every file of the addon needs to make system calls: results as negative errnos, and owned descriptors.
#pragma once

#include <cerrno>
#include <cstdint>
#include <unistd.h>
#include <utility>

namespace tsrun {

/** Zero or more on success, a negative errno on failure: `Result` of runtime/native.ts. */
using Result = long;

inline Result result(long returned) { return returned < 0 ? -errno : returned; }

/** Repeats a system call for as long as a signal interrupts it. */
template <typename Call> Result retry(Call call) {
  long returned;
  do {
    returned = call();
  } while (returned < 0 && errno == EINTR);
  return result(returned);
}

/** A descriptor that is closed at the end of its scope, unless it is moved out. */
class Fd {
public:
  explicit Fd(long fd) : fd_(static_cast<int>(fd)) {}
  Fd(const Fd &) = delete;
  Fd &operator=(const Fd &) = delete;
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }
  int move() { return std::exchange(fd_, -1); }

private:
  int fd_;
};

/** Writes all of `data`; -errno if that fails before the end. `*written` counts the bytes that went out. */
Result writeAll(int fd, const void *data, size_t size, size_t *written);

} // namespace tsrun
