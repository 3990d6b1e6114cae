// What makes bundles of archives and images, apart from the addon of every command: bundles/native.ts is how TypeScript
// sees it.
#include "octets.h"

using namespace tsrun;

extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  for (const Functions &table : {atFunctions, removeFunctions, blockFunctions, decompressFunctions}) {
    for (size_t i = 0; i < table.count; i++) {
      const Function &function = table.begin[i];
      const napi_property_descriptor property = {function.name, nullptr, function.callback, nullptr, nullptr, nullptr,
                                                 napi_enumerable, const_cast<Function *>(&function)};
      napi_define_properties(env, exports, 1, &property);
    }
  }
  return exports;
}

extern "C" NAPI_MODULE_EXPORT int32_t node_api_module_get_api_version_v1() { return NAPI_VERSION; }
