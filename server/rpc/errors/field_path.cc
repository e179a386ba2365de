#include "server/rpc/errors/field_path.h"

#include "absl/strings/str_cat.h"

namespace lossd::rpc {

std::string FieldPath::ToString() const {
  if (parent_ == nullptr) return "";
  std::string text = parent_->ToString();
  if (name_.empty()) {
    absl::StrAppend(&text, "[", index_, "]");
  } else {
    absl::StrAppend(&text, text.empty() ? "" : ".", name_);
  }
  return text;
}

}  // namespace lossd::rpc
