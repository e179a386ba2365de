// How a ServedStream reserves bytes for its next batch.
#include <algorithm>
#include <memory>
#include <utility>

#include "server/threads/coarse_clock.h"
#include "server/transport/byte_budget.h"
#include "server/transport/grpc/served_stream.h"

namespace lossd::transport {
namespace {

// A batch like the one before it is larger by this much at most: its sequence takes more digits.
constexpr int64_t kSequenceGrowth = 16;

}  // namespace

bool ServedStream::ReserveNext() {
  if (next_ == nullptr) next_ = std::move(spare_);
  if (next_ == nullptr) {
    next_ = std::make_unique<ByteCharge>(source(), Reader::kStream, charge_owner());
  }
  next_->Expect(ExpectedNext());
  ByteBudget& budget = environment().budget;
  if (!batches_.empty()) return budget.ReserveAhead(*next_);
  switch (budget.Reserve(*next_, CoarseNow())) {
    case ByteBudget::Reservation::kReserved:
      return true;
    case ByteBudget::Reservation::kWaits:
      waits_ = true;
      Hold();
      return false;
    case ByteBudget::Reservation::kRefused:
      takes_requests_ = false;
      end_ = budget.Overloaded();
  }
  return false;
}

bool ServedStream::HoldsBytes() const {
  return std::any_of(batches_.begin(), batches_.end(),
                     [](const Batch& batch) { return batch.refused.ok(); });
}

MessageBytes ServedStream::ExpectedNext() const {
  MessageBytes next{last_message_, 0};
  for (const Batch& batch : batches_) {
    next.message = std::max(next.message, batch.expected.message);
    next.most = std::max(next.most, batch.expected.most);
  }
  if (next.message == 0) return {};
  // A batch like one that was answered takes as much in its proportion.
  if (last_taken_.message > 0 && last_taken_.message >= next.message / 2) {
    const double part =
        static_cast<double>(next.message) / static_cast<double>(last_taken_.message);
    next.most = static_cast<int64_t>(part * static_cast<double>(last_taken_.most));
  }
  next.most = std::max(next.most, next.message) + kSequenceGrowth;
  return next;
}

void ServedStream::CancelReservation() {
  if (next_ != nullptr) environment().budget.Return(*next_);
}

void ServedStream::StopWaiting() {
  if (!waits_ || !environment().budget.StopWaiting(*next_)) return;
  waits_ = false;
  // Not the last one: a call that waits has not come to its end.
  holders_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace lossd::transport
