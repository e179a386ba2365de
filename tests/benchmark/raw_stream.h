#ifndef LOSSD_TESTS_BENCHMARK_RAW_STREAM_H_
#define LOSSD_TESTS_BENCHMARK_RAW_STREAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/byte_buffer.h"
#include "tests/benchmark/latencies.h"

namespace lossd::benchmark {

// Sends `request` `calls` times on one ComputeStream and reads the answers, `depth` of them under
// way at a time; what they took together. Written on one thread, read on another.
absl::StatusOr<Latencies> CallInStream(const std::shared_ptr<grpc::Channel>& channel,
                                       const grpc::ByteBuffer& request, int64_t calls,
                                       int64_t depth);

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_RAW_STREAM_H_
