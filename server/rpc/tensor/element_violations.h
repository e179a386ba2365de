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

  // Calls check(i) for each of `count` elements in their order, as long as the request is not
  // cancelled.
  template <typename Check>
  void ForEach(size_t count, Check check) const {
    ForEachBlock(static_cast<int64_t>(count), 1, tensor_.cancellation(),
                 [&](int64_t begin, int64_t end) {
                   for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
                     check(i);
                   }
                 });
  }

 private:
  static constexpr int64_t kListed = 4;

  const Field tensor_;
  const absl::Span<const int64_t> shape_;
  int64_t count_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_
