// A sum that finds entries of a cache and tells damaged ones: FNV-1a by words of 64 bits, the last one filled with zeros, and the
// length. It keeps nobody out.
#include "args.h"

#include <string.h>

namespace tsrun {
namespace {

napi_value hash(napi_env env, Data data) {
  constexpr uint64_t prime = 0x100000001b3;
  uint64_t sum = (0xcbf29ce484222325 ^ data.size) * prime;
  const uint8_t *bytes = static_cast<const uint8_t *>(data.data);
  for (size_t at = 0; at < data.size; at += sizeof(uint64_t)) {
    uint64_t word = 0;
    memcpy(&word, bytes + at, data.size - at < sizeof word ? data.size - at : sizeof word);
    sum = (sum ^ word) * prime;
  }
  // A product keeps nothing of its factor's upper bits in its lower ones.
  sum ^= sum >> 32;
  char text[17];
  snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(sum));
  return toJs(env, text);
}

const Function functions[] = {
    {"hash", {"data"}, bind<hash>},
};

} // namespace

const Functions hashFunctions = {functions, std::size(functions)};

} // namespace tsrun
