// Names as an archive has them: bytes in no particular encoding. In JavaScript each is a string with one character for each
// byte (Latin-1), which costs no decoding and loses nothing.
#pragma once

#include "../addon/args.h"

namespace tsrun {

/** A name or path of bytes, without NUL. */
struct Octets {
  const char *text;
};

template <> struct Reader<Octets> {
  char small[256];
  List<char> large;
  bool read(napi_env env, napi_value value, const Where &where) {
    size_t length = 0;
    if (napi_get_value_string_latin1(env, value, nullptr, 0, &length) != napi_ok) return where.refuse(env, "a string");
    char *at = small;
    if (length >= sizeof small) {
      large.resize(length + 1);
      at = large.data();
    }
    napi_get_value_string_latin1(env, value, at, length + 1, &length);
    if (memchr(at, 0, length)) return where.refuse(env, "free of NUL characters");
    return true;
  }
  Octets value() { return {large.size() > 0 ? large.data() : small}; }
};

/** A whole number that may be negative, such as a time before 1970. */
struct Signed {
  int64_t value;
};
template <> struct Reader<Signed> : IntegerReader<int64_t, -(1LL << 53), (1LL << 53) - 1> {
  Signed value() { return {number}; }
};

extern const Functions atFunctions, blockFunctions, decompressFunctions, removeFunctions;

} // namespace tsrun
