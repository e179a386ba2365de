#ifndef LOSSD_TESTS_SERVER_TRANSPORT_BUDGETED_MESSAGE_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_BUDGETED_MESSAGE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/time.h"
#include "server/transport/byte_budget.h"

namespace lossd::transport {

inline constexpr int64_t kMiB = 1 << 20;
// 60 are for messages that are not small, 4 for small ones of up to 256 KiB.
inline constexpr int64_t kBudget = 64 * kMiB;
inline constexpr int64_t kLargest = 16 * kMiB;

inline SteadyTime At(int milliseconds) {
  return SteadyTime() + std::chrono::hours(1) + std::chrono::milliseconds(milliseconds);
}

inline ByteBudget::Options Budget() { return {kBudget, kLargest, absl::Seconds(10)}; }

// A message, and what it was told.
class Message final : public ChargeOwner {
 public:
  Message(ByteBudget& budget, uintptr_t connection, Reader reader = Reader::kCall,
          uint64_t caller = 0)
      : charge({connection, 0, caller}, reader, *this), budget_(budget) {}
  ~Message() { budget_.Return(charge); }

  void OnReserved() override { ++reserved; }
  void OnTimeUp() override { ++time_up; }
  void OnNeeded() override { ++needed; }
  void OnExceeded() override { ++exceeded; }
  ReceivedBytesCounter CounterOfConnection() const override {
    return [counted = counted_] { return *counted; };
  }

  ByteBudget::Reservation Reserve(int64_t expected = 0, SteadyTime now = At(0)) {
    charge.Expect({expected, expected});
    return budget_.Reserve(charge, now);
  }

 private:
  // Is asked when the message has gone, too.
  const std::shared_ptr<std::optional<int64_t>> counted_ =
      std::make_shared<std::optional<int64_t>>(0);

 public:
  ByteCharge charge;
  std::atomic<int> reserved = 0;
  int time_up = 0;
  int needed = 0;
  int exceeded = 0;
  std::optional<int64_t>& received = *counted_;  // on its connection

 private:
  ByteBudget& budget_;
};

}  // namespace lossd::transport

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_BUDGETED_MESSAGE_H_
