#ifndef LOSSD_TESTS_BENCHMARK_COMPUTE_REQUEST_H_
#define LOSSD_TESTS_BENCHMARK_COMPUTE_REQUEST_H_

#include <cstdint>
#include <vector>

#include "grpcpp/support/byte_buffer.h"

namespace lossd::benchmark {

// Logits and labels of softmax cross entropy, the same numbers for the same shape.
struct Batch {
  int64_t rows = 0;
  int64_t classes = 0;
  std::vector<float> logits;
  std::vector<int64_t> labels;
};

Batch MakeBatch(int64_t rows, int64_t classes);

// lossd.v1.ComputeRequest: the mean loss of the batch and its gradient, on the wire.
grpc::ByteBuffer ComputeRequest(const Batch& batch);

// The same of log-probabilities: the clipped surrogate with a penalty by the reference, four
// columns of float32, its gradient and the policy's statistics.
grpc::ByteBuffer PolicyRequest(int64_t tokens);

// lossd.v1.ComputeStreamRequest with the same, numbered.
grpc::ByteBuffer ComputeStreamRequest(const Batch& batch, uint64_t sequence);

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_COMPUTE_REQUEST_H_
