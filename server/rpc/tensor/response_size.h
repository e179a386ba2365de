#ifndef LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_
#define LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "lossd/v1/tensor.pb.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// Adds up what a response is going to hold, before it is computed. It never says more than the
// encoded message will have, so that nothing is refused that would fit.
class ResponseSize {
 public:
  void AddTensor(int64_t elements, v1::DataType type, TensorStyle style);
  void AddDoubles(int64_t count) { Add(count, sizeof(double)); }
  // Bytes of what is encoded already.
  void AddBytes(int64_t bytes) { Add(bytes, 1); }
  // Every class of the statistics.
  void AddClassStatistics(int64_t classes);

  // RESOURCE_EXHAUSTED, naming the limit and its flag, when it is more than `max_message_bytes`.
  absl::Status Check(int64_t max_message_bytes) const;

 private:
  void Add(int64_t count, int64_t bytes_of_one);

  // A double: counts that stand for no elements may be of any size, and need not be exact.
  double bytes_ = 0;
};

// A batch without samples has no elements behind the number of its classes, and yet class vectors
// are made of it: as many classes as one message could have logits are allowed, else
// RESOURCE_EXHAUSTED.
absl::Status CheckClassesFitMessage(const LogitsLayout& layout, int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_
