// Strict reading of JavaScript arguments.
//
// A native function is written with plain C++ parameters. `bind<function>` makes a Node-API callback of it: it reads each
// argument as the parameter's type asks, and calls the function only when all of them are right. A wrong type or range is
// a TypeError that names function and argument: the system call is never made, and nothing is undefined behaviour.
#pragma once

#include "list.h"
#include "sys.h"
#include <cstdio>
#include <cstring>
#include <iterator>
#include <node_api.h>
#include <tuple>

namespace tsrun {

/** A function as exported: its name, its arguments' names (for errors) and its callback. */
struct Function {
  const char *name;
  const char *arguments[6];
  napi_callback callback;
};

/** A table of functions, one for each concern. */
struct Functions {
  const Function *begin;
  size_t count;
};

/** Which value is being read, for an error message: `function: argument.member[index]`. */
struct Where {
  const Function *function;
  const char *argument;
  const char *member = nullptr;
  int64_t index = -1;

  /** Throws a TypeError and returns false. */
  bool refuse(napi_env env, const char *expected) const {
    char at[32] = "", message[320];
    if (index >= 0) snprintf(at, sizeof at, "[%lld]", static_cast<long long>(index));
    snprintf(message, sizeof message, "%s: %s%s%s%s must be %s", function->name, argument, member ? "." : "",
             member ? member : "", at, expected);
    napi_throw_type_error(env, nullptr, message);
    return false;
  }
};

/** User or group id; -1 leaves it as it is. */
struct Id {
  uint32_t value;
};
/** A Uint8Array. */
struct Bytes {
  uint8_t *data;
  size_t size;
};
/** What can be written: a Uint8Array, or a string as UTF-8. */
struct Data {
  const void *data;
  size_t size;
};
/** An Int32Array. */
struct Words {
  int32_t *data;
  size_t size;
};
/** A number of 64 bits: a bigint. A set of signals is one, bit n-1 for signal n. */
struct Bits64 {
  uint64_t bits;
};

/** Reads one argument. `read` may run JavaScript (getters), `value` never does: pointers into buffers are taken there. */
template <typename T> struct Reader;

/** Numbers: integers between `Low` and `High`. */
template <typename T, int64_t Low, int64_t High> struct IntegerReader {
  T number = 0;
  bool read(napi_env env, napi_value value, const Where &where) {
    double given;
    if (napi_get_value_double(env, value, &given) == napi_ok && given >= static_cast<double>(Low) &&
        given <= static_cast<double>(High) && given == static_cast<double>(static_cast<int64_t>(given))) {
      number = static_cast<T>(static_cast<int64_t>(given));
      return true;
    }
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", static_cast<long long>(Low),
             static_cast<long long>(High));
    return where.refuse(env, expected);
  }
  T value() { return number; }
};
template <> struct Reader<int> : IntegerReader<int, INT32_MIN, INT32_MAX> {};
template <> struct Reader<uint32_t> : IntegerReader<uint32_t, 0, UINT32_MAX> {};
template <> struct Reader<uint64_t> : IntegerReader<uint64_t, 0, (1LL << 53) - 1> {};
template <> struct Reader<uint16_t> : IntegerReader<uint16_t, 0, UINT16_MAX> {};
template <> struct Reader<Id> : IntegerReader<uint32_t, -1, UINT32_MAX> {
  Id value() { return {number}; }
};

template <> struct Reader<bool> {
  bool flag = false;
  bool read(napi_env env, napi_value value, const Where &where) {
    return napi_get_value_bool(env, value, &flag) == napi_ok || where.refuse(env, "a boolean");
  }
  bool value() { return flag; }
};

template <> struct Reader<Bits64> {
  Bits64 set{};
  bool read(napi_env env, napi_value value, const Where &where) {
    bool lossless = false;
    if (napi_get_value_bigint_uint64(env, value, &set.bits, &lossless) == napi_ok && lossless) return true;
    return where.refuse(env, "a bigint of 64 bits");
  }
  Bits64 value() { return set; }
};

/** A string's UTF-8 form; short ones need no allocation. */
struct Text {
  char small[256];
  List<char> large;
  size_t length = 0;

