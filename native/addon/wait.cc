// Waiting: poll, signals as a descriptor, the clock.
#include "args.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <ctime>
#include <poll.h>
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
  List<pollfd> polled;
  polled.resize(fds.size / 2);
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

std::atomic<pid_t> signalThread;

void handOver(int signal) {
  const int before = errno;
  syscall(SYS_tgkill, getpid(), signalThread.load(), signal);
  errno = before;
}

/** Signals by which an engine tells its own faults, or stops its own threads: their handlers are not touched. */
bool belongsToEngine(int signal) {
  for (int own : {SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGPWR})
    if (signal == own) return true;
  return false;
}

/**
 * Threads that the engine started before do not block the signals (all of Node's; none in the executable, whose launcher
 * blocks everything first): what reaches one of them is handed over. That includes those which Node ignores (SIGPIPE) or
 * ends at (SIGINT, SIGTERM).
 */
void redirectFromOtherThreads(int signal) {
  struct sigaction action = {};
  if (sigaction(signal, nullptr, &action) < 0) return;
  if (belongsToEngine(signal) && action.sa_handler != SIG_DFL) return;
  action.sa_handler = handOver;
  action.sa_flags = SA_RESTART | SA_ONSTACK;
  sigaction(signal, &action, nullptr); // fails for SIGKILL and SIGSTOP, which nobody can take
}

Result makeSignalfd(napi_env, const List<int> &signals) {
  uint64_t set = 0; // the kernel's own form: glibc's would hide signals 32 and 33
  for (int signal : signals) {
    if (signal < 1 || signal > 64) return -EINVAL;
    set |= 1ULL << (signal - 1);
  }
  Fd fd(result(syscall(SYS_signalfd4, -1, &set, sizeof set, SFD_NONBLOCK | SFD_CLOEXEC)));
  if (fd.get() < 0) return fd.get();
  if (Result failed = result(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, sizeof set)); failed < 0) return failed;
  signalThread = static_cast<pid_t>(syscall(SYS_gettid));
  for (int signal : signals) redirectFromOtherThreads(signal);
  return fd.move();
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
