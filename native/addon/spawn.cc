// spawn: a new process from inside an engine that has threads, handlers and a large memory.
//
// clone3 with CLONE_VM|CLONE_VFORK copies no page table (an engine has hundreds of MiB mapped): the child borrows our memory until
// execve, while the calling thread waits. So everything is prepared before, the child makes raw system calls only, and
// it tells a failure by writing to our memory.
#include "args.h"
#include "clone.h"
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace tsrun {
namespace {

/** SpawnOptions of runtime/native.ts. */
struct SpawnOptions {
  int exeFd;
  const char *path;
  char *const *argv;
  char *const *env;
  const char *cwd;
  const List<int> *fds;
  uint32_t cloneFlags;
  int cgroupFd;
  bool newSession;
  uint32_t parentDeathSignal;
  bool hasSoftNofile;
  uint64_t softNofile;
  uint64_t ignoredSignals;
  uint64_t blockedSignals;
};

} // namespace

template <> struct Reader<SpawnOptions> {
  Reader<int> exeFd, cgroupFd;
  Reader<const char *> path, cwd;
  Reader<List<char *>> argv, environment;
  Reader<List<int>> fds;
  Reader<uint32_t> cloneFlags, parentDeathSignal;
  Reader<bool> newSession;
  Reader<uint64_t> softNofile;
  Reader<Bits64> ignored, blocked;
  bool hasPath = false, hasExe = false, hasCwd = false, hasCgroup = false, hasNofile = false;

  bool read(napi_env env, napi_value value, const Where &where) {
    auto member = [&](const char *name, bool required, auto &reader, bool *present = nullptr) {
      return readMember(env, value, where, name, required, reader, present);
    };
    auto wrong = [&](const char *name, const char *expected) {
      return Where{where.function, where.argument, name}.refuse(env, expected);
    };
    constexpr uint32_t namespaces =
        CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
    if (!isObject(env, value, where) || !member("exeFd", false, exeFd, &hasExe) || !member("path", false, path, &hasPath) ||
        !member("argv", true, argv) || !member("env", true, environment) || !member("cwd", false, cwd, &hasCwd) ||
        !member("fds", true, fds) || !member("cloneFlags", false, cloneFlags) ||
        !member("cgroupFd", false, cgroupFd, &hasCgroup) || !member("newSession", false, newSession) ||
        !member("parentDeathSignal", false, parentDeathSignal) || !member("softNofile", false, softNofile, &hasNofile) ||
        !member("ignoredSignals", false, ignored) || !member("blockedSignals", false, blocked))
      return false;
    if (!hasPath && !hasExe) return wrong("path", "given, or exeFd");
    if (hasExe && exeFd.value() < 0) return wrong("exeFd", "zero or more");
    if (hasCgroup && cgroupFd.value() < 0) return wrong("cgroupFd", "zero or more");
    if (argv.value().size() < 2) return wrong("argv", "at least one string");
    if (cloneFlags.value() & ~namespaces) return wrong("cloneFlags", "CLONE_NEW* flags without CLONE_NEWUSER and CLONE_NEWTIME");
    if (parentDeathSignal.value() > 64) return wrong("parentDeathSignal", "a signal number");
    return true;
  }
  SpawnOptions value() {
    return {exeFd.value(),
            hasPath ? path.value() : nullptr,
            argv.value().data(),
            environment.value().data(),
            hasCwd ? cwd.value() : nullptr,
            &fds.value(),
            cloneFlags.value(),
            hasCgroup ? cgroupFd.value() : -1,
            newSession.value(),
            parentDeathSignal.value(),
            hasNofile,
            softNofile.value(),
            ignored.value().bits,
            blocked.value().bits};
  }
};

namespace {

/** What the child works with, all of it in the parent's memory. */
struct Child {
  SpawnOptions options;
  int *fds;
  int fdCount;
  int exeFd;
  pid_t parent;
  int parentPidfd; // -1 where getppid tells enough
  rlimit nofile;
  long error; // out: the negative errno of the step that failed
};

/** The kernel's struct sigaction, the same on x86-64 and arm64. */
struct KernelSigaction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

long setSignals(const SpawnOptions &options) {
  // CLONE_CLEAR_SIGHAND has removed the handlers, but what the engine ignores (SIGPIPE, SIGXFSZ) is still ignored.
  for (int signal = 1; signal <= 64; signal++) {
    if (signal == SIGKILL || signal == SIGSTOP) continue;
    KernelSigaction action = {};
    action.handler = options.ignoredSignals >> (signal - 1) & 1 ? SIG_IGN : SIG_DFL;
    if (long failed = rawSyscall(SYS_rt_sigaction, signal, &action, nullptr, sizeof action.mask); failed < 0) return failed;
  }
  return 0;
}

bool parentIsGone(const Child &child) {
  if (child.parentPidfd < 0) return rawSyscall(SYS_getppid) != child.parent;
  pollfd parent = {child.parentPidfd, POLLIN, 0};
  timespec now = {};
  return rawSyscall(SYS_ppoll, &parent, 1, &now, nullptr, sizeof(uint64_t)) > 0;
}

/** Makes descriptor i a duplicate of fds[i], and leaves nothing else to the program that is run. */
long arrangeFds(Child &child) {
  // Out of the way first, so that no target number is a source still needed.
  for (int i = 0; i <= child.fdCount; i++) {
    int &fd = i < child.fdCount ? child.fds[i] : child.exeFd;
    if (fd >= child.fdCount || (i == child.fdCount && fd < 0)) continue;
    long moved = rawSyscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, child.fdCount);
    if (moved < 0) return moved;
    fd = static_cast<int>(moved);
  }
  for (int i = 0; i < child.fdCount; i++)
    if (long failed = rawSyscall(SYS_dup3, child.fds[i], i, 0); failed < 0) return failed;
  return rawSyscall(SYS_close_range, child.fdCount, ~0U, CLOSE_RANGE_CLOEXEC); // closed by execve, which needs exeFd itself
}

/** Everything between clone3 and execve; returns only on failure. */
long becomeProgram(Child &child) {
  const SpawnOptions &options = child.options;
  long failed;
  if (options.parentDeathSignal != 0) {
    if ((failed = rawSyscall(SYS_prctl, PR_SET_PDEATHSIG, options.parentDeathSignal)) < 0) return failed;
    if (parentIsGone(child)) return -ESRCH;
  }
  if ((failed = setSignals(options)) < 0) return failed;
  if (options.newSession && (failed = rawSyscall(SYS_setsid)) < 0) return failed;
  if (options.cwd && (failed = rawSyscall(SYS_chdir, options.cwd)) < 0) return failed;
  if ((failed = arrangeFds(child)) < 0) return failed;
  if (options.hasSoftNofile && (failed = rawSyscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &child.nofile, nullptr)) < 0)
    return failed;
  if ((failed = rawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, &options.blockedSignals, nullptr, sizeof(uint64_t))) < 0)
    return failed;
  if (options.path) return rawSyscall(SYS_execve, options.path, options.argv, options.env);
  return rawSyscall(SYS_execveat, child.exeFd, "", options.argv, options.env, AT_EMPTY_PATH);
}