  const char *data() const { return large.size() > 0 ? large.data() : small; }

  /** False where `value` is not a string. */
  bool read(napi_env env, napi_value value) {
    if (napi_get_value_string_utf8(env, value, small, sizeof small, &length) != napi_ok) return false;
    if (length < sizeof small - 4) return true; // else it may have been cut, at a character of up to 4 bytes
    if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return false;
    large.resize(length + 1);
    return napi_get_value_string_utf8(env, value, large.data(), length + 1, &length) == napi_ok;
  }
};

/** A path or a name: what the kernel takes up to its first NUL may have none inside. */
template <> struct Reader<const char *> {
  Text text;
  bool read(napi_env env, napi_value value, const Where &where) {
    if (!text.read(env, value)) return where.refuse(env, "a string");
    if (memchr(text.data(), 0, text.length)) return where.refuse(env, "free of NUL characters");
    return true;
  }
  const char *value() { return text.data(); }
};

template <typename View, napi_typedarray_type Type> struct ArrayReader {
  napi_env env = nullptr;
  napi_value array = nullptr;
  bool read(napi_env environment, napi_value given, const Where &where) {
    bool typed = false;
    napi_typedarray_type type = napi_int8_array;
    napi_is_typedarray(environment, given, &typed);
    if (typed) napi_get_typedarray_info(environment, given, &type, nullptr, nullptr, nullptr, nullptr);
    env = environment;
    array = given;
    if (typed && type == Type) return true;
    return where.refuse(environment, Type == napi_uint8_array ? "a Uint8Array" : "an Int32Array");
  }
  View value() {
    size_t length = 0;
    void *data = nullptr;
    napi_get_typedarray_info(env, array, nullptr, &length, &data, nullptr, nullptr);
    return {static_cast<decltype(View::data)>(data), data ? length : 0};
  }
};
template <> struct Reader<Bytes> : ArrayReader<Bytes, napi_uint8_array> {};
template <> struct Reader<Words> : ArrayReader<Words, napi_int32_array> {};

template <> struct Reader<Data> {
  Text text;
  Reader<Bytes> bytes;
  bool read(napi_env env, napi_value value, const Where &where) {
    napi_valuetype type;
    if (napi_typeof(env, value, &type) == napi_ok && type == napi_string && text.read(env, value)) return true;
    return bytes.read(env, value, where);
  }
  Data value() {
    if (!bytes.array) return {text.data(), text.length};
    Bytes view = bytes.value();
    return {view.data, view.size};
  }
};

/** Calls `read(element, where)` for each element of an array. */
template <typename Read> bool readElements(napi_env env, napi_value array, Where where, Read read) {
  bool isArray = false;
  uint32_t length = 0;
  if (napi_is_array(env, array, &isArray) != napi_ok || !isArray || napi_get_array_length(env, array, &length) != napi_ok)
    return where.refuse(env, "an array");
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    where.index = i;
    if (napi_get_element(env, array, i, &element) != napi_ok || !read(element, where)) return false;
  }
  return true;
}

/** Descriptors, signal numbers. */
template <> struct Reader<List<int>> {
  List<int> numbers;
  bool read(napi_env env, napi_value value, const Where &where) {
    return readElements(env, value, where, [&](napi_value element, const Where &at) {
      Reader<int> number;
      if (!number.read(env, element, at)) return false;
      numbers.push(number.value());
      return true;
    });
  }
  List<int> &value() { return numbers; }
};

/** Strings one after the other, each ending in NUL, and a pointer to each: argv or envp of execve(2). */
template <> struct Reader<List<char *>> {
  List<char> pool;
  List<char *> pointers;
  bool read(napi_env env, napi_value value, const Where &where) {
    List<size_t> offsets;
    bool ok = readElements(env, value, where, [&](napi_value element, const Where &at) {
      Reader<const char *> string;
      if (!string.read(env, element, at)) return false;
      offsets.push(pool.size());
      pool.append(string.text.data(), string.text.length + 1);
      return true;
    });
    for (size_t offset : offsets) pointers.push(pool.data() + offset); // only now that the pool moves no more
    pointers.push(nullptr);
    return ok;
  }
  List<char *> &value() { return pointers; }
};

