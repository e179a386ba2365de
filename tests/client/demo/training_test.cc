#include "client/demo/training.h"

#include <cstdio>
#include <numeric>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/demo/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_server.h"

namespace lossd::demo {
namespace {

// Samples whose class shows: feature k is large where the class is k.
Samples Separable(size_t size, uint64_t seed) {
  Random random(seed);
  Samples samples;
  for (size_t i = 0; i < size; ++i) {
    const size_t label = i % kClassCount;
    for (size_t j = 0; j < kFeatureCount; ++j) {
      samples.features.push_back(random.Symmetric(0.5f) + (j == label ? 2.0f : 0.0f));
    }
    samples.labels.push_back(static_cast<int64_t>(label));
  }
  return samples;
}

class TrainingTest : public ::testing::Test {
 protected:
  absl::StatusOr<TrainedModel> TrainOnce(const TrainingOptions& options) {
    absl::StatusOr<Client> client = Client::Create({server_.address()});
    EXPECT_TRUE(client.ok()) << client.status();
    ProgressBar progress(shown_, ProgressBar::Style::kLog, "cross entropy", options.epochs,
                         dataset_.train.size());
    return Train(*client, dataset_, {"cross entropy", LossSpec{}}, options, progress);
  }

  const Dataset dataset_ = {Separable(700, 1), Separable(70, 2)};
  std::ostringstream shown_;
  testing::FakeServer server_;
};

TEST_F(TrainingTest, LearnsFromTheServersGradients) {
  TrainingOptions options;
  options.epochs = 20;
  options.batch_size = 64;

  const absl::StatusOr<TrainedModel> model = TrainOnce(options);

  ASSERT_TRUE(model.ok()) << model.status();
  const ClassStatistics& statistics = model->test_statistics;
  const auto sum = [](const std::vector<int64_t>& values) {
    return std::accumulate(values.begin(), values.end(), int64_t{0});
  };
  EXPECT_EQ(sum(statistics.count), 70);
  // Separable by its largest feature.
  EXPECT_EQ(sum(statistics.correct_count), 70);
  EXPECT_EQ(model->test_logits.size(), 70U * kClassCount);
  // It shows the last epoch's loss: far below that of guessing, ln 7 = 1.9, and not 0.
  double shown_loss = 0.0;
  const std::string line = shown_.str();
  ASSERT_EQ(std::sscanf(line.c_str() + line.find("loss "), "loss %lf", &shown_loss), 1) << line;
  EXPECT_GT(shown_loss, 0.0);
  EXPECT_LT(shown_loss, 0.5);
  // Eleven batches an epoch, and the test set, which is no part of the run.
  EXPECT_EQ(server_.last_call().count, 20 * 11 + 1);
  EXPECT_EQ(server_.last_call().compute.run(), "");
}

TEST_F(TrainingTest, TellsTheRunOfEachBatch) {
  TrainingOptions options;
  options.epochs = 2;
  options.batch_size = 64;
  options.learning_rate = 0.25;
  options.run = "demo/run";
  server_.AnswerFirst(2 * 11);

  EXPECT_EQ(TrainOnce(options).status().code(), absl::StatusCode::kUnavailable);

  const v1::ComputeRequest& last = server_.last_call().compute;
  EXPECT_EQ(last.run(), "demo/run");
  EXPECT_EQ(last.step(), 2 * 11 - 1);
  EXPECT_EQ(last.epoch(), 2);
  EXPECT_EQ(last.learning_rate(), 0.25);
  ASSERT_EQ(last.sample_ids().shape(0), 700 - 10 * 64);
  EXPECT_EQ(last.sample_ids().data().size(), 60 * sizeof(int64_t));
}

TEST_F(TrainingTest, GivesTheSameNumbersForTheSameSeed) {
  TrainingOptions options;
  options.epochs = 2;
  const absl::StatusOr<TrainedModel> first = TrainOnce(options);
  const absl::StatusOr<TrainedModel> second = TrainOnce(options);
  options.seed = 2;
  const absl::StatusOr<TrainedModel> other = TrainOnce(options);
  ASSERT_TRUE(first.ok() && second.ok() && other.ok());
  EXPECT_EQ(first->test_logits, second->test_logits);
  EXPECT_NE(first->test_logits, other->test_logits);
}

TEST_F(TrainingTest, StopsAtTheServersError) {
  server_.FailWith(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "no such loss"));
  const absl::StatusOr<TrainedModel> model = TrainOnce({});
  EXPECT_EQ(model.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(model.status().message(), "no such loss");
}

}  // namespace
}  // namespace lossd::demo
