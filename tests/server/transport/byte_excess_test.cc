// What ByteBudget does about messages that are larger than their connections let expect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/server/transport/budgeted_message.h"

namespace lossd::transport {
namespace {

using ::testing::HasSubstr;
using Reservation = ByteBudget::Reservation;

constexpr int64_t kSmall = 1000;

// A connection whose messages are small ones, with a message that is on its way.
class ByteExcessTest : public ::testing::Test {
 protected:
  ByteExcessTest() {
    for (int i = 0; i < 3; ++i) {
      Message before(budget_, 1);
      EXPECT_EQ(before.Reserve(kSmall), Reservation::kReserved);
      EXPECT_TRUE(budget_.Arrived(before.charge, kSmall).ok());
    }
    EXPECT_EQ(large_.Reserve(), Reservation::kReserved);
    large_.received = 3 * kSmall;
    Look();
  }

  void Look() { budget_.FindExcess(At(now_ += 100)); }

  int now_ = 0;
  ByteBudget budget_{Budget()};
  Message large_{budget_, 1};
};

TEST_F(ByteExcessTest, IsFoundWhileTheMessageComes) {
  *large_.received += 4 * kMiB;
  Look();
  EXPECT_EQ(large_.exceeded, 0);  // That is little of the budget.
  *large_.received += kMiB;
  Look();
  EXPECT_EQ(large_.exceeded, 1);
}

TEST_F(ByteExcessTest, IsReservedWhereThereIsRoom) {
  *large_.received += 5 * kMiB;
  Look();
  EXPECT_TRUE(budget_.ReserveMore(large_.charge).ok());
  EXPECT_EQ(budget_.use().bytes, kLargest);
  *large_.received += 10 * kMiB;
  Look();
  EXPECT_EQ(large_.exceeded, 1);
  EXPECT_TRUE(budget_.Arrived(large_.charge, 15 * kMiB).ok());
  budget_.Settle(large_.charge, 15 * kMiB);
  EXPECT_EQ(budget_.use().bytes, 15 * kMiB);
}

TEST_F(ByteExcessTest, IsRefusedWhereThereIsNone) {
  Message first(budget_, 2);
  Message second(budget_, 3);
  first.Reserve(30 * kMiB);
  second.Reserve(25 * kMiB);
  *large_.received += 5 * kMiB;
  Look();
  EXPECT_EQ(large_.exceeded, 1);
  const absl::Status refused = budget_.ReserveMore(large_.charge);
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(refused.message(), HasSubstr("the server is overloaded"));
  // What the connection's messages took before says nothing of the next ones.
  budget_.Return(large_.charge);
  EXPECT_EQ(large_.Reserve(), Reservation::kWaits);
}

TEST_F(ByteExcessTest, IsAddedUpOverConnections) {
  std::vector<std::unique_ptr<Message>> others;
  for (uintptr_t i = 2; i < 8; ++i) {
    others.push_back(std::make_unique<Message>(budget_, i));
    others.back()->Reserve(kSmall);
  }
  Look();
  for (const auto& other : others) *other->received += kMiB;
  Look();
  int asked = 0;
  for (const auto& other : others) asked += other->exceeded;
  // As many as leave half of what may be.
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(large_.exceeded, 0);
}

TEST_F(ByteExcessTest, IsNotWhatHasComeWhole) {
  for (int i = 0; i < 20; ++i) {
    Message whole(budget_, 1);
    whole.Reserve(kMiB);
    EXPECT_TRUE(budget_.Arrived(whole.charge, kMiB).ok());
    *large_.received += kMiB + 100;
    if (i % 2 == 0) Look();
  }
  EXPECT_EQ(large_.exceeded, 0);
}

TEST_F(ByteExcessTest, IsNotWhatIsOnItsWayAndReserved) {
  Message reserved(budget_, 1);
  reserved.Reserve(10 * kMiB);
  Look();
  *large_.received += 10 * kMiB;
  reserved.received = large_.received;
  Look();
  EXPECT_EQ(large_.exceeded, 0);
  EXPECT_EQ(reserved.exceeded, 0);
}

TEST_F(ByteExcessTest, OfSeveralIsTakenForThatOfTheCallThatHasTakenLongest) {
  Message idle(budget_, 4, Reader::kStream);
  idle.Reserve(kSmall);
  Message first(budget_, 4);
  first.Reserve(kSmall, At(now_));
  Look();
  Message second(budget_, 4);
  second.Reserve(kSmall, At(now_));
  for (Message* message : {&idle, &first, &second}) message->received = 6 * kMiB;
  Look();
  EXPECT_EQ(idle.exceeded, 0);
  EXPECT_EQ(first.exceeded, 1);
  EXPECT_EQ(second.exceeded, 0);
}

// As a proxy has it.
TEST_F(ByteExcessTest, IsNotWhatAnotherCallerSendsOnTheConnection) {
  Message idle(budget_, 4, Reader::kStream, 7);
  idle.Reserve(kSmall);
  Look();
  for (int i = 0; i < 20; ++i) {
    Message whole(budget_, 4, Reader::kCall, 8);
    whole.Reserve(kMiB);
    EXPECT_TRUE(budget_.Arrived(whole.charge, kMiB).ok());
    *idle.received += kMiB + 100;
    if (i % 2 == 0) Look();
  }
  EXPECT_EQ(idle.exceeded, 0);
}

TEST_F(ByteExcessTest, IsTakenForThatOfTheCallerWhoseMessageComes) {
  Message idle(budget_, 4, Reader::kStream, 7);
  idle.Reserve(kSmall);
  Message call(budget_, 4, Reader::kCall, 8);
  call.Reserve(kSmall, At(now_));
  Look();
  for (Message* message : {&idle, &call}) *message->received += 6 * kMiB;
  Look();
  EXPECT_EQ(idle.exceeded, 0);
  EXPECT_EQ(call.exceeded, 1);
}

TEST_F(ByteExcessTest, IsNotWhatCameOfCallsThatEndedWhileTheyWaited) {
  Message first(budget_, 2);
  Message second(budget_, 3);
  first.Reserve(30 * kMiB);
  second.Reserve(30 * kMiB);
  Message idle(budget_, 4, Reader::kStream);
  idle.Reserve(kSmall);
  Look();
  for (int i = 0; i < 100; ++i) {
    Message waits(budget_, 4);
    ASSERT_EQ(waits.Reserve(kMiB), Reservation::kWaits);
    *idle.received += kUnreadBytes;
    Look();
    EXPECT_TRUE(budget_.StopWaiting(waits.charge));
    Look();
  }
  EXPECT_EQ(idle.exceeded, 0);
}

TEST_F(ByteExcessTest, IsNotWhatCameOfCallsThatWereRefused) {
  Message first(budget_, 2);
  Message second(budget_, 3);
  first.Reserve(30 * kMiB);
  second.Reserve(30 * kMiB);
  std::vector<std::unique_ptr<Message>> waiting;
  do waiting.push_back(std::make_unique<Message>(budget_, 5));
  while (waiting.back()->Reserve(kMiB) == Reservation::kWaits);
  Message idle(budget_, 5, Reader::kStream);
  idle.Reserve(kSmall);
  Look();
  for (int i = 0; i < 200; ++i) {
    Message refused(budget_, 5);
    ASSERT_EQ(refused.Reserve(kMiB), Reservation::kRefused);
    *idle.received += kUnreadBytes;
    Look();
  }
  EXPECT_EQ(idle.exceeded, 0);
}

// A minute of them, beside a stream that waits.
TEST_F(ByteExcessTest, IsNotWhatComesBesideMessages) {
  Message idle(budget_, 4, Reader::kStream);
  idle.Reserve(kSmall);
  Look();
  for (int look = 0; look < 600; ++look) {
    for (int i = 0; i < 20; ++i) {
      Message whole(budget_, 4);
      whole.Reserve(kSmall);
      EXPECT_TRUE(budget_.Arrived(whole.charge, kSmall).ok());
      *idle.received += kSmall + 1000;
    }
    Look();
  }
  EXPECT_EQ(idle.exceeded, 0);
}

TEST_F(ByteExcessTest, IsNotLookedForWhereNobodyKnowsWhatCame) {
  large_.received.reset();
  Look();
  Look();
  EXPECT_EQ(large_.exceeded, 0);
}

// A message that ends while the system is asked what has come: nobody holds the budget's lock then.
class EndsWhenAsked final : public ChargeOwner {
 public:
  explicit EndsWhenAsked(ByteBudget& budget) : budget_(budget) {
    charge_.Expect({kSmall, kSmall});
    EXPECT_EQ(budget_.Reserve(charge_, At(0)), Reservation::kReserved);
  }

  void OnReserved() override {}
  void OnTimeUp() override {}
  void OnNeeded() override {}
  void OnExceeded() override { ADD_FAILURE() << "it has gone"; }
  ReceivedBytesCounter CounterOfConnection() const override {
    return [this] {
      if (++asked_ == 2) budget_.Return(charge_);
      return 6 * kMiB * asked_;
    };
  }

  int asked() const { return asked_; }

 private:
  ByteBudget& budget_;
  mutable ByteCharge charge_{{9, 0, 0}, Reader::kCall, *this};
  mutable int asked_ = 0;
};

TEST_F(ByteExcessTest, IsCountedWhileMessagesComeAndGo) {
  const EndsWhenAsked message(budget_);
  for (int i = 0; i < 4; ++i) Look();
  EXPECT_EQ(message.asked(), 2);
}

TEST_F(ByteExcessTest, OfAMessageThatHasComeMeanwhileIsNone) {
  EXPECT_TRUE(budget_.Arrived(large_.charge, kSmall).ok());
  EXPECT_TRUE(budget_.ReserveMore(large_.charge).ok());
  EXPECT_LT(budget_.use().bytes, kMiB);
}

}  // namespace
}  // namespace lossd::transport
