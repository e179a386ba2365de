#ifndef LOSSD_SERVER_TRANSPORT_CALL_DEADLINE_H_
#define LOSSD_SERVER_TRANSPORT_CALL_DEADLINE_H_

#include <chrono>

namespace lossd::transport {

// When nobody waits for a call any more: so long after it arrived, whatever becomes of the wall
// clock.
class CallDeadline {
 public:
  using WallClock = std::chrono::system_clock;
  using SteadyClock = std::chrono::steady_clock;

  // Never.
  CallDeadline() = default;
  // `deadline` by the wall clock, which shows `wall_now` while the steady one shows `now`.
  CallDeadline(WallClock::time_point deadline, WallClock::time_point wall_now,
               SteadyClock::time_point now);

  // Returns false for one that never passes: what follows needs no look at a clock then.
  bool CanPass() const { return deadline_ != SteadyClock::time_point::max(); }
  bool Passed(SteadyClock::time_point now) const { return now >= deadline_; }

 private:
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CALL_DEADLINE_H_
