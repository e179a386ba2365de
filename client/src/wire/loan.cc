#include "client/src/wire/loan.h"

#include <chrono>

namespace lossd::client {

grpc::Slice Loan::Lend(absl::Span<const char> bytes) {
  {
    const std::lock_guard<std::mutex> lock(state_->mutex);
    ++state_->slices_out;
  }
  // gRPC's type says void*, but nothing writes to a slice that is sent. The slice keeps the state
  // alive on its own, since the last return may still be unlocking it when the waiter goes on.
  return {const_cast<char*>(bytes.data()), bytes.size(), &Loan::Return,
          new std::shared_ptr<State>(state_)};
}

void Loan::Return(void* state) {
  const std::unique_ptr<std::shared_ptr<State>> owner(static_cast<std::shared_ptr<State>*>(state));
  const std::lock_guard<std::mutex> lock((*owner)->mutex);
  if (--(*owner)->slices_out == 0) (*owner)->changed.notify_all();
}

bool Loan::returned() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->slices_out == 0;
}

bool Loan::WaitFor(absl::Duration time) const {
  std::unique_lock<std::mutex> lock(state_->mutex);
  return state_->changed.wait_for(lock, absl::ToChronoMicroseconds(time),
                                  [this] { return state_->slices_out == 0; });
}

void Loan::WaitUntilReturned(const std::function<void(absl::Duration)>& poll) const {
  // Mostly another thread is just about to let go. Only a stuck connection takes longer.
  constexpr absl::Duration kTurn = absl::Milliseconds(1);
  while (!WaitFor(kTurn)) poll(kTurn);
}

}  // namespace lossd::client
