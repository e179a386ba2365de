#include "server/rpc/errors/unknown_value.h"

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace lossd::rpc {

void RefuseUnknownValue(int value, const google::protobuf::EnumDescriptor& type,
                        const Field& field) {
  constexpr absl::string_view kVowels = "AEIOU";
  const absl::string_view article = kVowels.find(type.name().front()) == kVowels.npos ? "a" : "an";
  field.Refuse("= ", value, " is not ", article, " ", type.name());
}

}  // namespace lossd::rpc