int runChild(void *argument) {
  Child &child = *static_cast<Child *>(argument);
  child.error = becomeProgram(child);
  return 127;
}

Result spawn(napi_env, SpawnOptions options) {
  constexpr size_t stackSize = 32 << 10, guard = 4 << 10;
  List<int> fds; // a copy, to be rearranged
  fds.append(options.fds->data(), options.fds->size());
  Child child = {options, fds.data(), static_cast<int>(fds.size()), options.path ? -1 : options.exeFd, getpid(), -1, {}, 0};
  for (int fd : fds)
    if (fd < 0) return -EBADF;
  if (Result failed = result(getrlimit(RLIMIT_NOFILE, &child.nofile)); failed < 0) return failed;
  child.nofile.rlim_cur = options.softNofile;

  // In a new PID namespace getppid is 0, whether the parent lives or not.
  Fd self(-1);
  if (options.parentDeathSignal != 0 && options.cloneFlags & CLONE_NEWPID) {
    Result opened = result(syscall(SYS_pidfd_open, child.parent, 0));
    if (opened < 0) return opened;
    self.reset(static_cast<int>(opened));
    child.parentPidfd = self.get();
  }

  void *stack = mmap(nullptr, stackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  mprotect(stack, guard, PROT_NONE);

  clone_args args = {};
  args.flags = CLONE_VM | CLONE_VFORK | CLONE_CLEAR_SIGHAND | options.cloneFlags;
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<uintptr_t>(stack);
  args.stack_size = stackSize;
  if (options.cgroupFd >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(options.cgroupFd);
  }

  // No signal reaches the child before it has made its own mask and dispositions; glibc's calls would spare 32 and 33.
  const uint64_t all = ~0ULL;
  uint64_t before;
  rawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  long pid = cloneOntoStack(&args, runChild, &child);
  rawSyscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, sizeof before);
  munmap(stack, stackSize);

  if (pid > 0 && child.error < 0) {
    retry([&] { return waitid(P_PID, static_cast<id_t>(pid), nullptr, WEXITED | __WALL); });
    return child.error;
  }
  return pid;
}

const Function functions[] = {{"spawn", {"options"}, bind<spawn>}};

} // namespace

const Functions spawnFunctions = {functions, std::size(functions)};

} // namespace tsrun
