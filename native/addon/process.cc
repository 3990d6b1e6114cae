// Processes: their identity, signals, ends and limits. Starting one is in spawn.cc.
#include "args.h"
#include <csignal>
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

const Function functions[] = {
    {"getpid", {}, bind<processId>},
    {"getppid", {}, bind<parentId>},
    {"geteuid", {}, bind<effectiveUser>},
    {"getegid", {}, bind<effectiveGroup>},
    {"umask", {"mode"}, bind<setUmask>},
    {"pidfdOpen", {"pid"}, bind<pidfdOpen>},
    {"pidfdSendSignal", {"pidfd", "signal"}, bind<pidfdSendSignal>},
    {"kill", {"pid", "signal"}, bind<killProcess>},
    {"wait", {"pid", "block"}, bind<waitChild>},
    {"setSubreaper", {"on"}, bind<setSubreaper>},
    {"softNofile", {}, bind<softNofile>},
    {"raiseHardLimit", {"pid", "resource", "hard"}, bind<raiseHardLimit>},
    {"exit", {"code"}, bind<exitNow>},
};

} // namespace

const Functions processFunctions = {functions, std::size(functions)};

} // namespace tsrun
