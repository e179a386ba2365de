#include "server/transport/call_environment.h"

#include <chrono>
#include <optional>
#include <utility>

namespace lossd::transport {
namespace {

constexpr std::chrono::milliseconds kTickInterval{100};

// They do little but wait.
constexpr int kWaiters = 16;

}  // namespace

CallEnvironment::CallEnvironment(const rpc::Limits& server_limits, Options options)
    : limits(server_limits),
      filters(std::move(options.filters)),
      budget({limits.max_in_flight_bytes, limits.max_message_bytes, options.stall_timeout}),
      workers(options.worker_count),
      waiters(kWaiters),
      memory_return_(
          {limits.max_in_flight_bytes, &ResidentBytes, std::move(options.give_back_memory)}),
      ticker_(kTickInterval, [this] { Tick(); }) {}

bool CallEnvironment::FinishCalls(Drain::Clock::time_point deadline) {
  drain.RefuseCalls();
  streams.Drain();
  return drain.WaitUntilDone(deadline);
}

void CallEnvironment::WaitForRunning() {
  workers.WaitForRunning();
  waiters.WaitForRunning();
}

void CallEnvironment::Tick() {
  const SteadyTime now = std::chrono::steady_clock::now();
  const std::optional<int64_t> resident = ResidentBytes();
  // What has come and was not reserved is a part of that.
  if (!resident || *resident > limits.max_in_flight_bytes / 4) budget.FindExcess(now);
  budget.Tick(now);
  const ByteBudget::Use use = budget.use();
  memory_return_.Observe({use.busy, use.begun}, now);
}

}  // namespace lossd::transport
