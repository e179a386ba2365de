#include "server/transport/open_streams.h"

#include <gtest/gtest.h>

namespace lossd::transport {
namespace {

class FakeStream final : public OpenStreams::Stream {
 public:
  int drained = 0;
  OpenStreams::Clock::time_point last_used;

 private:
  void OnDrain() override { ++drained; }
  bool EndIfIdleSince(OpenStreams::Clock::time_point since) override { return last_used > since; }
};

TEST(OpenStreamsTest, DrainTellsThoseThatAreOpenOnce) {
  OpenStreams streams;
  FakeStream open;
  FakeStream ended;
  streams.Add(open);
  streams.Add(ended);
  streams.Remove(ended);
  EXPECT_EQ(open.drained, 0);
  streams.Drain();
  streams.Drain();
  EXPECT_EQ(open.drained, 1);
  EXPECT_EQ(ended.drained, 0);
}

TEST(OpenStreamsTest, AStreamThatComesWhileItDrainsIsToldAtOnce) {
  OpenStreams streams;
  streams.Drain();
  FakeStream late;
  streams.Add(late);
  EXPECT_EQ(late.drained, 1);
}

TEST(OpenStreamsTest, CountsThoseThatGoOnWhenTheIdleOnesEnd) {
  OpenStreams streams;
  FakeStream used;
  FakeStream idle;
  streams.Add(used);
  streams.Add(idle);
  const auto now = OpenStreams::Clock::now();
  used.last_used = now;
  EXPECT_EQ(streams.EndIdleSince(now - std::chrono::seconds(1)), 1);
  EXPECT_EQ(streams.EndIdleSince(now), 0);
}

TEST(OpenStreamsTest, RemoveTakesStreamsThatWereNeverAdded) {
  OpenStreams streams;
  FakeStream never;
  streams.Remove(never);
  streams.Drain();
  EXPECT_EQ(never.drained, 0);
}

}  // namespace
}  // namespace lossd::transport
