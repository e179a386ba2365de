#ifndef LOSSD_SERVER_TRANSPORT_GRPC_CALL_METADATA_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_CALL_METADATA_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"

namespace lossd::transport {

// Returns what the client sent beside the request under `key`, which is in lower case: the first
// value, if there are several; nullopt when it sent nothing there.
inline std::optional<absl::string_view> FindMetadata(const grpc::ServerContext& context,
                                                     absl::string_view key) {
  const auto& metadata = context.client_metadata();
  const auto [found, end] = metadata.equal_range(grpc::string_ref(key.data(), key.size()));
  if (found == end) return std::nullopt;
  return absl::string_view(found->second.data(), found->second.size());
}

// Returns how many values the client sent there.
inline size_t CountMetadata(const grpc::ServerContext& context, absl::string_view key) {
  return context.client_metadata().count(grpc::string_ref(key.data(), key.size()));
}

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_CALL_METADATA_H_
