#include "lossd/stream.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/client.h"
#include "tests/client/fake_server.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

class StreamTest : public ::testing::Test {
 protected:
  static constexpr int kServersWindow = 4;

  StreamTest() {
    v1::GetServerInfoResponse info;
    info.set_max_stream_window(kServersWindow);
    server_.AnswerWith(info);
  }

  Client MakeClient() {
    absl::StatusOr<Client> client = Client::Create({server_.address()});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  template <typename T = float>
  Stream<T> Open(const StreamOptions& options = {}, const CallOptions& call = {}) {
    absl::StatusOr<Stream<T>> stream = MakeClient().OpenStream<T>(options, call);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  testing::FakeServer server_;
};

// Batch i's logits are [[i, 0]] and its label 0, so that its loss is ln(1 + e^-i).
absl::Status Send(Stream<float>* stream, int i, const ComputeOptions& options = {}) {
  const xt::xarray<float> logits = {{static_cast<float>(i), 0.0f}};
  const xt::xarray<int64_t> labels = {0};
  return stream->Send(logits, labels, {}, options);
}

double LossOf(int i) { return std::log1p(std::exp(-static_cast<double>(i))); }

TEST_F(StreamTest, AnswersBatchesInTheirOrder) {
  Stream<float> stream = Open();
  constexpr int kBatches = 20;
  for (int i = 0; i < kBatches + kServersWindow; ++i) {
    if (i < kBatches) {
      ASSERT_TRUE(Send(&stream, i % 10).ok());
    }
    if (i >= kServersWindow - 1 && i - (kServersWindow - 1) < kBatches) {
      const auto result = stream.Receive();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_NEAR(result->loss, LossOf((i - (kServersWindow - 1)) % 10), 1e-14);
    }
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_TRUE(stream.status().ok());
}

// The loop that client/README.md shows.
TEST_F(StreamTest, OneThreadKeepsTheWindowFull) {
  struct Batch {
    xt::xarray<float> logits;
    xt::xarray<int64_t> labels;
  };
  const size_t count = 20;
  const std::vector<Batch> batches(count, {{{0.0f, 0.0f}}, {1}});
  const absl::StatusOr<Client> client = MakeClient();
  const LossSpec loss;
  const ComputeOptions options;
  absl::Status sent;
  std::vector<absl::StatusOr<Result<float>>> results;

  auto stream = client->OpenStream<float>();
  const auto ahead = static_cast<size_t>(stream->window() - 1);
  for (size_t i = 0; i < count + ahead; ++i) {
    if (i < count) sent = stream->Send(batches[i].logits, batches[i].labels, loss, options);
    if (i >= ahead) results.push_back(stream->Receive());
  }

  EXPECT_TRUE(sent.ok()) << sent;
  ASSERT_EQ(results.size(), batches.size());
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->loss, std::log(2.0));
  }
}

TEST_F(StreamTest, ComputesDoublesInDouble) {
  Stream<double> stream = Open<double>();
  const xt::xarray<double> logits = {{std::log(1.0 / 3.0), std::log(2.0 / 3.0)}};
  const xt::xarray<int64_t> labels = {0};
  ASSERT_TRUE(stream.Send(logits, labels).ok());
  const auto result = stream.Receive();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR((*result->losses)(0), std::log(3.0), 1e-15);
}

TEST_F(StreamTest, OneThreadSendsWhileAnotherReceives) {
  Stream<float> stream = Open();
  constexpr int kBatches = 500;
  std::thread sender([&stream] {
    for (int i = 0; i < kBatches; ++i) {
      ASSERT_TRUE(Send(&stream, i % 10).ok());
    }
    EXPECT_TRUE(stream.CloseSending().ok());
  });
  int received = 0;
  absl::StatusOr<Result<float>> result = stream.Receive();
  for (; result.ok(); result = stream.Receive()) {
    EXPECT_NEAR(result->loss, LossOf(received % 10), 1e-14);
    ++received;
  }
  sender.join();
  EXPECT_EQ(received, kBatches);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(stream.status().ok());
}

TEST_F(StreamTest, SendsLargeBatches) {
  Stream<float> stream = Open();
  constexpr size_t kRows = 200'000;
  std::vector<float> logits(2 * kRows, 1.0f);
  const std::vector<int64_t> labels(kRows, 1);
  std::vector<float> gradient(2 * kRows);
  ComputeOptions options;
  options.outputs.gradient = true;
  options.memory.gradient = absl::MakeSpan(gradient);
  for (int i = 0; i < 3; ++i) {
    std::fill(gradient.begin(), gradient.end(), 0.0f);
    ASSERT_TRUE(stream
                    .Send(ArrayView<float>(logits, {kRows, 2}), ArrayView<int64_t>(labels, {kRows}),
                          {}, options)
                    .ok());
    std::fill(logits.begin(), logits.end(), 1.0f);  // They are ours again.
    const auto result = stream.Receive();
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_FALSE(result->gradient);
    EXPECT_EQ(gradient.front(), 0.5f);
    EXPECT_EQ(gradient.back(), -0.5f);
  }
}

// Sizes around those from which arrays are lent, and from which gRPC keeps no copy for a retry.
TEST_F(StreamTest, OneThreadSendsBatchesOfEverySize) {
  for (const size_t rows : {1000U, 4000U, 5000U, 20'000U, 32'000U, 33'000U, 60'000U}) {
    Stream<float> stream = Open();
    std::vector<float> logits(2 * rows, 1.0f);
    const std::vector<int64_t> labels(rows, 1);
    const auto shape = static_cast<int64_t>(rows);
    for (int i = 0; i < kServersWindow; ++i) {
      std::fill(logits.begin(), logits.end(), 1.0f);
      ASSERT_TRUE(
          stream.Send(ArrayView<float>(logits, {shape, 2}), ArrayView<int64_t>(labels, {shape}))
              .ok());
      std::fill(logits.begin(), logits.end(), std::nanf(""));  // They are ours again.
    }
    for (int i = 0; i < kServersWindow; ++i) {
      const auto result = stream.Receive();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_NEAR(result->loss, static_cast<double>(rows) * std::log(2.0), 1e-6);
    }
  }
}

TEST_F(StreamTest, ABadBatchIsAnErrorOfItsOwn) {
  server_.FailBatch(1, {grpc::StatusCode::INVALID_ARGUMENT, "labels[0] = 7"});
  Stream<float> stream = Open();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Send(&stream, i).ok());
  }
  EXPECT_TRUE(stream.Receive().ok());
  EXPECT_EQ(stream.Receive().status(), absl::InvalidArgumentError("labels[0] = 7"));
  EXPECT_TRUE(stream.status().ok());
  const auto third = stream.Receive();
  ASSERT_TRUE(third.ok()) << third.status();
  EXPECT_NEAR(third->loss, LossOf(2), 1e-14);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(StreamTest, ABatchThatIsRefusedHereTakesNoPlace) {
  Stream<float> stream = Open();
  const std::vector<float> five(5);
  const xt::xarray<int64_t> labels = {0};
  EXPECT_EQ(stream.Send(ArrayView<float>(five, {2, 3}), labels).message(),
            "logits.shape = [2, 3] holds 6 elements, but 5 values were given");
  ASSERT_TRUE(Send(&stream, 3).ok());
  const auto result = stream.Receive();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_NEAR(result->loss, LossOf(3), 1e-14);
}

