#include "server/transport/grpc/event_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/alarm.h"
#include "grpcpp/server_builder.h"

namespace lossd::transport {
namespace {

using ::testing::ElementsAre;

// Notes that it was called, then does what it is told to.
class NotingTag final : public CompletionTag {
 public:
  NotingTag(
      std::vector<std::string>& notes, std::string name, std::function<void()> then = [] {})
      : notes_(notes), name_(std::move(name)), then_(std::move(then)) {}

  void OnEvent(bool ok) override {
    notes_.push_back(ok ? name_ : name_ + " failed");
    then_();
  }

 private:
  std::vector<std::string>& notes_;
  std::string name_;
  std::function<void()> then_;
};

class EventQueueTest : public ::testing::Test {
 protected:
  // An event that is at hand from now on.
  void Post(CompletionTag& tag) {
    alarms_.push_back(std::make_unique<grpc::Alarm>());
    alarms_.back()->Set(&queue_.queue(), std::chrono::system_clock::now() - std::chrono::hours(1),
                        &tag);
  }

  // Delivers what is posted, then ends.
  void Deliver() {
    NotingTag end(notes_, "end", [this] { queue_.queue().Shutdown(); });
    grpc::Alarm alarm(&queue_.queue(),
                      std::chrono::system_clock::now() + std::chrono::milliseconds(100), &end);
    queue_.DeliverEvents();
  }

  grpc::ServerBuilder builder_;
  EventQueue queue_{builder_.AddCompletionQueue()};
  std::vector<std::string> notes_;
  std::vector<std::unique_ptr<grpc::Alarm>> alarms_;
};

TEST_F(EventQueueTest, IdleTagsComeAfterTheEventsThatAreAtHandAndBeforeWaitingForOthers) {
  NotingTag idle(notes_, "idle");
  NotingTag other_idle(notes_, "other idle");
  NotingTag first(notes_, "first", [&] { queue_.WhenIdle(idle); });
  NotingTag second(notes_, "second", [&] { queue_.WhenIdle(other_idle); });
  Post(first);
  Post(second);
  Deliver();
  EXPECT_THAT(notes_, ElementsAre("first", "second", "idle", "other idle", "end"));
}

TEST_F(EventQueueTest, IdleTagsDoNotWaitForABusyQueue) {
  NotingTag idle(notes_, "idle");
  NotingTag first(notes_, "first", [&] { queue_.WhenIdle(idle); });
  NotingTag other(notes_, "other");
  Post(first);
  for (int i = 0; i < 2 * EventQueue::kMostEvents; ++i) Post(other);
  Deliver();
  ASSERT_EQ(notes_.size(), 2 * EventQueue::kMostEvents + 3);
  EXPECT_EQ(notes_[EventQueue::kMostEvents + 1], "idle");
}

TEST_F(EventQueueTest, AnIdleTagIsCalledOnceAndMayBeGivenAgain) {
  NotingTag idle(notes_, "idle");
  NotingTag again(notes_, "again", [&] { queue_.WhenIdle(idle); });
  NotingTag first(notes_, "first", [&] { queue_.WhenIdle(again); });
  Post(first);
  Deliver();
  EXPECT_THAT(notes_, ElementsAre("first", "again", "idle", "end"));
}

}  // namespace
}  // namespace lossd::transport
