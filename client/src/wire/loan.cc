#include "client/src/wire/loan.h"

namespace lossd::client {

grpc::Slice Loan::Lend(absl::Span<const char> bytes) {
  {
    const absl::MutexLock lock(&state_->mutex);
    ++state_->slices_out;
  }
  // gRPC's type says void*, but nothing writes to a slice that is sent. The slice keeps the state
  // alive on its own, since the last return may still be unlocking it when the waiter goes on.
  return {const_cast<char*>(bytes.data()), bytes.size(), &Loan::Return,
          new std::shared_ptr<State>(state_)};
}

void Loan::Return(void* state) {
  const std::unique_ptr<std::shared_ptr<State>> owner(static_cast<std::shared_ptr<State>*>(state));
  const absl::MutexLock lock(&(*owner)->mutex);
  --(*owner)->slices_out;
}

bool Loan::returned() const {
  const absl::MutexLock lock(&state_->mutex);
  return state_->returned();
}

bool Loan::WaitFor(absl::Duration time) const {
  const absl::MutexLock lock(&state_->mutex);
  return state_->mutex.AwaitWithTimeout(absl::Condition(state_.get(), &State::returned), time);
}

void Loan::WaitUntilReturned(absl::FunctionRef<void(absl::Duration)> poll) const {
  // Usually another thread is just about to let go. Only a stuck connection takes longer.
  constexpr absl::Duration kTurn = absl::Milliseconds(1);
  while (!WaitFor(kTurn)) poll(kTurn);
}

}  // namespace lossd::client
