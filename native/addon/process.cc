// Processes: their identity, signals, ends and limits. Starting one is in spawn.cc.
#include "args.h"
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace tsrun {
namespace {

Result processId(napi_env) { return ::getpid(); }
Result parentId(napi_env) { return ::getppid(); }
Result effectiveUser(napi_env) { return ::geteuid(); }
Result effectiveGroup(napi_env) { return ::getegid(); }
Result setUmask(napi_env, uint32_t mode) { return ::umask(mode); }

Result pidfdOpen(napi_env, int pid) { return result(syscall(SYS_pidfd_open, pid, 0)); } // close-on-exec by itself
Result pidfdSendSignal(napi_env, int pidfd, int signal) {
  return result(syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}
Result setAffinity(napi_env, const List<int> &cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = 0; i < cpus.size(); i++) {
    if (cpus.data()[i] < 0 || cpus.data()[i] >= CPU_SETSIZE) return -EINVAL;
    CPU_SET(cpus.data()[i], &set);
  }
  return result(sched_setaffinity(0, sizeof set, &set));
}

Result pidfdGetfd(napi_env, int pidfd, int fd) { return result(syscall(SYS_pidfd_getfd, pidfd, fd, 0)); } // close-on-exec by itself
Result killProcess(napi_env, int pid, int signal) { return result(::kill(pid, signal)); }

napi_value waitChild(napi_env env, int pid, bool block) {
  siginfo_t info = {};
  if (pid < -1 || pid == 0) return toJs(env, Result{-EINVAL});
  // __WALL: also children that report with another signal than SIGCHLD.
  const int options = WEXITED | __WALL | (block ? 0 : WNOHANG);
  Result failed = retry([&] { return ::waitid(pid < 0 ? P_ALL : P_PID, static_cast<id_t>(pid), &info, options); });
  if (failed < 0) return toJs(env, failed);
  if (info.si_pid == 0) {
    napi_value nothing = nullptr;
    napi_get_null(env, &nothing);
    return nothing;
  }
  const bool exited = info.si_code == CLD_EXITED;
  Answer status(env);
  status.set("pid", info.si_pid);
  status.set("code", exited ? info.si_status : -1);
  status.set("signal", exited ? 0 : info.si_status);
  return status;
}

Result setSubreaper(napi_env, bool on) { return result(prctl(PR_SET_CHILD_SUBREAPER, on ? 1L : 0L, 0L, 0L, 0L)); }

double softNofile(napi_env) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

Result raiseHardLimit(napi_env, int pid, int resource, Bits64 hard) {
  uint64_t limit[2]; // soft, hard
  if (Result failed = result(syscall(SYS_prlimit64, pid, resource, nullptr, limit)); failed < 0) return failed;
  if (hard.bits <= limit[1]) return 0;
  limit[1] = hard.bits;
  return result(syscall(SYS_prlimit64, pid, resource, limit, nullptr));
}

Result exitNow(napi_env, int code) { _exit(code); }

// For good: what is open stays so only where it is told, and no signal that comes meanwhile is lost.
Result becomeProgram(napi_env, const char *path, const List<char *> &argv, const List<char *> &environment, const List<int> &fds) {
  const uint64_t all = ~0ULL;
  if (argv.size() < 2) return -EINVAL;
  if (Result failed = result(syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC)); failed < 0) return failed;
  for (int fd = 0; fd < 3; fd++) fcntl(fd, F_SETFD, 0); // Node closes even those
  for (int fd : fds)
    if (Result failed = result(fcntl(fd, F_SETFD, 0)); failed < 0) return failed;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all); // the kernel's own form: glibc spares 32 and 33
  return result(execve(path, argv.data(), environment.data()));
}

const Function functions[] = {
    {"getpid", {}, bind<processId>},
    {"getppid", {}, bind<parentId>},
    {"geteuid", {}, bind<effectiveUser>},
    {"getegid", {}, bind<effectiveGroup>},
    {"umask", {"mode"}, bind<setUmask>},
    {"pidfdOpen", {"pid"}, bind<pidfdOpen>},
    {"pidfdSendSignal", {"pidfd", "signal"}, bind<pidfdSendSignal>},
    {"setAffinity", {"cpus"}, bind<setAffinity>},
    {"pidfdGetfd", {"pidfd", "fd"}, bind<pidfdGetfd>},
    {"kill", {"pid", "signal"}, bind<killProcess>},
    {"wait", {"pid", "block"}, bind<waitChild>},
    {"setSubreaper", {"on"}, bind<setSubreaper>},
    {"softNofile", {}, bind<softNofile>},
    {"raiseHardLimit", {"pid", "resource", "hard"}, bind<raiseHardLimit>},
    {"become", {"path", "argv", "env", "fds"}, bind<becomeProgram>},
    {"exit", {"code"}, bind<exitNow>},
};

} // namespace

const Functions processFunctions = {functions, std::size(functions)};

} // namespace tsrun
