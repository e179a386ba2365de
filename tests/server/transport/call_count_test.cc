#include "server/transport/call_count.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"

namespace lossd::transport {
namespace {

TEST(CallCountTest, WaitsForTheLastCall) {
  CallCount calls;
  EXPECT_TRUE(calls.WaitForNone(absl::InfinitePast()));
  calls.Add();
  calls.Add();
  calls.Remove();
  EXPECT_FALSE(calls.WaitForNone(absl::Now() + absl::Milliseconds(10)));
  std::thread other([&] { calls.Remove(); });
  EXPECT_TRUE(calls.WaitForNone(absl::InfiniteFuture()));
  other.join();
}

}  // namespace
}  // namespace lossd::transport
