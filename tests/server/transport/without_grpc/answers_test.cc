// Calls with many answers to one message.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/rpc/call.h"
#include "server/rpc/limits.h"
#include "server/transport/call_environment.h"
#include "tests/server/transport/without_grpc/memory_server.h"

namespace lossd::transport {
namespace {

constexpr char kMethod[] = "Count";

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text.data(), text.size());
  return {&slice, 1};
}

std::string TextOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(buffer.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  return text;
}

rpc::SentBytes Message(const std::string& text) {
  rpc::SentBytes bytes;
  bytes.Append(text);
  return bytes;
}

// What the calls of a test make.
struct Plan {
  int answers = 10;
  int64_t bytes_each = 0;  // that are asked for
  std::function<absl::Status(int)> fail = [](int) { return absl::OkStatus(); };
  std::atomic<int> made = 0;
  std::atomic<int> sources = 0;
};

// Counts from 0 on, and has nothing to say now and then.
class Counter final : public rpc::AnswerSource {
 public:
  explicit Counter(Plan& plan) : plan_(plan) { ++plan_.sources; }
  ~Counter() override { --plan_.sources; }

  absl::StatusOr<Next> Make(const rpc::CallContext& context) override {
    if (std::exchange(pausing_, !pausing_)) return rpc::AskLater{absl::Milliseconds(1)};
    absl::Status may = context.admit({0, plan_.bytes_each});
    if (may.ok()) may = plan_.fail(next_);
    if (!may.ok()) {
      pausing_ = false;
      return may;
    }
    if (next_ == plan_.answers) return rpc::LastWasSent();
    ++plan_.made;
    return Message(absl::StrCat(next_++));
  }

 private:
  Plan& plan_;
  int next_ = 0;
  bool pausing_ = false;
};

class AnswersTest : public ::testing::Test {
 protected:
  AnswersTest() { Serve(int64_t{64} << 20); }

  void Serve(int64_t max_in_flight_bytes) {
    server_.reset();
    environment_.reset();
    limits_ = rpc::MakeLimits(1 << 20, max_in_flight_bytes);
    CallEnvironment::Options options;
    options.worker_count = 2;
    environment_.emplace(limits_, std::move(options));
    const auto open =
        [this](rpc::ReceivedBytes request,
               const rpc::CallContext&) -> absl::StatusOr<std::unique_ptr<rpc::AnswerSource>> {
      if (request.pieces().size() == 0) return absl::InvalidArgumentError("nothing to count");
      return std::make_unique<Counter>(plan_);
    };
    std::vector<rpc::MethodRow> rows;
    rows.push_back({kMethod, rpc::AnswersMethod{open}});
    server_.emplace(std::move(rows), *environment_);
  }

  std::shared_ptr<MemoryCall> Start(absl::Time deadline = absl::InfiniteFuture(),
                                    size_t unread_answers = 2) {
    auto call = server_->Start(kMethod, deadline, unread_answers);
    call->Send(Bytes("count"));
    call->Close();
    return call;
  }

  // Receives all that comes, which is to be in order, and returns how many came.
  static int ReceiveAll(MemoryCall& call) {
    int next = 0;
    while (const auto answer = call.Receive()) EXPECT_EQ(TextOf(*answer), absl::StrCat(next++));
    return next;
  }

  static void Clients(int count, const std::function<void(int)>& client) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back([&client, i] { client(i); });
    for (std::thread& thread : threads) thread.join();
  }

  Plan plan_;
  rpc::Limits limits_;
  std::optional<CallEnvironment> environment_;
  std::optional<MemoryServer> server_;
};

TEST_F(AnswersTest, ComeInTheirOrderAndThenTheEnd) {
  Clients(4, [&](int) {
    const auto call = Start();
    EXPECT_EQ(ReceiveAll(*call), plan_.answers);
    EXPECT_TRUE(call->Finish().ok());
  });
  server_.reset();
  EXPECT_EQ(plan_.sources, 0);
  EXPECT_EQ(environment_->budget.use().bytes, 0);
}

TEST_F(AnswersTest, AnErrorEndsTheCallAfterTheAnswersBeforeIt) {
  plan_.fail = [](int next) { return next == 3 ? absl::NotFoundError("no 3") : absl::OkStatus(); };
  const auto call = Start();
  EXPECT_EQ(ReceiveAll(*call), 3);
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(AnswersTest, AnExceptionIsAnInternalError) {
  plan_.fail = [](int next) -> absl::Status {
    if (next == 1) throw std::runtime_error("no 1");
    return absl::OkStatus();
  };
  const auto call = Start();
  EXPECT_EQ(ReceiveAll(*call), 1);
  EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::INTERNAL);
}

TEST_F(AnswersTest, ARequestIsWanted) {
  const auto empty = server_->Start(kMethod);
  empty->Send(Bytes(""));
  EXPECT_EQ(empty->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const auto none = server_->Start(kMethod);
  none->Close();
  EXPECT_EQ(none->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// The client has room for one answer, and reads none: the next one waits, and no more are made.
TEST_F(AnswersTest, AreMadeAsTheyAreRead) {
  plan_.answers = 1000;
  const auto call = Start(absl::InfiniteFuture(), 1);
  while (plan_.made < 2) std::this_thread::yield();
  const auto other = Start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(other->Receive());
  other->Cancel();
  other->Finish();
  EXPECT_LE(plan_.made, 2 + 5 + 3);
  EXPECT_EQ(ReceiveAll(*call), 1000);
  EXPECT_TRUE(call->Finish().ok());
}

TEST_F(AnswersTest, ClientsGoAwayAnywhere) {
  plan_.answers = 1'000'000'000;
  Clients(4, [&](int client) {
    for (int i = 0; i < 20; ++i) {
      const auto deadline =
          i % 4 == client ? absl::Now() + absl::Milliseconds(i) : absl::InfiniteFuture();
      const auto call = server_->Start(kMethod, deadline, 2);
      if (i % 5 != client) call->Send(Bytes("count"));
      if (i % 5 != client) {
        for (int j = 0; j < i; ++j) call->Receive();
      }
      call->Cancel();
      EXPECT_FALSE(call->Finish().ok());
    }
  });
  server_.reset();
  EXPECT_EQ(plan_.sources, 0);
  EXPECT_EQ(environment_->budget.use().bytes, 0);
}

TEST_F(AnswersTest, ADrainEndsThem) {
  plan_.answers = 1'000'000'000;
  std::atomic<int> answered = 0;
  std::thread drain([&] {
    while (answered < 30) std::this_thread::yield();
    EXPECT_TRUE(environment_->FinishCalls(Drain::Clock::time_point::max()));
  });
  Clients(3, [&](int) {
    const auto call = Start();
    int next = 0;
    while (const auto answer = call->Receive()) {
      EXPECT_EQ(TextOf(*answer), absl::StrCat(next++));
      ++answered;
    }
    EXPECT_EQ(call->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  });
  drain.join();
}

TEST_F(AnswersTest, WaitForRoomAndLoseNothing) {
  constexpr int64_t kBudget = int64_t{16} << 20;
  Serve(kBudget);
  plan_.bytes_each = kBudget * 3 / 5;
  Clients(3, [&](int) {
    const auto call = Start();
    EXPECT_EQ(ReceiveAll(*call), plan_.answers);
    EXPECT_TRUE(call->Finish().ok());
  });
}

}  // namespace
}  // namespace lossd::transport
