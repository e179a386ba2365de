#include "server/rpc/decode/unbuilt_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/form_decoder.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::UnknownFieldSet;

// Options that the status's message lists. It travels in a header, whose length is limited.
constexpr size_t kListedOptions = 8;

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

}  // namespace

void UnbuiltOptions::Add(const FieldPath& path) {
  options_.push_back(absl::StrCat(path.ToString(), " is not implemented"));
}

std::vector<UnbuiltOptions::MessagePlace> UnbuiltOptions::FindPlaces(const Descriptor& message) {
  std::vector<MessagePlace> places;
  for (int i = 0; i < message.real_oneof_decl_count(); ++i) {
    places.push_back({nullptr, message.oneof_decl(i)});
  }
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (field->real_containing_oneof() != nullptr || !IsMessage(*field)) continue;
    places.push_back({field, nullptr});
  }
  return places;
}

void UnbuiltOptions::AddFieldsOf(const UnknownFieldSet& unknown, const FieldPath& path) {
  for (int i = 0; i < unknown.field_count(); ++i) {
    options_.push_back(
        absl::StrCat(path.ToString(), " has the unknown field ", unknown.field(i).number()));
  }
}

void UnbuiltOptions::AddFromPlaces(const Message& message, const Reflection& reflection,
                                   absl::Span<const MessagePlace> places, const FieldPath& path) {
  for (const MessagePlace& place : places) {
    const FieldDescriptor* field = place.field;
    if (field == nullptr) field = reflection.GetOneofFieldDescriptor(message, place.oneof);
    if (field == nullptr || !IsMessage(*field)) continue;
    const FieldPath field_path = path[field->name()];
    if (field->is_repeated()) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        AddFromMessage(reflection.GetRepeatedMessage(message, field, i), field_path[i]);
      }
    } else if (reflection.HasField(message, field)) {
      AddFromMessage(reflection.GetMessage(message, field), field_path);
    }
  }
}

void UnbuiltOptions::AddFromMessage(const Message& message, const FieldPath& path) {
  const Reflection& reflection = *message.GetReflection();
  AddFieldsOf(reflection.GetUnknownFields(message), path);
  AddFromPlaces(message, reflection, FindPlaces(*message.GetDescriptor()), path);
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
