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

// Options that the status's message lists. It travels in a header, whose length is limited.
constexpr size_t kListedOptions = 8;

}  // namespace

void UnbuiltOptions::Add(const FieldPath& path) {
  options_.push_back(absl::StrCat(path.ToString(), " is not implemented"));
}

void UnbuiltOptions::AddUnknownFields(const Message& message, const FieldPath& path) {
  const Reflection& reflection = *message.GetReflection();
  const UnknownFieldSet& unknown = reflection.GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i) {
    options_.push_back(
        absl::StrCat(path.ToString(), " has the unknown field ", unknown.field(i).number()));
  }

  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const FieldPath field_path = path[field->name()];
    if (!field->is_repeated()) {
      AddUnknownFields(reflection.GetMessage(message, field), field_path);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      AddUnknownFields(reflection.GetRepeatedMessage(message, field, i), field_path[i]);
    }
  }
}

void UnbuiltOptions::AddFrom(const v1::LossSpec& spec, const FieldPath& path) {
  AddUnknownFields(spec, path);
  const FieldDescriptor* form = FormField(spec);
  if (form != nullptr && loss::FindForm(form->name()) == nullptr) {
    Add(path[form->name()]);
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
