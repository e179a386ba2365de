#ifndef LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
#define LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/loss_spec.pb.h"

namespace lossd::rpc {

// Collects what a request asks for that this server does not have: options of a newer client, which
// arrive as unknown fields, and options of the API that are not built yet. Computing without them
// would answer another question than the one asked.
class UnbuiltOptions {
 public:
  // The option at `path` is not built.
  void Add(absl::string_view path);

  // Every unknown field in `message`, which stands at `path`, and in what it holds.
  void AddUnknownFields(const google::protobuf::Message& message, absl::string_view path);

  // A loss's form, and its unknown fields.
  void AddFrom(const v1::LossSpec& spec, absl::string_view path);

  // OK when nothing was added, else UNIMPLEMENTED naming what was.
  absl::Status ToStatus() const;

 private:
  std::vector<std::string> options_;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_UNBUILT_OPTIONS_H_
