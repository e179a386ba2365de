#ifndef LOSSD_CLIENT_SRC_WIRE_LOAN_H_
#define LOSSD_CLIENT_SRC_WIRE_LOAN_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "grpcpp/support/slice.h"

namespace lossd::client {

// Memory of the caller's that gRPC reads from where it lies. gRPC may go on reading after the call
// that it was lent for has ended, because a write to the socket is under way; who lends waits for
// the return before the memory goes back to its owner.
class Loan {
 public:
  Loan() : state_(std::make_shared<State>()) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  // A slice over `bytes`, not empty. What is lent comes back once every reference to the slice is
  // gone.
  grpc::Slice Lend(absl::Span<const char> bytes);

  bool returned() const;

  // Waits until everything has come back. The call has ended and was let go of, or the message was
  // written, so that nothing but a write under way holds any of it. `poll` polls the call's queue
  // for about as long as it is told, because nobody else may be moving the connection on.
  void WaitUntilReturned(const std::function<void(absl::Duration)>& poll) const;

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    int slices_out = 0;
  };

  bool WaitFor(absl::Duration time) const;
  static void Return(void* state);

  std::shared_ptr<State> state_;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_LOAN_H_
