#ifndef LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_
#define LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/tensor_shape.h"

namespace lossd::rpc {

// Adds the elements at fault of one tensor to its request's violations: the first few by their
// places, the others, which may be millions, by their number alone. They cost little, and leave
// room for what is wrong elsewhere.
class ElementViolations {
 public:
  // `shape`, that of `tensor`, outlives this object.
  ElementViolations(Field tensor, absl::Span<const int64_t> shape)
      : tensor_(std::move(tensor)), shape_(shape) {}

  // Adds the element at the row-major position `index`; describe() returns what is wrong with it.
  template <typename Describe>
  void Add(size_t index, Describe describe) {
    if (count_++ >= kListed) {
      tensor_.violations().AddUnlisted();
    } else {
      tensor_.violations().Add(
          absl::StrCat(tensor_.path().ToString(), IndexText(shape_, static_cast<int64_t>(index))),
          describe());
    }
  }

  bool empty() const { return count_ == 0; }

 private:
  static constexpr int64_t kListed = 4;

  const Field tensor_;
  const absl::Span<const int64_t> shape_;
  int64_t count_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_
