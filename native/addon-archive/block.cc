// Header blocks of tar: what takes a look at each of their bytes, which an interpreter is slow at.
#include "octets.h"

namespace tsrun {
namespace {

constexpr size_t blockSize = 512;
constexpr size_t checksumAt = 148, checksumEnd = 156;

/** -1 where something else than octal digits is there, perhaps between blanks and NULs. */
long octal(const uint8_t *at, const uint8_t *end) {
  long value = 0;
  while (at < end && (*at == ' ' || *at == 0)) at++;
  for (; at < end && *at >= '0' && *at <= '7'; at++) value = value * 8 + (*at - '0');
  for (; at < end; at++)
    if (*at != ' ' && *at != 0) return -1;
  return value;
}

/** 0 for nothing but zeros; 1 where the checksum is that of the bytes, its own counted as blanks; -EBADMSG where it is not. */
Result checkHeader(napi_env, Bytes block) {
  if (block.size != blockSize) return -EINVAL;
  // Some tools add signed bytes.
  long sum = 0, signedSum = 0;
  bool zeros = true;
  for (size_t i = 0; i < blockSize; i++) {
    const uint8_t byte = block.data[i];
    zeros = zeros && byte == 0;
    const uint8_t counted = i >= checksumAt && i < checksumEnd ? ' ' : byte;
    sum += counted;
    signedSum += static_cast<int8_t>(counted);
  }
  if (zeros) return 0;
  const long told = octal(block.data + checksumAt, block.data + checksumEnd);
  return told == sum || told == signedSum ? 1 : -EBADMSG;
}

const Function functions[] = {
    {"checkHeader", {"block"}, bind<checkHeader>},
};

} // namespace

const Functions blockFunctions = {functions, std::size(functions)};

} // namespace tsrun
