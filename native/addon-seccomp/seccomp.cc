// libseccomp, for the engine: each function is one of libseccomp's. A library of its own, so that only what compiles a filter loads
// it; runtime/seccomp/library.ts is how TypeScript sees it.
#include "../addon/args.h"
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

namespace tsrun {

/** A filter that is being made: what seccomp_init(3) returned, owned by JavaScript. */
struct Filter {
  scmp_filter_ctx context;
};

template <> struct Reader<Filter *> {
  Filter *filter = nullptr;
  bool read(napi_env env, napi_value value, const Where &where) {
    napi_valuetype type;
    void *data = nullptr;
    bool ok = napi_typeof(env, value, &type) == napi_ok && type == napi_external &&
              napi_get_value_external(env, value, &data) == napi_ok;
    filter = static_cast<Filter *>(data);
    return ok || where.refuse(env, "a filter");
  }
  Filter *value() { return filter; }
};

namespace {

napi_value libraryVersion(napi_env env) {
  char text[64];
  const scmp_version *version = seccomp_version();
  snprintf(text, sizeof text, "%u.%u.%u", version->major, version->minor, version->micro);
  return toJs(env, text);
}

napi_value libraryPath(napi_env env) {
  Dl_info info = {};
  return toJs(env, dladdr(reinterpret_cast<void *>(seccomp_version), &info) && info.dli_fname ? info.dli_fname : "");
}

void release(napi_env, void *data, void *) {
  Filter *filter = static_cast<Filter *>(data);
  seccomp_release(filter->context);
  free(filter);
}

napi_value makeFilter(napi_env env, uint32_t action) {
  Filter *filter = static_cast<Filter *>(malloc(sizeof *filter));
  if (!filter) return toJs(env, Result{-ENOMEM});
  filter->context = seccomp_init(action);
  if (!filter->context) {
    free(filter);
    return toJs(env, Result{-EINVAL});
  }
  napi_value made = nullptr;
  napi_create_external(env, filter, release, nullptr, &made);
  return made;
}

Result optimize(napi_env, Filter *filter, uint32_t level) {
  return seccomp_attr_set(filter->context, SCMP_FLTATR_CTL_OPTIMIZE, level);
}

double nativeArchitecture(napi_env) { return seccomp_arch_native(); }
double resolveArchitecture(napi_env, const char *name) { return seccomp_arch_resolve_name(name); }
Result addArchitecture(napi_env, Filter *filter, uint32_t token) { return seccomp_arch_add(filter->context, token); }

double resolveSystemCall(napi_env, uint32_t token, const char *name) {
  return seccomp_syscall_resolve_name_arch(token, name);
}

napi_value systemCallName(napi_env env, uint32_t token, int number) {
  napi_value answer = nullptr;
  char *name = seccomp_syscall_resolve_num_arch(token, number);
  if (name) answer = toJs(env, name);
  else napi_get_null(env, &answer);
  free(name);
  return answer;
}

constexpr size_t maxArguments = 6;

/** A condition as TypeScript packs it. */
struct Condition {
  uint32_t argument, operation;
  uint64_t value, second;
};

Result addRule(napi_env, Filter *filter, uint32_t action, int number, Bytes packed) {
  scmp_arg_cmp conditions[maxArguments] = {};
  const size_t count = packed.size / sizeof(Condition);
  if (packed.size % sizeof(Condition) != 0 || count > maxArguments) return -EINVAL;
  for (size_t i = 0; i < count; i++) {
    Condition condition;
    memcpy(&condition, packed.data + i * sizeof condition, sizeof condition);
    conditions[i] = {condition.argument, static_cast<scmp_compare>(condition.operation), condition.value, condition.second};
  }
  return seccomp_rule_add_array(filter->context, action, number, static_cast<unsigned>(count), conditions);
}

napi_value exportProgram(napi_env env, Filter *filter) {
  Fd file(memfd_create("seccomp", MFD_CLOEXEC));
  if (file.get() < 0) return toJs(env, Result{-errno});
  if (int failed = seccomp_export_bpf(filter->context, file.get()); failed < 0) return toJs(env, Result{failed});
  const off_t size = lseek(file.get(), 0, SEEK_END);
  void *content = mmap(nullptr, static_cast<size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (content == MAP_FAILED) return toJs(env, Result{-errno});
  napi_value bytes = bytesToJs(env, content, static_cast<size_t>(size));
  munmap(content, static_cast<size_t>(size));
  return bytes;
}

bool supportsFlags(napi_env, uint32_t flags) {
  // Without a program: a kernel that knows the flags finds out next that there is none.
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, nullptr) < 0 && errno == EFAULT;
}

const Function functions[] = {
    {"libraryVersion", {}, bind<libraryVersion>},
    {"libraryPath", {}, bind<libraryPath>},
    {"makeFilter", {"action"}, bind<makeFilter>},
    {"optimize", {"filter", "level"}, bind<optimize>},
    {"nativeArchitecture", {}, bind<nativeArchitecture>},
    {"resolveArchitecture", {"name"}, bind<resolveArchitecture>},
    {"addArchitecture", {"filter", "token"}, bind<addArchitecture>},
    {"resolveSystemCall", {"token", "name"}, bind<resolveSystemCall>},
    {"systemCallName", {"token", "number"}, bind<systemCallName>},
    {"addRule", {"filter", "action", "number", "conditions"}, bind<addRule>},
    {"exportProgram", {"filter"}, bind<exportProgram>},
    {"supportsFlags", {"flags"}, bind<supportsFlags>},
};

} // namespace
} // namespace tsrun

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_property_descriptor properties[std::size(tsrun::functions)];
  for (size_t i = 0; i < std::size(tsrun::functions); i++) {
    const tsrun::Function &function = tsrun::functions[i];
    properties[i] = {function.name, nullptr, function.callback, nullptr, nullptr, nullptr, napi_enumerable,
                     const_cast<tsrun::Function *>(&function)};
  }
  napi_define_properties(env, exports, std::size(properties), properties);
  return exports;
}

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return NAPI_VERSION; }
