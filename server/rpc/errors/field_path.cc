#include "server/rpc/errors/field_path.h"

#include "absl/strings/str_cat.h"

namespace lossd::rpc {

FieldPath FieldPath::operator[](absl::string_view name) const { return With({name, 0}); }

FieldPath FieldPath::operator[](int64_t index) const { return With({{}, index}); }

std::string FieldPath::ToString() const {
  std::string text;
  for (const Step& step : steps_) {
    if (step.name.empty()) {
      absl::StrAppend(&text, "[", step.index, "]");
    } else {
      absl::StrAppend(&text, text.empty() ? "" : ".", step.name);
    }
  }
  return text;
}

FieldPath FieldPath::With(const Step& step) const {
  FieldPath path = *this;
  path.steps_.push_back(step);
  return path;
}

}  // namespace lossd::rpc
