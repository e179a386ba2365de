#ifndef LOSSD_SERVER_RPC_WIRE_OUTGOING_TENSOR_H_
#define LOSSD_SERVER_RPC_WIRE_OUTGOING_TENSOR_H_

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/tensor.pb.h"
#include "server/memory/buffer_pool.h"

namespace lossd::rpc {

// A tensor of a response whose elements are sent from where they were computed.
struct OutgoingTensor {
  int field_number = 0;  // of the tensor in the response
  v1::Tensor tensor;     // without its data
  // The elements, one buffer after the other; at least one.
  std::vector<Buffer> data;

  size_t data_size() const;
};

// A response with some of its tensors beside it.
struct ComputeAnswer {
  v1::ComputeResponse message;
  std::vector<OutgoingTensor> tensors;
  // What is to be done before it is sent, which may wait for others: a Rest of this line. Empty:
  // nothing.
  std::string line = {};
  std::function<absl::Status()> before_sending = nullptr;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_OUTGOING_TENSOR_H_
