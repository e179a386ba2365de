#ifndef LOSSD_TESTS_BENCHMARK_RAW_CALL_H_
#define LOSSD_TESTS_BENCHMARK_RAW_CALL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/byte_buffer.h"
#include "tests/benchmark/latencies.h"

namespace lossd::benchmark {

// The thinnest client there is: it sends bytes that were made before and drops the answer, so that
// two servers which are called with it are compared without what a client library costs.

// A connection of its own, never shared with another channel to the same server; no limit on sizes.
std::shared_ptr<grpc::Channel> MakeRawChannel(const std::string& address);

// `calls` unary calls of `method`, "/lossd.v1.LossService/Compute" for one, one after the other,
// `silence` before each of them.
absl::StatusOr<Latencies> CallInTurn(const std::shared_ptr<grpc::Channel>& channel,
                                     const std::string& method, const grpc::ByteBuffer& request,
                                     int64_t calls, absl::Duration silence);

// The same from `clients` threads, each with a connection of its own and its share of `calls`; what
// they took together. The connections are made and used once before the clock starts.
absl::StatusOr<Latencies> CallTogether(const std::string& address, const std::string& method,
                                       const grpc::ByteBuffer& request, int64_t calls,
                                       int64_t clients);

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_RAW_CALL_H_
