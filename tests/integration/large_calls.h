#ifndef LOSSD_TESTS_INTEGRATION_LARGE_CALLS_H_
#define LOSSD_TESTS_INTEGRATION_LARGE_CALLS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "grpcpp/channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"
#include "lossd/v1/loss_service.grpc.pb.h"

namespace lossd {

// Returns a connection that no other channel shares, once it is there.
std::shared_ptr<grpc::Channel> ConnectAlone(const std::string& address);

// Returns a batch of `mebibytes` of logits, whose gradient is asked for, serialized.
grpc::ByteBuffer LargeBatch(int64_t mebibytes);
// Returns one that is answered at once.
v1::ComputeRequest SmallBatch();

// Returns true if the status is UNAVAILABLE with RetryInfo.
bool SaysTryAgain(const grpc::Status& status);

// The same call of Compute again and again, on a connection of its own, without a copy of its
// bytes.
class LargeCalls {
 public:
  // `request` outlives it.
  LargeCalls(const std::string& address, const grpc::ByteBuffer& request)
      : LargeCalls(ConnectAlone(address), request) {}

  // Returns calls with another request on the same connection.
  LargeCalls With(const grpc::ByteBuffer& request) const { return {channel_, request}; }

  grpc::Status Call(grpc::ByteBuffer& response);

 private:
  LargeCalls(std::shared_ptr<grpc::Channel> channel, const grpc::ByteBuffer& request)
      : channel_(std::move(channel)), stub_(channel_), request_(request) {}

  std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  const grpc::ByteBuffer& request_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_LARGE_CALLS_H_
