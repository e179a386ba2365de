#ifndef LOSSD_CLIENT_SRC_WIRE_LOAN_H_
#define LOSSD_CLIENT_SRC_WIRE_LOAN_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "grpcpp/support/slice.h"

namespace lossd::client {

// Memory of the caller that gRPC reads in place. gRPC may go on reading after the call has ended,
// because a write to the socket is under way. The lender waits for the return before it gives the
// memory back to its owner.
class Loan {
 public:
  Loan() : state_(std::make_shared<State>()) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

  // Returns a slice over `bytes`, which are not empty. They come back when every reference to the
  // slice is gone.
  grpc::Slice Lend(absl::Span<const char> bytes);

  bool returned() const;

  // Waits until everything has come back. Call it when nothing but a write under way can hold any
  // of it: when the call has ended and was destroyed, or the message was written. `poll` polls the
  // call's queue for about the time that it is given: perhaps no other thread serves the
  // connection.
  void WaitUntilReturned(absl::FunctionRef<void(absl::Duration)> poll) const;

 private:
  struct State {
    bool returned() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return slices_out == 0; }

    absl::Mutex mutex;
    int slices_out ABSL_GUARDED_BY(mutex) = 0;
  };

  bool WaitFor(absl::Duration time) const;
  static void Return(void* state);

  std::shared_ptr<State> state_;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_LOAN_H_
