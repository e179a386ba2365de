#include "server/transport/call_deadline.h"

namespace lossd::transport {
namespace {

// Longer than any server runs; the clocks overflow beyond it.
constexpr std::chrono::hours kForever{24 * 365 * 100};

}  // namespace

CallDeadline::CallDeadline(WallClock::time_point deadline, WallClock::time_point wall_now,
                           SteadyClock::time_point now) {
  if (deadline >= wall_now + kForever) return;
  deadline_ = deadline > wall_now ? now + (deadline - wall_now) : now;
}

}  // namespace lossd::transport
