#ifndef LOSSD_SERVER_RUNS_BYTE_READER_H_
#define LOSSD_SERVER_RUNS_BYTE_READER_H_

#include <cstddef>
#include <cstring>
#include <type_traits>

#include "absl/strings/string_view.h"

namespace lossd::runs {

// Reads what a ByteWriter has written. Behind the end there are zeros, and ok() is false from then
// on.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Read() {
    static_assert(std::is_arithmetic_v<T>);
    T value = 0;
    const absl::string_view bytes = ReadBytes(sizeof(T));
    if (ok_) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }

  // Returns the next bytes; none if there are fewer.
  absl::string_view ReadBytes(size_t size) {
    ok_ = ok_ && size <= rest_.size();
    if (!ok_) return {};
    const absl::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  // Returns whether everything was there.
  bool ok() const { return ok_; }
  // Returns whether everything was there, and nothing is left.
  bool AtEnd() const { return ok_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_BYTE_READER_H_
