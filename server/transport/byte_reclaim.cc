// What ByteBudget does from time to time.
#include <algorithm>

#include "server/transport/byte_budget.h"

namespace lossd::transport {
namespace {

constexpr std::chrono::seconds kIdleBeforeReclaim{1};
// While others wait, a message has so much time to arrive, and as much more as it takes at this
// rate.
constexpr std::chrono::seconds kTimeWhileOthersWait{5};
constexpr int64_t kBytesPerMillisecondWhileOthersWait = (8 << 20) / 1000;

}  // namespace

void ByteBudget::Tick(SteadyTime now) {
  const MutexLock lock(&mutex_);
  now_ = std::max(now_, now);
  for (ByteCharge* charge = all_.first(); charge != nullptr; charge = all_.after(*charge)) {
    if (!charge->LimitPassed(now)) continue;
    charge->owner_.OnTimeUp();
  }
  Reclaim();
  ServeWaiting();
}

void ByteBudget::ServeWaiting() {
  const auto room = [this](const ByteCharge& charge)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return RoomForExpected(charge); };
  while (ByteCharge* charge = waiting_.Next(room)) {
    waiting_.Take(*charge);
    Take(*charge);
    if (charge->reader_ == Reader::kStream && !charge->small_) idle_.Append(*charge);
    charge->owner_.OnReserved();
  }
}

void ByteBudget::Reclaim() {
  TrustIdle();
  const ByteCharge* first =
      waiting_.Blocked([this](const ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return RoomForExpected(charge);
      });
  if (first == nullptr || RoomForExpected(*first) == Room::kThereIs) return;
  const int64_t missing = std::min(first->expected_.most - (regular_max_ - regular_), regular_);
  ReclaimFromSlow(ReclaimFromIdle(missing));
}

void ByteBudget::TrustIdle() {
  ByteCharge* next = nullptr;
  for (ByteCharge* charge = idle_.first(); charge != nullptr; charge = next) {
    next = idle_.after(*charge);
    if (now_ - charge->begun_ < kIdleBeforeReclaim) return;
    if (!charge->known_ || charge->bytes_ > options_.max_bytes - trusted_) continue;
    idle_.Remove(*charge);
    charge->trusted_ = charge->bytes_;
    trusted_ += charge->bytes_;
    Count(*charge, 0);
  }
}

int64_t ByteBudget::ReclaimFromIdle(int64_t missing) {
  while (missing > 0 && !idle_.empty()) {
    ByteCharge& charge = *idle_.first();
    if (now_ - charge.begun_ < kIdleBeforeReclaim) break;
    idle_.Remove(charge);
    missing -= charge.bytes_;
    charge.owner_.OnNeeded();
  }
  return missing;
}

void ByteBudget::ReclaimFromSlow(int64_t missing) {
  for (ByteCharge* charge = all_.first(); charge != nullptr && missing > 0;
       charge = all_.after(*charge)) {
    if (charge->reader_ != Reader::kCall || charge->small_ || charge->bytes_ == 0) continue;
    if (charge->state_ != ByteCharge::State::kReading) continue;
    const auto allowed =
        kTimeWhileOthersWait +
        std::chrono::milliseconds(charge->bytes_ / kBytesPerMillisecondWhileOthersWait);
    if (now_ - charge->begun_ < allowed) continue;
    missing -= charge->bytes_;
    charge->owner_.OnNeeded();
  }
}

}  // namespace lossd::transport
