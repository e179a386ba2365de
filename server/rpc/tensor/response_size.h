#ifndef LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_
#define LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "lossd/v1/tensor.pb.h"
#include "server/rpc/tensor/logits_layout.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {

// Adds up what a response will hold, before it is computed. The sum is never more than the bytes of
// the encoded message, so that no response is refused that would fit.
class ResponseSize {
 public:
  void AddTensor(int64_t elements, v1::DataType type, TensorStyle style);
  void AddDoubles(int64_t count) { Add(count, sizeof(double)); }
  // Adds the bytes of a part that is encoded already.
  void AddBytes(int64_t bytes) { Add(bytes, 1); }
  // Adds the statistics of every class.
  void AddClassStatistics(int64_t classes);

  // Returns RESOURCE_EXHAUSTED, naming the limit and its flag, when the sum is more than
  // `max_message_bytes`.
  absl::Status Check(int64_t max_message_bytes) const;

 private:
  void Add(int64_t count, int64_t bytes_of_one);

  // A double, since the class count of an empty batch can be any int64. It need not be exact.
  double bytes_ = 0;
};

// Returns RESOURCE_EXHAUSTED when the logits have more classes than a message has room for. Class
// vectors are allocated for a batch without samples, too, whose message has no logits: the number
// of its classes is bounded here alone.
absl::Status CheckClassesFitMessage(const LogitsLayout& layout, int64_t max_message_bytes);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_RESPONSE_SIZE_H_
