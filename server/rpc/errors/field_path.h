#ifndef LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_
#define LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_

#include <cstdint>
#include <string>

#include "absl/base/attributes.h"
#include "absl/strings/string_view.h"

namespace lossd::rpc {

// The place of a field in a request, such as losses[2].class_weighting.weights. Every field that is
// decoded has a path, and hardly any is at fault, so a path is one step that points to the path it
// was made from; its text is built only by ToString. What it was made from outlives it, and so do
// the names, which are literals or come from descriptors.
//
//   const FieldPath request;
//   const FieldPath losses = request["losses"];
//   losses[2]["gamma"].ToString();  // "losses[2].gamma"; losses[2] lives to the end of the line
class FieldPath {
 public:
  // The path of the request itself, which has no text.
  FieldPath() = default;
  FieldPath(const FieldPath&) = default;
  // One that others were made from stays what it is.
  FieldPath& operator=(const FieldPath&) = delete;

  // Returns the path of the field `name` of this message.
  FieldPath operator[](absl::string_view name) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return {*this, name, 0};
  }

  // Returns the path of the entry `index` of this repeated field or axis.
  FieldPath operator[](int64_t index) const ABSL_ATTRIBUTE_LIFETIME_BOUND {
    return {*this, {}, index};
  }

  std::string ToString() const;

 private:
  FieldPath(const FieldPath& parent, absl::string_view name, int64_t index)
      : parent_(&parent), name_(name), index_(index) {}

  const FieldPath* parent_ = nullptr;  // null: the request
  absl::string_view name_;             // empty: the step is an index
  int64_t index_ = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ERRORS_FIELD_PATH_H_
