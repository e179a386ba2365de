#ifndef LOSSD_CLIENT_SRC_WIRE_COMPUTE_ANSWER_H_
#define LOSSD_CLIENT_SRC_WIRE_COMPUTE_ANSWER_H_

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/src/wire/scattered_bytes.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "lossd/v1/compute.pb.h"

namespace lossd::client {

// A v1::ComputeResponse as it arrived: what protobuf parsed, and the elements of the per-sample
// arrays, which stay where they arrived until they are copied to where they belong.
struct ComputeAnswer {
  ComputeAnswer() = default;
  explicit ComputeAnswer(v1::ComputeResponse response) : fields(std::move(response)) {}

  // Moved, but not copied: `elements` looks at `slices`.
  ComputeAnswer(ComputeAnswer&&) = default;
  ComputeAnswer& operator=(ComputeAnswer&&) = default;
  ComputeAnswer(const ComputeAnswer&) = delete;
  ComputeAnswer& operator=(const ComputeAnswer&) = delete;

  // Without the `data` of the tensors that `elements` has.
  v1::ComputeResponse fields;

  // The `data` of the tensors with these field numbers.
  std::map<int, ScatteredBytes> elements;

  std::vector<grpc::Slice> slices;
};

// An answer on a stream: to which batch, and what.
struct StreamAnswer {
  uint64_t sequence = 0;
  absl::StatusOr<ComputeAnswer> result;
};

// INTERNAL when the bytes are not such a message, by protobuf's own judgement: what looks in any
// way unusual (a field that is there twice, a group) is left to it as a whole.
absl::StatusOr<ComputeAnswer> ParseComputeAnswer(grpc::ByteBuffer bytes);
absl::StatusOr<StreamAnswer> ParseStreamAnswer(grpc::ByteBuffer bytes);

// Any other message, by protobuf alone; INTERNAL when the bytes are none.
absl::Status ParseAnswer(grpc::ByteBuffer bytes, google::protobuf::Message* message);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_COMPUTE_ANSWER_H_
