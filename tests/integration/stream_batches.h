#ifndef LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_
#define LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_

#include <cstdint>
#include <thread>

#include "grpcpp/support/status.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/test_server.h"

namespace lossd {

inline constexpr int kWindow = 16;
// In-flight bytes are 16 times this: 17 requests of kLargeRequestBytes.
inline constexpr int64_t kMessageLimit = 64 << 10;

ServerOptions WithThreads(int threads, int64_t max_message_bytes = int64_t{64} << 20);

// Sends batches of kLargeRequestBytes, numbered from 0, and closes the stream.
std::thread Writer(OpenStream& stream, uint64_t batches);

// Reads the answers to `batches` batches, numbered from 0; fails the test where one is an error.
void ExpectAnswers(OpenStream& stream, uint64_t batches);
void ExpectEndsOk(OpenStream& stream);

// Makes calls that the server answers after what it has to do for streams at that time.
void MakeSomeCalls(v1::LossService::Stub& stub);

// Waits until calls on new connections are refused: until the server drains.
grpc::Status WaitUntilRefused(const TestServer& server);

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_
