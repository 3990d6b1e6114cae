// Waiting: poll, signals as a descriptor, the clock.
#include "args.h"
#include <poll.h>
#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

namespace tsrun {
namespace {

double monotonicMs(napi_env) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

Result pollFds(napi_env env, Words fds, int timeoutMs) {
  if (fds.size % 2 != 0) return -EINVAL;
  std::vector<pollfd> polled(fds.size / 2);
  for (size_t i = 0; i < polled.size(); i++)
    polled[i] = {fds.data[2 * i], static_cast<short>(fds.data[2 * i + 1]), 0};
  const double end = timeoutMs < 0 ? 0 : monotonicMs(env) + timeoutMs;
  Result ready;
  for (int left = timeoutMs;;) {
    ready = result(::poll(polled.data(), polled.size(), left));
    if (ready != -EINTR) break;
    if (timeoutMs > 0) left = std::max(0, static_cast<int>(std::ceil(end - monotonicMs(env))));
  }
  for (size_t i = 0; i < polled.size() && ready >= 0; i++) fds.data[2 * i + 1] = polled[i].revents;
  return ready;
}

Result makeSignalfd(napi_env, const std::vector<int> &signals) {
  uint64_t set = 0; // the kernel's own form: glibc's would hide signals 32 and 33
  for (int signal : signals) {
    if (signal < 1 || signal > 64) return -EINVAL;
    set |= 1ULL << (signal - 1);
  }
  Fd fd(result(syscall(SYS_signalfd4, -1, &set, sizeof set, SFD_NONBLOCK | SFD_CLOEXEC)));
  if (fd.get() < 0) return fd.get();
  Result failed = result(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, sizeof set));
  return failed < 0 ? failed : fd.move();
}

Result readSignal(napi_env, int fd) {
  signalfd_siginfo info;
  Result count = retry([&] { return ::read(fd, &info, sizeof info); });
  if (count < 0) return count;
  return count == sizeof info ? static_cast<Result>(info.ssi_signo) : -EINVAL;
}

const Function functions[] = {
    {"poll", {"fds", "timeoutMs"}, bind<pollFds>},
    {"signalfd", {"signals"}, bind<makeSignalfd>},
    {"readSignal", {"fd"}, bind<readSignal>},
    {"monotonicMs", {}, bind<monotonicMs>},
};

} // namespace

const Functions waitFunctions = {functions, std::size(functions)};

} // namespace tsrun
