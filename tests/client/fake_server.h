#ifndef LOSSD_TESTS_CLIENT_FAKE_SERVER_H_
#define LOSSD_TESTS_CLIENT_FAKE_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/status.h"
#include "lossd/v1/catalogue.pb.h"
#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/information.pb.h"

namespace lossd::testing {

// A server of the LossService on a free loopback port, for tests of clients. It stops when it is
// destroyed.
//
// Compute answers softmax cross entropy of float or double logits [N, C] with integer labels, in
// the plainest code: losses, the mean, gradient, probabilities, and counts per class. The other
// calls answer empty messages. A test may replace them by its own.
class FakeServer {
 public:
  // The last call that arrived.
  struct Call {
    int count = 0;                                    // calls and batches of streams so far
    absl::Duration time_left = absl::ZeroDuration();  // until its deadline, when it arrived
    std::string authorization;                        // of its metadata, also of a stream
    v1::ComputeRequest compute;
    v1::CompareRequest compare;
    v1::ComputeClassWeightsRequest class_weights;
    v1::MeasureInformationRequest information;
  };

  FakeServer();
  ~FakeServer();

  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  // Returns "127.0.0.1:PORT".
  const std::string& address() const { return address_; }

  Call last_call() const;
  // Returns the number of streams that have ended.
  int ended_streams() const;

  // Answers every further call of the rpc with this response type by this response.
  void AnswerWith(const google::protobuf::Message& response);
  // Fails every further call with this status.
  void FailWith(const grpc::Status& status);
  // Makes ComputeStream answer the batch of this sequence with an error.
  void FailBatch(uint64_t sequence, const grpc::Status& error);
  // Makes ComputeStream answer with sequences that are this much too large.
  void ShiftSequences(uint64_t shift);
  // Makes ComputeStream take this many batches before it answers the first. The same number of
  // batches then stays unanswered until the client closes its side.
  void AnswerBehind(int batches);
  // Makes ComputeStream answer no batch.
  void NeverAnswerBatches();
  // Makes ComputeStream end with this status instead of taking the batch of this sequence.
  void EndStreamAt(uint64_t sequence, const grpc::Status& status);

  // Fails every call after the first `calls` with UNAVAILABLE, without keeping it as the last one.
  void AnswerFirst(int calls);

  // Answers no further call until it is cancelled or its deadline passes.
  void NeverAnswer();

 private:
  class Service;

  std::unique_ptr<Service> service_;
  std::string address_;
};

}  // namespace lossd::testing

#endif  // LOSSD_TESTS_CLIENT_FAKE_SERVER_H_
