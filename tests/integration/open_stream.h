#ifndef LOSSD_TESTS_INTEGRATION_OPEN_STREAM_H_
#define LOSSD_TESTS_INTEGRATION_OPEN_STREAM_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/rpc/handlers/handlers.h"
#include "tests/integration/test_server.h"

namespace lossd {

// A ComputeStream from the client's side, with a deadline of a minute.
class OpenStream {
 public:
  explicit OpenStream(v1::LossService::Stub& stub, const std::string& token = "");

  bool Write(uint64_t sequence, const v1::ComputeRequest& request);
  bool Close() { return stream_->WritesDone(); }
  // The next answer; fails the test when there is none.
  v1::ComputeStreamResponse Read();
  // True when the stream ends and not in an answer.
  bool Ends();
  // The status that it ended with; false from Write(), Read() or Ends() came before.
  grpc::Status Finish() { return stream_->Finish(); }

  grpc::ClientContext& context() { return context_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ComputeStreamRequest, v1::ComputeStreamResponse>>
      stream_;
};

// The error of an answer as the status that a call would have ended with; OK when it has none.
grpc::Status ErrorOf(const v1::ComputeStreamResponse& answer);

// Handlers that wait inside until they are let out, or their call is cancelled.
class WaitingRoom {
 public:
  absl::StatusOr<v1::ComputeResponse> Answer(const v1::ComputeRequest& request,
                                             const rpc::CallContext& context);
  // Answers with the size of the labels as `valid_count`.
  ComputeAnswer answer();
  // The same, but answers requests of up to a kilobyte at once.
  ComputeAnswer AnswerLarge();

  // False if fewer have come in after ten seconds; all that ever came in count.
  bool WaitUntilEntered(int count, absl::Duration timeout = absl::Seconds(10));
  // The same for those whose call was cancelled.
  bool WaitUntilCancelled(int count);
  void Open();

  int entered() const;
  // The most that were inside at once.
  int most() const;

 private:
  mutable absl::Mutex mutex_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int entered_ ABSL_GUARDED_BY(mutex_) = 0;
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
  int cancelled_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_OPEN_STREAM_H_
