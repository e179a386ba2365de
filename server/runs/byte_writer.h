#ifndef LOSSD_SERVER_RUNS_BYTE_WRITER_H_
#define LOSSD_SERVER_RUNS_BYTE_WRITER_H_

#include <cstring>
#include <string>
#include <type_traits>

#include "absl/strings/string_view.h"

namespace lossd::runs {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "stored numbers are little-endian");

// Appends numbers to a text as the bytes that a little-endian machine has in memory.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  template <typename T>
  void Add(T value) {
    static_assert(std::is_arithmetic_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out_.append(bytes, sizeof(T));
  }

  void AddBytes(absl::string_view bytes) { out_.append(bytes.data(), bytes.size()); }

  // Appends `size` bytes, and returns where they are to be written, before anything else is added.
  char* Extend(size_t size) {
    out_.resize(out_.size() + size);
    return &out_[out_.size() - size];
  }

 private:
  std::string& out_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_BYTE_WRITER_H_
