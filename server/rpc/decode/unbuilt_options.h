#ifndef LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
#define LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/unknown_field_set.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/rpc/errors/field_path.h"

namespace lossd::rpc {

// Collects the options of a request that this server does not have: those of a newer client, which
// arrive as unknown fields, and those of the API that are not built yet. A loss computed without
// them would not be the loss that was asked for.
class UnbuiltOptions {
 public:
  // Adds the option at `path`, which is not built.
  void Add(const FieldPath& path);

  // Adds every unknown field of the message at `path` and of the messages inside it.
  template <typename T>
  void AddUnknownFields(const T& message, const FieldPath& path) {
    static const google::protobuf::Reflection& reflection = *T::GetReflection();
    static const std::vector<MessagePlace> places = FindPlaces(*T::descriptor());
    AddFieldsOf(reflection.GetUnknownFields(message), path);
    AddFromPlaces(message, reflection, places, path);
  }

  // Adds the unknown fields of the loss at `path`, and its form when that is not built.
  void AddFrom(const v1::LossSpec& spec, const FieldPath& path);

  // Returns OK when nothing was added, else UNIMPLEMENTED with the options' paths.
  absl::Status ToStatus() const;

 private:
  // Where a message can have another: a field, or one of the fields of a oneof.
  struct MessagePlace {
    const google::protobuf::FieldDescriptor* field = nullptr;
    const google::protobuf::OneofDescriptor* oneof = nullptr;
  };
  static std::vector<MessagePlace> FindPlaces(const google::protobuf::Descriptor& message);

  void AddFieldsOf(const google::protobuf::UnknownFieldSet& unknown, const FieldPath& path);
  void AddFromPlaces(const google::protobuf::Message& message,
                     const google::protobuf::Reflection& reflection,
                     absl::Span<const MessagePlace> places, const FieldPath& path);
  // Does the same as AddUnknownFields(), for a message of any type.
  void AddFromMessage(const google::protobuf::Message& message, const FieldPath& path);

  std::vector<std::string> options_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
