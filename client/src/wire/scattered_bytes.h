#ifndef LOSSD_CLIENT_SRC_WIRE_SCATTERED_BYTES_H_
#define LOSSD_CLIENT_SRC_WIRE_SCATTERED_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "grpcpp/support/slice.h"

namespace lossd::client {

// A look at consecutive bytes of a message that arrived in several slices, which must outlive it.
// Taking is from the front. What fails to be taken is not there; the look is of no use then.
class ScatteredBytes {
 public:
  ScatteredBytes() = default;
  explicit ScatteredBytes(absl::Span<const grpc::Slice> slices);

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  // A varint in its shortest encoding; none when it is cut short or longer than it need be.
  std::optional<uint64_t> TakeVarint();

  // The next `count` bytes, as a look of their own; none when there are fewer.
  std::optional<ScatteredBytes> Take(uint64_t count);

  // Writes all size() of them to `destination`.
  void CopyTo(char* destination) const;
  void AppendTo(std::string* bytes) const;

 private:
  // Calls `use(pointer, count)` for each run of bytes in one slice, in order.
  template <typename Use>
  void ForEachRun(const Use& use) const;

  void Skip(size_t count);

  absl::Span<const grpc::Slice> slices_;  // the first byte is in the first of them
  size_t offset_ = 0;                     // of the first byte in its slice
  size_t size_ = 0;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_SCATTERED_BYTES_H_