TEST_F(StreamTest, SendsAsFarAheadAsTheWindow) {
  server_.AnswerBehind(100);  // nothing before we close our side
  CallOptions call;
  call.deadline = absl::Milliseconds(200);
  StreamOptions options;
  for (const int asked : {3, 100}) {
    options.window = asked;
    Stream<float> stream = Open(options, call);
    const int window = std::min(asked, kServersWindow);
    EXPECT_EQ(stream.window(), window);
    for (int i = 0; i < window; ++i) {
      ASSERT_TRUE(Send(&stream, i).ok());
    }
    const absl::Status full = Send(&stream, 9);
    EXPECT_EQ(full.code(), absl::StatusCode::kDeadlineExceeded);
    EXPECT_THAT(std::string(full.message()), HasSubstr("batches in flight was received"));
    // The stream goes on.
    ASSERT_TRUE(stream.CloseSending().ok());
    for (int i = 0; i < window; ++i) {
      const auto result = stream.Receive();
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_NEAR(result->loss, LossOf(i), 1e-14);
    }
    EXPECT_EQ(stream.Receive().status().code(), absl::StatusCode::kOutOfRange);
  }
}

TEST_F(StreamTest, AFullWindowWaitsForTheReceiver) {
  StreamOptions options;
  options.window = 1;
  Stream<float> stream = Open(options);
  ASSERT_TRUE(Send(&stream, 1).ok());
  std::thread receiver([&stream] {
    absl::SleepFor(absl::Milliseconds(50));
    EXPECT_TRUE(stream.Receive().ok());
  });
  EXPECT_TRUE(Send(&stream, 2).ok());
  receiver.join();
  EXPECT_NEAR(stream.Receive()->loss, LossOf(2), 1e-14);
}

TEST_F(StreamTest, ASequenceThatIsNotDueEndsTheStream) {
  server_.ShiftSequences(5);
  Stream<float> stream = Open();
  ASSERT_TRUE(Send(&stream, 1).ok());
  const absl::Status status = stream.Receive().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(status.message(), "the server answered batch 5 where 0 was due");
  EXPECT_EQ(stream.status(), status);
  EXPECT_EQ(stream.Receive().status(), status);
  EXPECT_EQ(Send(&stream, 1), status);
  EXPECT_EQ(stream.Finish(), status);
}

