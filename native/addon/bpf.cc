// eBPF programs that decide on device access in a cgroup.
#include "args.h"
#include <linux/bpf.h>
#include <sys/syscall.h>

namespace tsrun {
namespace {

Result bpf(bpf_cmd command, bpf_attr &attributes) {
  Result answer;
  int attempts = 5;
  do { // the verifier gives up with EAGAIN when a signal is pending
    answer = result(syscall(SYS_bpf, command, &attributes, sizeof attributes));
  } while (answer == -EAGAIN && --attempts > 0);
  return answer;
}

Result loadDevice(napi_env, Bytes instructions) {
  if (instructions.size % sizeof(bpf_insn) != 0) return -EINVAL;
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insn_cnt = static_cast<uint32_t>(instructions.size / sizeof(bpf_insn));
  attributes.insns = reinterpret_cast<uintptr_t>(instructions.data);
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  return bpf(BPF_PROG_LOAD, attributes); // BPF descriptors are close-on-exec
}

Result attachDevice(napi_env, int programFd, int cgroupFd, uint32_t flags, int replaceFd) {
  bpf_attr attributes = {};
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.target_fd = static_cast<uint32_t>(cgroupFd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(programFd);
  attributes.attach_flags = flags;
  if (flags & BPF_F_REPLACE) attributes.replace_bpf_fd = static_cast<uint32_t>(replaceFd);
  return bpf(BPF_PROG_ATTACH, attributes);
}

Result detachDevice(napi_env, int programFd, int cgroupFd) {
  bpf_attr attributes = {};
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.target_fd = static_cast<uint32_t>(cgroupFd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(programFd);
  return bpf(BPF_PROG_DETACH, attributes);
}

const Function functions[] = {
    {"bpfLoadDevice", {"instructions"}, bind<loadDevice>},
    {"bpfAttachDevice", {"programFd", "cgroupFd", "flags", "replaceFd"}, bind<attachDevice>},
    {"bpfDetachDevice", {"programFd", "cgroupFd"}, bind<detachDevice>},
};

} // namespace

const Functions bpfFunctions = {functions, std::size(functions)};

} // namespace tsrun
