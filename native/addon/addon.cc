// Registers the functions of all files: the whole of runtime/native.ts.
#include "args.h"

using namespace tsrun;

// One call with a table on the stack: each separate export would cost the start of every command.
extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_property_descriptor properties[100];
  size_t count = 0;
  for (const Functions &table : {fileFunctions, mountFunctions, processFunctions, spawnFunctions, waitFunctions, socketFunctions,
                                 terminalFunctions, bpfFunctions, hashFunctions}) {
    for (size_t i = 0; i < table.count; i++) {
      if (count == sizeof properties / sizeof *properties) abort();
      const Function &function = table.begin[i];
      properties[count++] = {function.name, nullptr, function.callback, nullptr, nullptr, nullptr, napi_enumerable,
                             const_cast<Function *>(&function)};
    }
  }
  napi_define_properties(env, exports, count, properties);
  return exports;
}

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return NAPI_VERSION; }
