#include "server/transport/byte_budget.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/transport/budgeted_message.h"

namespace lossd::transport {
namespace {

using ::testing::HasSubstr;
using Reservation = ByteBudget::Reservation;

// Messages of 30 MiB of two connections, which leave room for none but small ones.
class FullBudgetTest : public ::testing::Test {
 protected:
  FullBudgetTest() {
    EXPECT_EQ(first_.Reserve(30 * kMiB), Reservation::kReserved);
    EXPECT_EQ(second_.Reserve(30 * kMiB), Reservation::kReserved);
  }

  ByteBudget budget_{Budget()};
  Message first_{budget_, 1};
  Message second_{budget_, 2};
};

TEST(ByteBudgetTest, AConnectionWithoutMessagesReservesForTheLargest) {
  ByteBudget budget(Budget());
  Message message(budget, 1);
  EXPECT_EQ(message.Reserve(), Reservation::kReserved);
  EXPECT_EQ(message.charge.bytes(), kLargest);
}

TEST(ByteBudgetTest, AConnectionReservesWhatTheLargerOfItsLastTwoMessagesTook) {
  ByteBudget budget(Budget());
  const auto send = [&](int64_t message_bytes, int64_t beside) {
    Message message(budget, 1);
    message.Reserve();
    const int64_t reserved = message.charge.bytes();
    EXPECT_TRUE(budget.Arrived(message.charge, message_bytes).ok());
    EXPECT_TRUE(budget.Grow(message.charge, beside).ok());
    return reserved;
  };
  send(5 * kMiB, 3 * kMiB);
  EXPECT_EQ(send(kMiB, 0), 8 * kMiB);
  EXPECT_EQ(send(kMiB, 0), 8 * kMiB);
  EXPECT_EQ(send(kMiB, 0), kMiB);
}

TEST(ByteBudgetTest, MethodsAndConnectionsHaveTheirOwnPast) {
  ByteBudget budget(Budget());
  {
    Message message(budget, 1);
    message.Reserve();
    EXPECT_TRUE(budget.Arrived(message.charge, kMiB).ok());
  }
  Message owner(budget, 0);
  ByteCharge same({1, 0}, Reader::kCall, owner);
  ByteCharge other_method({1, 1}, Reader::kCall, owner);
  ByteCharge other_connection({2, 0}, Reader::kCall, owner);
  budget.Reserve(same, At(0));
  budget.Reserve(other_method, At(0));
  budget.Reserve(other_connection, At(0));
  EXPECT_EQ(same.bytes(), kMiB);
  EXPECT_EQ(other_method.bytes(), kLargest);
  EXPECT_EQ(other_connection.bytes(), kLargest);
  budget.Return(same);
  budget.Return(other_method);
  budget.Return(other_connection);
  EXPECT_EQ(budget.use().bytes, 0);
}

// A message of a caller.
Message Of(ByteBudget& budget, uint64_t caller, uintptr_t connection) {
  return {budget, connection, Reader::kCall, caller};
}

TEST_F(FullBudgetTest, ACallerWithManyConnectionsHasNoMoreTurnsThanAnother) {
  Message many[] = {Of(budget_, 7, 11), Of(budget_, 7, 12), Of(budget_, 7, 13), Of(budget_, 7, 14)};
  Message few[] = {Of(budget_, 8, 21), Of(budget_, 8, 21)};
  for (Message& message : many) EXPECT_EQ(message.Reserve(5 * kMiB), Reservation::kWaits);
  for (Message& message : few) EXPECT_EQ(message.Reserve(10 * kMiB), Reservation::kWaits);
  budget_.Return(first_.charge);
  EXPECT_EQ(many[0].reserved + few[0].reserved + many[1].reserved + few[1].reserved, 4);
  EXPECT_EQ(many[2].reserved, 0);
  budget_.Return(second_.charge);
  EXPECT_EQ(many[2].reserved + many[3].reserved, 2);
}

TEST(ByteBudgetTest, ACallerHasHalfOfTheBudgetWhileAnotherHasSome) {
  ByteBudget budget(Budget());
  Message first = Of(budget, 7, 11);
  Message second = Of(budget, 7, 12);
  Message third = Of(budget, 7, 13);
  Message other = Of(budget, 8, 21);
  EXPECT_EQ(first.Reserve(20 * kMiB), Reservation::kReserved);
  EXPECT_EQ(second.Reserve(15 * kMiB), Reservation::kReserved) << "there is no other";
  EXPECT_EQ(other.Reserve(kMiB), Reservation::kReserved);
  EXPECT_EQ(third.Reserve(kMiB), Reservation::kWaits);
  Message of_other = Of(budget, 8, 22);
  EXPECT_EQ(of_other.Reserve(20 * kMiB), Reservation::kReserved) << "passes one that has its share";
  budget.Return(first.charge);
  EXPECT_EQ(third.reserved, 1);
}

TEST_F(FullBudgetTest, ACallerLeavesTheOthersAPlaceToWait) {
  constexpr int kPlaces = 64;
  std::vector<std::unique_ptr<Message>> waiting;
  const auto reserve = [&](uint64_t caller) {
    waiting.push_back(
        std::make_unique<Message>(budget_, waiting.size() + 100, Reader::kCall, caller));
    return waiting.back()->Reserve(kMiB);
  };
  for (int i = 0; i < kPlaces / 2; ++i) EXPECT_EQ(reserve(7), Reservation::kWaits);
  EXPECT_EQ(reserve(7), Reservation::kRefused);
  for (int i = 0; i < kPlaces / 2; ++i) EXPECT_EQ(reserve(8), Reservation::kWaits);
  EXPECT_EQ(reserve(9), Reservation::kRefused);
}

// A proxy's connection carries the calls of many.
TEST(ByteBudgetTest, AConnectionIsEachCallersOwn) {
  ByteBudget budget(Budget());
  {
    Message message = Of(budget, 7, 1);
    message.Reserve();
    EXPECT_TRUE(budget.Arrived(message.charge, kMiB).ok());
  }
  Message same = Of(budget, 7, 1);
  Message other = Of(budget, 8, 1);
  EXPECT_EQ(same.Reserve(), Reservation::kReserved);
  EXPECT_EQ(other.Reserve(), Reservation::kReserved);
  EXPECT_EQ(same.charge.bytes(), kMiB);
  EXPECT_EQ(other.charge.bytes(), kLargest);
}

TEST_F(FullBudgetTest, AMessageWaitsUntilThereIsRoomAndIsToldOnce) {
  Message message(budget_, 3);
  EXPECT_EQ(message.Reserve(20 * kMiB), Reservation::kWaits);
  EXPECT_EQ(budget_.use().waiting, 1);
  EXPECT_EQ(message.reserved, 0);
  budget_.Return(first_.charge);
  EXPECT_EQ(message.reserved, 1);
  EXPECT_EQ(message.charge.bytes(), 20 * kMiB);
  EXPECT_FALSE(budget_.StopWaiting(message.charge));
  budget_.Return(second_.charge);
  EXPECT_EQ(message.reserved, 1);
}

TEST_F(FullBudgetTest, SmallMessagesPassAtOnce) {
  std::vector<std::unique_ptr<Message>> small;
  for (uintptr_t i = 0; i < 16; ++i) {
    small.push_back(std::make_unique<Message>(budget_, 10 + i));
    EXPECT_EQ(small.back()->Reserve(256 << 10), Reservation::kReserved);
  }
  // Their part is full.
  Message next(budget_, 9);
  EXPECT_EQ(next.Reserve(256 << 10), Reservation::kWaits);
  small.clear();
  EXPECT_EQ(next.reserved, 1);
}

TEST_F(FullBudgetTest, AMessageThatNobodyWantsAnyMoreLeavesItsPlace) {
  Message gone(budget_, 3);
  Message next(budget_, 4);
  EXPECT_EQ(gone.Reserve(60 * kMiB), Reservation::kWaits);
  EXPECT_EQ(next.Reserve(20 * kMiB), Reservation::kWaits);
  budget_.Return(first_.charge);
  EXPECT_EQ(next.reserved, 0);
  EXPECT_TRUE(budget_.StopWaiting(gone.charge));
  EXPECT_EQ(next.reserved, 1);
}

TEST_F(FullBudgetTest, ConnectionsTakeTurns) {
  std::vector<std::unique_ptr<Message>> of_one;
  for (int i = 0; i < 3; ++i) {
    of_one.push_back(std::make_unique<Message>(budget_, 3));
    EXPECT_EQ(of_one.back()->Reserve(30 * kMiB), Reservation::kWaits);
  }
  Message of_another(budget_, 4);
  EXPECT_EQ(of_another.Reserve(30 * kMiB), Reservation::kWaits);
  budget_.Return(first_.charge);
  EXPECT_EQ(of_one[0]->reserved, 1);
  budget_.Return(second_.charge);
  EXPECT_EQ(of_another.reserved, 1);
  EXPECT_EQ(of_one[1]->reserved, 0);
}

TEST_F(FullBudgetTest, ShortOnesPassALongOneAFewTimesAndNoMore) {
  Message long_one(budget_, 3);
  EXPECT_EQ(long_one.Reserve(30 * kMiB), Reservation::kWaits);
  std::vector<std::unique_ptr<Message>> short_ones;
  for (uintptr_t i = 0; i < 20; ++i) {
    short_ones.push_back(std::make_unique<Message>(budget_, 10 + i));
    EXPECT_EQ(short_ones.back()->Reserve(512 << 10), Reservation::kWaits);
  }
  budget_.Return(first_.charge);
  int passed = 0;
  for (const auto& message : short_ones) passed += message->reserved;
  EXPECT_EQ(passed, 8);
  EXPECT_EQ(long_one.reserved, 0);
  short_ones.erase(short_ones.begin(), short_ones.begin() + passed);
  EXPECT_EQ(long_one.reserved, 1);
}

TEST(ByteBudgetTest, AConnectionHasHalfWhileOthersHaveSome) {
  ByteBudget budget(Budget());
  Message other(budget, 1);
  other.Reserve(kMiB);
  Message first(budget, 2);
  Message second(budget, 2);
  EXPECT_EQ(first.Reserve(20 * kMiB), Reservation::kReserved);
  EXPECT_EQ(second.Reserve(20 * kMiB), Reservation::kWaits);
  // It keeps nobody else from the rest.
  Message third(budget, 3);
  EXPECT_EQ(third.Reserve(20 * kMiB), Reservation::kReserved);
  budget.Return(third.charge);
  // Alone it has all.
  budget.Return(other.charge);
  EXPECT_EQ(second.reserved, 1);
}

TEST(ByteBudgetTest, AloneAMessageOfAnySizeHasRoom) {
  ByteBudget budget(Budget());
  Message message(budget, 1);
  EXPECT_EQ(message.Reserve(kBudget * 2), Reservation::kReserved);
  EXPECT_TRUE(budget.Arrived(message.charge, kBudget * 2).ok());
  EXPECT_TRUE(budget.Grow(message.charge, kBudget).ok());
  Message other(budget, 2);
  EXPECT_EQ(other.Reserve(kMiB), Reservation::kWaits);
}

TEST(ByteBudgetTest, SoManyWaitAndFurtherOnesAreRefused) {
  ByteBudget budget(Budget());
  Message all(budget, 1);
  all.Reserve(kBudget);
  std::vector<std::unique_ptr<Message>> waiting;
  Reservation reservation = Reservation::kWaits;
  for (uintptr_t i = 0; reservation == Reservation::kWaits; ++i) {
    ASSERT_LT(i, 10'000);
    waiting.push_back(std::make_unique<Message>(budget, 10 + i));
    reservation = waiting.back()->Reserve(kMiB);
  }
  EXPECT_EQ(reservation, Reservation::kRefused);
  EXPECT_GE(waiting.size(), 64);
  const absl::Status refused = budget.Overloaded();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--max-in-flight-bytes"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));
}

TEST(ByteBudgetTest, OneConnectionLeavesOthersAPlaceToWait) {
  ByteBudget budget(Budget());
  Message all(budget, 1);
  all.Reserve(kBudget);
  std::vector<std::unique_ptr<Message>> waiting;
  do {
    ASSERT_LT(waiting.size(), 10'000);
    waiting.push_back(std::make_unique<Message>(budget, 2));
  } while (waiting.back()->Reserve(kMiB) == Reservation::kWaits);
  Message other(budget, 3);
  EXPECT_EQ(other.Reserve(kMiB), Reservation::kWaits);
}

TEST_F(FullBudgetTest, AMessageThatIsLargerThanExpectedIsRefusedByTheNameOfTheFlag) {
  Message message(budget_, 3);
  EXPECT_EQ(message.Reserve(1000), Reservation::kReserved);
  const absl::Status refused = budget_.Arrived(message.charge, 5 * kMiB);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--max-in-flight-bytes"));
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));
  EXPECT_EQ(message.charge.bytes(), 0);
  EXPECT_EQ(budget_.use().bytes, 60 * kMiB);
}

TEST_F(FullBudgetTest, AnAnswerIsCountedBeforeItIsMade) {
  EXPECT_TRUE(budget_.Arrived(first_.charge, 10 * kMiB).ok());
  EXPECT_TRUE(budget_.Grow(first_.charge, 20 * kMiB).ok());
  EXPECT_EQ(budget_.Grow(first_.charge, kMiB).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(first_.charge.bytes(), 30 * kMiB);
  budget_.Return(second_.charge);
  EXPECT_TRUE(budget_.Grow(first_.charge, kMiB).ok());
  EXPECT_EQ(first_.charge.bytes(), 31 * kMiB);
}

TEST(ByteBudgetTest, WhatWasReservedForNothingIsFreeOnceTheMessageHasCome) {
  ByteBudget budget(Budget());
  Message message(budget, 1);
  message.Reserve();
  EXPECT_TRUE(budget.Arrived(message.charge, 1000).ok());
  EXPECT_LT(message.charge.bytes(), kMiB);
  budget.Settle(message.charge, 50);
  budget.Return(message.charge);
  EXPECT_EQ(budget.use().bytes, 0);
}

TEST(ByteBudgetTest, AMessageThatIsShorterThanTheLastOneIsExpectedToTakeLessInItsProportion) {
  ByteBudget budget(Budget());
  Message message(budget, 1);
  message.charge.Expect({4 * kMiB, 10 * kMiB});
  EXPECT_TRUE(budget.ReserveAhead(message.charge));
  EXPECT_TRUE(budget.Arrived(message.charge, 2 * kMiB).ok());
  EXPECT_EQ(message.charge.bytes(), 5 * kMiB);
}

TEST(ByteBudgetTest, AMessageThatDoesNotArriveIsToldOfItsTimeLimit) {
  ByteBudget budget(Budget());
  Message message(budget, 1);
  Message idle(budget, 2, Reader::kStream);
  message.Reserve(10 * kMiB);
  idle.Reserve(10 * kMiB);
  budget.Tick(At(19'900));
  EXPECT_EQ(message.time_up, 0);
  budget.Tick(At(21'000));
  EXPECT_EQ(message.time_up, 1);
  EXPECT_EQ(idle.time_up, 0);
  EXPECT_TRUE(budget.Arrived(message.charge, 10 * kMiB).ok());
  budget.Tick(At(1'000'000));
  EXPECT_EQ(message.time_up, 1);
}

TEST_F(FullBudgetTest, AMessageThatWaitsTooLongIsTold) {
  Message message(budget_, 3);
  EXPECT_EQ(message.Reserve(20 * kMiB), Reservation::kWaits);
  EXPECT_TRUE(budget_.Arrived(first_.charge, 30 * kMiB).ok());
  EXPECT_TRUE(budget_.Arrived(second_.charge, 30 * kMiB).ok());
  budget_.Tick(At(9'900));
  EXPECT_EQ(message.time_up, 0);
  budget_.Tick(At(10'100));
  EXPECT_EQ(message.time_up, 1);
}

TEST_F(FullBudgetTest, AMessageThatComesSlowlyGivesWayToOneThatWaits) {
  budget_.Tick(At(9'000));
  EXPECT_EQ(first_.needed + second_.needed, 0);
  Message message(budget_, 3);
  EXPECT_EQ(message.Reserve(20 * kMiB, At(9'000)), Reservation::kWaits);
  budget_.Tick(At(9'100));
  // One of them has what it needs.
  EXPECT_EQ(first_.needed + second_.needed, 1);
}

// Streams that wait for their clients, with 20 MiB reserved each.
class IdleStreamsTest : public ::testing::Test {
 protected:
  IdleStreamsTest() {
    for (auto* stream : {&first_, &second_, &third_}) {
      EXPECT_EQ(stream->Reserve(20 * kMiB), Reservation::kReserved);
    }
  }

  ByteBudget budget_{Budget()};
  Message first_{budget_, 1, Reader::kStream};
  Message second_{budget_, 2, Reader::kStream};
  Message third_{budget_, 3, Reader::kStream};
};

TEST_F(IdleStreamsTest, AreTrustedAfterASecond) {
  Message message(budget_, 4);
  EXPECT_EQ(message.Reserve(15 * kMiB), Reservation::kWaits);
  budget_.Tick(At(900));
  EXPECT_EQ(message.reserved, 0);
  budget_.Tick(At(1'100));
  EXPECT_EQ(message.reserved, 1);
  EXPECT_EQ(first_.needed, 0);
  EXPECT_EQ(budget_.use().bytes, 15 * kMiB);
  EXPECT_EQ(budget_.use().trusted, 60 * kMiB);
  // They may come all the same.
  for (auto* stream : {&first_, &second_, &third_}) {
    EXPECT_TRUE(budget_.Arrived(stream->charge, 20 * kMiB).ok());
  }
  EXPECT_EQ(budget_.use().bytes, 75 * kMiB);
  EXPECT_EQ(budget_.use().trusted, 0);
}

TEST_F(IdleStreamsTest, AreTrustedWithNoMoreThanTheyReserved) {
  Message message(budget_, 4);
  EXPECT_EQ(message.Reserve(15 * kMiB), Reservation::kWaits);
  budget_.Tick(At(1'100));
  Message fifth(budget_, 5);
  Message sixth(budget_, 6);
  EXPECT_EQ(fifth.Reserve(20 * kMiB), Reservation::kReserved);
  EXPECT_EQ(sixth.Reserve(20 * kMiB), Reservation::kReserved);
  EXPECT_EQ(budget_.Arrived(first_.charge, 21 * kMiB).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(budget_.use().trusted, 40 * kMiB);
}

TEST_F(IdleStreamsTest, TogetherAreTrustedWithTheBudgetOnceMoreAndThenEnd) {
  std::vector<std::unique_ptr<Message>> others;
  for (uintptr_t i = 0; i < 5; ++i) {
    others.push_back(std::make_unique<Message>(budget_, 10 + i, Reader::kStream));
    others.back()->Reserve(20 * kMiB);
    budget_.Tick(At(2'000));
  }
  const auto needed = [&] {
    int sum = first_.needed + second_.needed + third_.needed;
    for (const auto& other : others) sum += other->needed;
    return sum;
  };
  EXPECT_EQ(budget_.use().trusted, 60 * kMiB);
  EXPECT_EQ(needed(), 0);
  // The others have been idle for a second, too, and one that waits needs what one of them has.
  budget_.Tick(At(4'000));
  EXPECT_EQ(budget_.use().trusted, 60 * kMiB);
  EXPECT_EQ(needed(), 1);
  EXPECT_EQ(others[0]->needed, 1);
}

TEST(ByteBudgetTest, AStreamThatHasSentNothingIsNotTrusted) {
  ByteBudget budget(Budget());
  std::vector<std::unique_ptr<Message>> streams;
  for (uintptr_t i = 0; i < 3; ++i) {
    streams.push_back(std::make_unique<Message>(budget, 1 + i, Reader::kStream));
    EXPECT_EQ(streams.back()->Reserve(), Reservation::kReserved);
  }
  Message message(budget, 9);
  EXPECT_EQ(message.Reserve(), Reservation::kWaits);
  budget.Tick(At(2'000));
  EXPECT_EQ(streams[0]->needed, 1);
  EXPECT_EQ(budget.use().trusted, 0);
  budget.Return(streams[0]->charge);
  EXPECT_EQ(message.reserved, 1);
}

TEST(ByteBudgetTest, AStreamReadsAheadInHalfOfTheBudget) {
  ByteBudget budget(Budget());
  std::vector<std::unique_ptr<Message>> ahead;
  do {
    ASSERT_LT(ahead.size(), 100);
    ahead.push_back(std::make_unique<Message>(budget, 1, Reader::kStream));
    ahead.back()->charge.Expect({4 * kMiB, 4 * kMiB});
  } while (budget.ReserveAhead(ahead.back()->charge));
  EXPECT_EQ(budget.use().bytes, kBudget / 2);
  Message other(budget, 2);
  EXPECT_EQ(other.Reserve(20 * kMiB), Reservation::kReserved);
}

TEST_F(FullBudgetTest, AStreamDoesNotReadAheadOfOneThatWaits) {
  budget_.Return(first_.charge);
  budget_.Return(second_.charge);
  Message all(budget_, 1);
  all.Reserve(20 * kMiB);
  Message waiting(budget_, 2);
  EXPECT_EQ(waiting.Reserve(50 * kMiB), Reservation::kWaits);
  Message ahead(budget_, 3, Reader::kStream);
  ahead.charge.Expect({kMiB, kMiB});
  EXPECT_FALSE(budget_.ReserveAhead(ahead.charge));
}

TEST_F(FullBudgetTest, AMessageThatStaysIsCountedPastTheBudget) {
  Message message(budget_, 3, Reader::kStream);
  message.charge.Expect({1000, 1000});
  EXPECT_TRUE(budget_.ReserveAhead(message.charge));
  EXPECT_FALSE(budget_.Arrived(message.charge, 5 * kMiB).ok());
  budget_.ArrivedToStay(message.charge, 5 * kMiB);
  EXPECT_EQ(budget_.use().bytes, 65 * kMiB);
  EXPECT_TRUE(budget_.Arrived(message.charge, 5 * kMiB).ok());
}

TEST(ByteBudgetTest, SaysHowManyLargeMessagesThereAre) {
  ByteBudget budget(Budget());
  {
    Message small(budget, 1);
    small.Reserve();
    EXPECT_TRUE(budget.Arrived(small.charge, 1000).ok());
    EXPECT_EQ(budget.use().busy, 0);
    Message large(budget, 2);
    large.Reserve();
    EXPECT_EQ(budget.use().busy, 0);
    EXPECT_TRUE(budget.Arrived(large.charge, kMiB).ok());
    EXPECT_EQ(budget.use().busy, 1);
  }
  EXPECT_EQ(budget.use().busy, 0);
  EXPECT_EQ(budget.use().begun, 1);
}

// Threads that do all of it at once: nothing is lost, nobody waits for ever, and the bytes stay
// within the budget.
TEST(ByteBudgetTest, HoldsUnderManyThreads) {
  ByteBudget budget(Budget());
  std::atomic<bool> done = false;
  std::thread ticker([&] {
    while (!done) {
      budget.FindExcess(std::chrono::steady_clock::now());
      budget.Tick(std::chrono::steady_clock::now());
      EXPECT_LE(budget.use().bytes, kBudget);
    }
  });
  const auto work = [&](uintptr_t connection) {
    for (int i = 0; i < 300; ++i) {
      Message message(budget, connection, i % 3 == 0 ? Reader::kStream : Reader::kCall);
      const int64_t bytes = i % 2 == 0 ? 1000 : (i % 7) * kMiB;
      const Reservation reservation = message.Reserve(bytes * 2, std::chrono::steady_clock::now());
      ASSERT_NE(reservation, Reservation::kRefused);
      if (reservation == Reservation::kWaits) {
        if (i % 5 == 0 && budget.StopWaiting(message.charge)) continue;
        while (message.reserved == 0) std::this_thread::yield();
      }
      ASSERT_TRUE(budget.Arrived(message.charge, bytes).ok());
      ASSERT_TRUE(budget.Grow(message.charge, bytes / 2).ok());
      budget.Settle(message.charge, bytes);
    }
  };
  std::vector<std::thread> threads;
  for (uintptr_t i = 0; i < 8; ++i) threads.emplace_back(work, 1 + i / 2);
  for (std::thread& thread : threads) thread.join();
  done = true;
  ticker.join();
  EXPECT_EQ(budget.use().bytes, 0);
  EXPECT_EQ(budget.use().waiting, 0);
  EXPECT_EQ(budget.use().trusted, 0);
}

}  // namespace
}  // namespace lossd::transport
