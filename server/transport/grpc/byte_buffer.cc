#include "server/transport/grpc/byte_buffer.h"

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "server/rpc/errors/status.h"

namespace lossd::transport {
namespace {

// A slice that gRPC received, until it is released.
class ReceivedSlice final : public wire::BytesOwner {
 public:
  explicit ReceivedSlice(grpc::Slice slice) : slice_(std::move(slice)) {}
  ReceivedSlice(ReceivedSlice&& other) = default;
  ReceivedSlice& operator=(ReceivedSlice&& other) = delete;
  ~ReceivedSlice() override { Release(); }

  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(slice_.begin()), slice_.size()};
  }
  // Gives the memory back as the last of a buffer's. Where the quota is short of memory, gRPC looks
  // for more when some comes back, and needs a context for that, which a buffer's end has and a
  // slice's on a thread that is not gRPC's has not: it would end the process.
  void Release() override {
    if (slice_.size() == 0) return;
    const grpc::ByteBuffer last(&slice_, 1);
    slice_ = grpc::Slice();
  }

 private:
  grpc::Slice slice_;
};

absl::Status NotDecompressed() {
  return rpc::WithErrorInfo(
      absl::InvalidArgumentError("the request message cannot be decompressed"),
      "MALFORMED_REQUEST");
}

// Up to here copying a string takes less time than making gRPC hold it.
constexpr size_t kCopiedBytes = 4096;

// Returns a slice that owns `bytes`, which are not copied.
template <typename Bytes>
grpc::Slice OwningSlice(Bytes bytes) {
  auto owner = std::make_unique<Bytes>(std::move(bytes));
  void* const data = const_cast<void*>(static_cast<const void*>(owner->data()));
  const size_t size = owner->size();
  return {data, size, [](void* owned) { delete static_cast<Bytes*>(owned); }, owner.release()};
}

grpc::Slice ToSlice(std::string bytes) {
  if (bytes.size() <= kCopiedBytes) return {bytes.data(), bytes.size()};
  return OwningSlice(std::move(bytes));
}

grpc::Slice ToSlice(Buffer bytes) { return OwningSlice(std::move(bytes)); }

}  // namespace

absl::StatusOr<rpc::ReceivedBytes> TakeReceivedBytes(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  const bool dumped = buffer.Dump(&slices).ok();
  buffer.Clear();
  if (!dumped) return NotDecompressed();
  // The slices must not move from here on: a short one holds its bytes itself.
  const auto received = std::make_shared<std::vector<ReceivedSlice>>();
  received->reserve(slices.size());
  wire::BytePieces pieces;
  for (grpc::Slice& slice : slices) {
    ReceivedSlice& kept = received->emplace_back(std::move(slice));
    pieces.Append(kept.bytes(), &kept);
  }
  return rpc::ReceivedBytes(std::move(pieces), received);
}

absl::StatusOr<rpc::ReceivedBytes> ViewReceivedBytes(grpc::ByteBuffer& buffer) {
  grpc::ProtoBufferReader reader(&buffer);
  if (!reader.status().ok()) return NotDecompressed();
  wire::BytePieces pieces;
  const void* data = nullptr;
  int size = 0;
  while (reader.Next(&data, &size)) {
    pieces.Append({static_cast<const char*>(data), static_cast<size_t>(size)});
  }
  return rpc::ReceivedBytes(std::move(pieces), nullptr);
}

absl::Status ParseNames(grpc::ByteBuffer& buffer, google::protobuf::MessageLite& message) {
  const size_t size = buffer.Length();
  if (size > kMostNameBytes) {
    buffer.Clear();
    return rpc::LimitExceeded(
        absl::StrCat("the request has ", size, " bytes, expected ", kMostNameBytes, " at most"));
  }
  const auto received = TakeReceivedBytes(buffer);
  if (!received.ok()) return received.status();
  std::string bytes(received->pieces().size(), '\0');
  received->pieces().CopyTo(0, absl::MakeSpan(bytes.data(), bytes.size()));
  if (!message.ParseFromString(bytes)) return rpc::MalformedRequest(message.GetTypeName());
  return absl::OkStatus();
}

grpc::ByteBuffer ToByteBuffer(const google::protobuf::MessageLite& message) {
  return ToByteBuffer(rpc::SentBytes(message.SerializeAsString()));
}

grpc::ByteBuffer ToByteBuffer(rpc::SentBytes bytes) {
  absl::InlinedVector<grpc::Slice, 1> slices;
  for (rpc::SentBytes::Piece& piece : std::move(bytes).TakePieces()) {
    slices.push_back(std::visit([](auto& data) { return ToSlice(std::move(data)); }, piece));
  }
  return {slices.data(), slices.size()};
}

}  // namespace lossd::transport