/** Reads `argument.member` with `reader`. An undefined member is left unread, and is an error where it is `required`. */
template <typename T>
bool readMember(napi_env env, napi_value object, const Where &argument, const char *member, bool required,
                Reader<T> &reader, bool *present = nullptr) {
  napi_value value;
  napi_valuetype type;
  if (napi_get_named_property(env, object, member, &value) != napi_ok) return false;
  if (napi_typeof(env, value, &type) != napi_ok) return false;
  if (present) *present = type != napi_undefined;
  if (type == napi_undefined && !required) return true;
  return reader.read(env, value, Where{argument.function, argument.argument, member});
}

inline bool isObject(napi_env env, napi_value value, const Where &where) {
  napi_valuetype type;
  return (napi_typeof(env, value, &type) == napi_ok && type == napi_object) || where.refuse(env, "an object");
}

inline napi_value toJs(napi_env, napi_value value) { return value; }
inline napi_value toJs(napi_env env, bool value) {
  napi_value made = nullptr;
  napi_get_boolean(env, value, &made);
  return made;
}
inline napi_value toJs(napi_env env, double value) {
  napi_value made = nullptr;
  napi_create_double(env, value, &made);
  return made;
}
inline napi_value toJs(napi_env env, Result value) {
  napi_value made = nullptr;
  napi_create_int64(env, value, &made);
  return made;
}
inline napi_value toJs(napi_env env, const char *text, size_t length = NAPI_AUTO_LENGTH) {
  napi_value made = nullptr;
  napi_create_string_utf8(env, text, length, &made);
  return made;
}

inline napi_value bytesToJs(napi_env env, const void *data, size_t size) {
  napi_value buffer = nullptr, array = nullptr;
  void *content = nullptr;
  if (napi_create_arraybuffer(env, size, &content, &buffer) != napi_ok) return nullptr;
  if (size > 0) memcpy(content, data, size);
  napi_create_typedarray(env, napi_uint8_array, size, buffer, 0, &array);
  return array;
}

/** A plain object that is answered. */
class Answer {
public:
  explicit Answer(napi_env env) : env_(env) { napi_create_object(env, &object_); }
  void set(const char *name, napi_value value) { napi_set_named_property(env_, object_, name, value); }
  void set(const char *name, double value) { set(name, toJs(env_, value)); }
  operator napi_value() const { return object_; }

private:
  napi_env env_;
  napi_value object_ = nullptr;
};

/** An array that is answered. */
class AnswerList {
public:
  explicit AnswerList(napi_env env) : env_(env) { napi_create_array(env, &array_); }
  void push(napi_value value) { napi_set_element(env_, array_, count_++, value); }
  operator napi_value() const { return array_; }

private:
  napi_env env_;
  napi_value array_ = nullptr;
  uint32_t count_ = 0;
};

template <auto Native> struct Binding;

template <typename Returned, typename... Parameters, Returned (*Native)(napi_env, Parameters...)> struct Binding<Native> {
  template <size_t... I>
  static napi_value call(napi_env env, napi_value *given, const Function *function, std::index_sequence<I...>) {
    std::tuple<Reader<std::decay_t<Parameters>>...> readers;
    bool right = (std::get<I>(readers).read(env, given[I], Where{function, function->arguments[I]}) && ...);
    return right ? toJs(env, Native(env, std::get<I>(readers).value()...)) : nullptr;
  }
  static napi_value callback(napi_env env, napi_callback_info info) {
    constexpr size_t expected = sizeof...(Parameters);
    size_t count = expected;
    napi_value given[expected + 1];
    void *function = nullptr;
    if (napi_get_cb_info(env, info, &count, given, nullptr, &function) != napi_ok) return nullptr;
    return call(env, given, static_cast<const Function *>(function), std::index_sequence_for<Parameters...>());
  }
};

/** The Node-API callback of a native function `T native(napi_env, parameters…)`. Missing arguments read as undefined. */
template <auto Native> constexpr napi_callback bind = &Binding<Native>::callback;

extern const Functions fileFunctions, mountFunctions, processFunctions, spawnFunctions, waitFunctions, socketFunctions,
    terminalFunctions, bpfFunctions, hashFunctions;

} // namespace tsrun
