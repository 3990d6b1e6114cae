// A growing list of plain values. (std::vector and std::string would bring the exception machinery of libstdc++ into the
// addon: 200 KB, and a tenth of a millisecond at the start of every command.)
#pragma once

#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace tsrun {

template <typename T> class List {
  static_assert(std::is_trivially_copyable_v<T>);

public:
  List() = default;
  List(const List &) = delete;
  List &operator=(const List &) = delete;
  ~List() { free(items_); }

  T *data() { return items_; }
  const T *data() const { return items_; }
  size_t size() const { return size_; }
  T *begin() { return items_; }
  T *end() { return items_ + size_; }
  const T *begin() const { return items_; }
  const T *end() const { return items_ + size_; }
  T &operator[](size_t i) { return items_[i]; }

  /** New items are not initialised. Memory that runs out ends the process, as it does in the engine. */
  void resize(size_t size) {
    if (size > capacity_) {
      capacity_ = size > 2 * capacity_ ? size : 2 * capacity_;
      items_ = static_cast<T *>(reallocarray(items_, capacity_, sizeof(T)));
      if (!items_) abort();
    }
    size_ = size;
  }
  void append(const T *items, size_t count) {
    resize(size_ + count);
    if (count > 0) memcpy(items_ + size_ - count, items, count * sizeof(T));
  }
  void push(T item) { append(&item, 1); }

private:
  T *items_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

} // namespace tsrun
