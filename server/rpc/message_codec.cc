#include "server/rpc/message_codec.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "server/rpc/status.h"

namespace lossd::rpc {
namespace {

absl::Status CheckSize(absl::string_view what, size_t bytes, int64_t max_message_bytes) {
  if (bytes <= static_cast<uint64_t>(max_message_bytes)) return absl::OkStatus();
  return LimitExceeded(absl::StrCat("the ", what, " has ", bytes, " bytes, more than the limit of ",
                                    max_message_bytes,
                                    " bytes for a message (--max-message-bytes)"));
}

}  // namespace

absl::Status ParseMessage(grpc::ByteBuffer& bytes, int64_t max_message_bytes,
                          google::protobuf::MessageLite& message) {
  absl::Status status = CheckSize("request", bytes.Length(), max_message_bytes);
  if (!status.ok()) return status;
  grpc::ProtoBufferReader reader(&bytes);
  // A reader that cannot start is a compressed message that does not decompress.
  if (!reader.status().ok() || !message.ParseFromZeroCopyStream(&reader)) {
    return MalformedRequest(message.GetTypeName());
  }
  return absl::OkStatus();
}

absl::StatusOr<grpc::ByteBuffer> SerializeMessage(const google::protobuf::MessageLite& message,
                                                  int64_t max_message_bytes) {
  const size_t size = message.ByteSizeLong();
  absl::Status status = CheckSize("response", size, max_message_bytes);
  if (!status.ok()) return status;
  // One slice of the exact size: protobuf writes into it with no checks between fields.
  auto buffer = std::unique_ptr<uint8_t[]>(new uint8_t[size]);  // Not make_unique: it would zero.
  message.SerializeWithCachedSizesToArray(buffer.get());
  const grpc::Slice slice(buffer.release(), size,
                          [](void* data) { delete[] static_cast<uint8_t*>(data); });
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace lossd::rpc
