#ifndef LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
#define LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"
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
  void AddUnknownFields(const google::protobuf::Message& message, const FieldPath& path);

  // Adds the unknown fields of the loss at `path`, and its form when that is not built.
  void AddFrom(const v1::LossSpec& spec, const FieldPath& path);

  // Returns OK when nothing was added, else UNIMPLEMENTED with the options' paths.
  absl::Status ToStatus() const;

 private:
  std::vector<std::string> options_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
