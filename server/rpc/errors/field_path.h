#ifndef LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_
#define LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_

#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"

namespace lossd::rpc {

// The place of a field in a request, such as losses[2].class_weighting.weights. A path is cheap to
// make and to copy: its text is built only by ToString. The names outlive it; they are literals or
// come from descriptors.
//
//   const FieldPath loss = FieldPath()["losses"][2];
//   loss["focal"]["gamma"].ToString();  // "losses[2].focal.gamma"
class FieldPath {
 public:
  // The path of the request itself, which has no text.
  FieldPath() = default;

  // Returns the path of the field `name` of this message.
  FieldPath operator[](absl::string_view name) const;

  // Returns the path of the entry `index` of this repeated field or axis.
  FieldPath operator[](int64_t index) const;

  std::string ToString() const;

 private:
  struct Step {
    absl::string_view name;  // empty: the step is an index
    int64_t index;
  };

  FieldPath With(const Step& step) const;

  absl::InlinedVector<Step, 6> steps_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_