TEST_F(StreamTest, AServerThatEndsTheStreamSaysWhy) {
  server_.EndStreamAt(2, {grpc::StatusCode::UNAVAILABLE, "the server shuts down"});
  Stream<float> stream = Open();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Send(&stream, i).ok());
    ASSERT_TRUE(stream.Receive().ok());
  }
  const absl::Status expected = absl::UnavailableError("the server shuts down");
  EXPECT_TRUE(Send(&stream, 2).ok());
  EXPECT_EQ(stream.Receive().status(), expected);
  EXPECT_EQ(Send(&stream, 3), expected);
  EXPECT_EQ(stream.status(), expected);
}

TEST_F(StreamTest, ASenderLearnsOfTheEndToo) {
  server_.EndStreamAt(0, {grpc::StatusCode::RESOURCE_EXHAUSTED, "too much"});
  Stream<float> stream = Open();
  absl::Status status = Send(&stream, 0);
  for (int i = 0; i < kServersWindow - 1 && status.ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(50));
    status = Send(&stream, i);
  }
  EXPECT_EQ(status, absl::ResourceExhaustedError("too much"));
  EXPECT_EQ(stream.Receive().status(), status);
}

TEST_F(StreamTest, AnEndWithBatchesInFlightIsAnError) {
  server_.EndStreamAt(1, grpc::Status::OK);
  Stream<float> stream = Open();
  ASSERT_TRUE(Send(&stream, 0).ok());
  ASSERT_TRUE(Send(&stream, 1).ok());
  EXPECT_TRUE(stream.Receive().ok());
  EXPECT_EQ(stream.Receive().status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kInternal);
}

TEST_F(StreamTest, AnAnswerThatTakesTooLongEndsTheStream) {
  Stream<float> stream = [this] {
    CallOptions call;
    call.deadline = absl::Milliseconds(200);
    return Open({}, call);
  }();
  server_.NeverAnswer();
  ASSERT_TRUE(Send(&stream, 0).ok());
  const absl::Status status = stream.Receive().status();
  EXPECT_EQ(status, absl::DeadlineExceededError("the server took longer than 200ms"));
  EXPECT_EQ(Send(&stream, 1), status);
}

TEST_F(StreamTest, WaitingForABatchThatNobodySendsEndsNothing) {
  CallOptions call;
  call.deadline = absl::Milliseconds(100);
  Stream<float> stream = Open({}, call);
  EXPECT_EQ(stream.Receive().status(), absl::DeadlineExceededError("no batch was sent for 100ms"));
  ASSERT_TRUE(Send(&stream, 0).ok());
  EXPECT_TRUE(stream.Receive().ok());
}

TEST_F(StreamTest, NothingIsSentAfterClosing) {
  Stream<float> stream = Open();
  EXPECT_TRUE(stream.CloseSending().ok());
  EXPECT_TRUE(stream.CloseSending().ok());
  EXPECT_EQ(Send(&stream, 0).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(stream.Receive().status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(StreamTest, FinishDropsTheAnswersThatAreLeft) {
  std::vector<float> losses(1, 9.0f);
  ComputeOptions options;
  options.memory.losses = absl::MakeSpan(losses);
  Stream<float> stream = Open();
  ASSERT_TRUE(Send(&stream, 0, options).ok());
  ASSERT_TRUE(Send(&stream, 1, options).ok());
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(losses[0], 9.0f);
  EXPECT_EQ(server_.last_call().count, 3);  // GetServerInfo and both batches
}

TEST_F(StreamTest, DestroyingItCancelsWhatIsInFlight) {
  {
    Stream<float> stream = Open();
    server_.NeverAnswer();
    ASSERT_TRUE(Send(&stream, 0).ok());
    ASSERT_TRUE(Send(&stream, 1).ok());
  }
  while (server_.ended_streams() == 0) absl::SleepFor(absl::Milliseconds(1));
}

TEST_F(StreamTest, OutlivesItsClient) {
  Stream<float> stream = Open();  // whose client is gone
  ASSERT_TRUE(Send(&stream, 2).ok());
  Stream<float> moved = std::move(stream);
  EXPECT_NEAR(moved.Receive()->loss, LossOf(2), 1e-14);
}

TEST_F(StreamTest, RefusesOptionsThatMakeNoSense) {
  StreamOptions options;
  options.window = 0;
  EXPECT_EQ(MakeClient().OpenStream<float>(options).status().message(),
            "window = 0, expected >= 1");
  CallOptions call;
  call.deadline = absl::InfiniteDuration();
  EXPECT_EQ(MakeClient().OpenStream<float>({}, call).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(StreamTest, NeedsAServer) {
  std::string address;
  { address = testing::FakeServer().address(); }
  const absl::StatusOr<Client> client = Client::Create({address});
  EXPECT_EQ(client->OpenStream<float>().status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace lossd
