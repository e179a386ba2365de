#ifndef LOSSD_TESTS_BENCHMARK_COMMAND_H_
#define LOSSD_TESTS_BENCHMARK_COMMAND_H_

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lossd/client.h"
#include "tests/benchmark/compute_request.h"
#include "tests/benchmark/latencies.h"
#include "tests/benchmark/raw_call.h"

namespace lossd::benchmark {

// The measurements that are asked for, each as one line of words:
//
//   compute ADDRESS ROWS CLASSES CALLS SILENCE_MS        the client library, in turn
//   chunked ADDRESS ROWS CLASSES CALLS SILENCE_MS        the same, the batch cut into chunks
//   raw ADDRESS METHOD ROWS CLASSES CALLS SILENCE_MS     prebuilt bytes, in turn
//   clients ADDRESS METHOD ROWS CLASSES CALLS CLIENTS    prebuilt bytes, from several connections
//   stream ADDRESS ROWS CLASSES CALLS DEPTH              prebuilt bytes, on one ComputeStream
//
// In raw and clients CLASSES of 0 is a policy loss of ROWS tokens.
//
// Connections and the last batch are kept from line to line, so that one server can be asked, then
// the other, and then the first one again.
class CommandRunner {
 public:
  // INVALID_ARGUMENT for a line that is none of these; else what the calls answered.
  absl::StatusOr<Latencies> Run(absl::string_view line);

 private:
  const Batch& BatchOf(int64_t rows, int64_t classes);
  const grpc::ByteBuffer& RequestOf(int64_t rows, int64_t classes);
  const std::shared_ptr<grpc::Channel>& ChannelTo(const std::string& address);
  absl::StatusOr<const Client*> ClientOf(const std::string& address);

  Batch batch_;
  grpc::ByteBuffer request_;
  std::pair<int64_t, int64_t> request_shape_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
  std::map<std::string, Client> clients_;
};

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_COMMAND_H_
