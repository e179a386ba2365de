#ifndef LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_
#define LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/rpc/errors/field_violations.h"
#include "server/rpc/tensor/tensor_shape.h"

namespace lossd::rpc {

// Adds the elements at fault of one tensor to a request's violations: the first few by their
// places, the others, which may be millions, by their number alone. So they cost little, and leave
// room for what is wrong elsewhere.
class ElementViolations {
 public:
  // The tensor stands at `path` and has `shape`; both, and `violations`, outlive this object.
  ElementViolations(absl::string_view path, absl::Span<const int64_t> shape,
                    FieldViolations& violations)
      : path_(path), shape_(shape), violations_(violations) {}

  // The element at the row-major position `index` is at fault; describe() says how.
  template <class Describe>
  void Add(size_t index, Describe describe) {
    if (count_++ >= kListed) {
      violations_.AddUnlisted();
    } else {
      violations_.Add(absl::StrCat(path_, IndexText(shape_, static_cast<int64_t>(index))),
                      describe());
    }
  }

  bool empty() const { return count_ == 0; }

 private:
  static constexpr int64_t kListed = 4;

  absl::string_view path_;
  absl::Span<const int64_t> shape_;
  FieldViolations& violations_;
  int64_t count_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_ELEMENT_VIOLATIONS_H_
