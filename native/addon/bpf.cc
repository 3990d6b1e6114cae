// eBPF programs that decide on device access in a cgroup.
#include "args.h"
#include <algorithm>
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

/** By which a program is known again as ours. */
constexpr char programName[] = "tsrun_device";

Result loadDevice(napi_env, Bytes instructions) {
  if (instructions.size % sizeof(bpf_insn) != 0) return -EINVAL;
  bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insn_cnt = static_cast<uint32_t>(instructions.size / sizeof(bpf_insn));
  attributes.insns = reinterpret_cast<uintptr_t>(instructions.data);
  attributes.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  std::copy(std::begin(programName), std::end(programName), attributes.prog_name);
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

bool isOurs(int programFd) {
  bpf_prog_info info = {};
  bpf_attr attributes = {};
  attributes.info.bpf_fd = static_cast<uint32_t>(programFd);
  attributes.info.info_len = sizeof info;
  attributes.info.info = reinterpret_cast<uintptr_t>(&info);
  return bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) >= 0 && strcmp(info.name, programName) == 0;
}

Result attachedDevice(napi_env, int cgroupFd) {
  uint32_t ids[64];
  bpf_attr query = {};
  query.query.target_fd = static_cast<uint32_t>(cgroupFd);
  query.query.attach_type = BPF_CGROUP_DEVICE;
  query.query.prog_ids = reinterpret_cast<uintptr_t>(ids);
  query.query.prog_cnt = std::size(ids);
  if (Result failed = bpf(BPF_PROG_QUERY, query); failed < 0) return failed;
  for (uint32_t i = 0; i < query.query.prog_cnt; i++) {
    bpf_attr attributes = {};
    attributes.prog_id = ids[i];
    Fd program(bpf(BPF_PROG_GET_FD_BY_ID, attributes));
    if (program.get() >= 0 && isOurs(program.get())) return program.move();
  }
  return -ENOENT;
}

const Function functions[] = {
    {"bpfLoadDevice", {"instructions"}, bind<loadDevice>},
    {"bpfAttachDevice", {"programFd", "cgroupFd", "flags", "replaceFd"}, bind<attachDevice>},
    {"bpfAttachedDevice", {"cgroupFd"}, bind<attachedDevice>},
    {"bpfDetachDevice", {"programFd", "cgroupFd"}, bind<detachDevice>},
};

} // namespace

const Functions bpfFunctions = {functions, std::size(functions)};

} // namespace tsrun
