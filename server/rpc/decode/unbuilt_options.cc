#include "server/rpc/decode/unbuilt_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/form_decoder.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::UnknownFieldSet;

// A status's message travels in a header, so that it cannot be of any length.
constexpr size_t kListedOptions = 8;

}  // namespace

void UnbuiltOptions::Add(absl::string_view path) {
  options_.push_back(absl::StrCat(path, " is not implemented"));
}

void UnbuiltOptions::AddUnknownFields(const Message& message, absl::string_view path) {
  const Reflection& reflection = *message.GetReflection();
  const UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    options_.push_back(absl::StrCat(path, " has the unknown field ", unknown.field(i).number()));
  }

  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string field_path = absl::StrCat(path, ".", field->name());
    if (!field->is_repeated()) {
      AddUnknownFields(reflection.GetMessage(message, field), field_path);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      AddUnknownFields(reflection.GetRepeatedMessage(message, field, i),
                       absl::StrCat(field_path, "[", i, "]"));
    }
  }
}

void UnbuiltOptions::AddFrom(const v1::LossSpec& spec, absl::string_view path) {
  AddUnknownFields(spec, path);
  const FieldDescriptor* form = FormField(spec);
  if (form != nullptr && loss::FindForm(form->name()) == nullptr) {
    Add(absl::StrCat(path, ".", form->name()));
  }
}

absl::Status UnbuiltOptions::ToStatus() const {
  if (options_.empty()) return absl::OkStatus();
  const size_t listed = std::min(options_.size(), kListedOptions);
  std::string message =
      absl::StrJoin(options_.begin(), options_.begin() + static_cast<std::ptrdiff_t>(listed), "; ");
  if (listed < options_.size()) {
    absl::StrAppend(&message, "; and ", options_.size() - listed, " more");
  }
  return UnimplementedOption(message);
}

}  // namespace lossd::rpc
