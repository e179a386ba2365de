#ifndef LOSSD_TESTS_INTEGRATION_RAW_CLIENT_H_
#define LOSSD_TESTS_INTEGRATION_RAW_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"

namespace lossd {

struct RawAnswer {
  grpc::Status status;
  std::string response;
};

// Sends bytes to a method, "/lossd.v1.LossService/Compute" for one, as one message of a stream that
// then closes, and reads one message.
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& request);

// The same with no message at all.
RawAnswer CallWithoutMessage(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& method);

// Starts a call that sends no message, calls `arrived` with it, and waits for its end.
grpc::Status StartWithoutMessage(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& method,
                                 const std::function<void(grpc::ClientContext&)>& arrived);

struct RawStreamAnswer {
  grpc::Status status;
  std::vector<std::string> responses;
};

// Sends each of `requests` as a message of a stream that then closes, and reads to its end.
RawStreamAnswer StreamRaw(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                          const std::vector<std::string>& requests);

// The google.rpc.Status in an error; fails the test when there is none.
google::rpc::Status DetailsOf(const grpc::Status& status);
bool HasRetryInfo(const grpc::Status& status);
// The google.rpc.ErrorInfo; fails the test when it is missing or of another domain.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_RAW_CLIENT_H_
