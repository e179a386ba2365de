#ifndef LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_
#define LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "grpcpp/support/status.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/test_server.h"

namespace lossd {

inline constexpr int kWindow = 16;
// In-flight bytes are 16 times this. A sixteenth of them is for small messages; each of the others
// reserves as much as the largest has, as long as the server does not know better, and
// kLargeRequestBytes is nearly that.
inline constexpr int64_t kMessageLimit = 64 << 10;
inline constexpr int kMessagesInFlight = 15;
// Those that a stream sends ahead, each of which may be a little larger than the one before it.
inline constexpr int kMessagesInHalf = 7;

ServerOptions WithThreads(int threads, int64_t max_message_bytes = int64_t{64} << 20);

// Sends batches of kLargeRequestBytes, numbered from 0, and closes the stream.
std::thread Writer(OpenStream& stream, uint64_t batches);

// Reads the answers to `batches` batches, numbered from 0; fails the test where one is an error.
void ExpectAnswers(OpenStream& stream, uint64_t batches);
void ExpectEndsOk(OpenStream& stream);

// Calls Compute with a request of so many bytes.
grpc::Status ComputeBytes(v1::LossService::Stub& stub, size_t bytes);

// Calls of kLargeRequestBytes, all at once and each on a connection of its own. Waits at its end
// for them to be answered.
class LargeCallers {
 public:
  LargeCallers(const TestServer& server, int count);
  ~LargeCallers();
  LargeCallers(const LargeCallers&) = delete;
  LargeCallers& operator=(const LargeCallers&) = delete;

 private:
  std::vector<std::thread> threads_;
};

// Makes calls that the server answers after what it has to do for streams at that time.
void MakeSomeCalls(v1::LossService::Stub& stub);

// Waits until calls on new connections are refused: until the server drains.
grpc::Status WaitUntilRefused(const TestServer& server);

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_STREAM_BATCHES_H_
