#include "server/rpc/handlers/run_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/runs/memory_store.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::rpc {
namespace {

constexpr int64_t kRows = 40;
constexpr int64_t kClasses = 5;
constexpr int64_t kIds = 90;
constexpr double kTolerance = 1e-12;

class RecordedRun {
 public:
  explicit RecordedRun(OnRunFailure on_failure = OnRunFailure::kRefuse,
                       std::shared_ptr<runs::RunStore> store = nullptr)
      : store_(store != nullptr ? std::move(store)
                                : std::make_shared<runs::MemoryStore>(runs::MemoryStoreOptions())),
        handlers_({limits_, executor_, BufferPool::Create(1 << 20), {}, store_, on_failure}) {}

  absl::StatusOr<v1::ComputeResponse> Compute(const v1::ComputeRequest& request) const {
    return handlers_.Compute(request, {});
  }
  // Returns the memory that the call asks for.
  int64_t BytesOf(const v1::ComputeRequest& request) const {
    int64_t bytes = 0;
    CallContext context;
    context.admit = [&](const CallWork& work) {
      bytes += work.bytes;
      return absl::OkStatus();
    };
    EXPECT_TRUE(handlers_.Compute(request, context).ok());
    return bytes;
  }
  std::map<int64_t, runs::RunSample> Samples() {
    std::map<int64_t, runs::RunSample> samples;
    const auto reader = store_->OpenSamples("run", {});
    if (!reader.ok()) return samples;
    const auto read = (*reader)->Read(1 << 20);
    if (!read.ok()) return samples;
    for (const runs::RunSample& sample : *read) samples[sample.id] = sample;
    return samples;
  }
  runs::Run Get() { return *store_->Get("run", {}, 512); }
  uint64_t unrecorded() const { return handlers_.unrecorded_batches(); }

 private:
  Limits limits_;
  Executor executor_{1};
  const std::shared_ptr<runs::RunStore> store_;
  WholeMessageHandlers handlers_;
};

v1::ComputeRequest RandomRequest(std::mt19937_64& random, v1::Activation activation, int64_t step) {
  std::normal_distribution<double> normal(0, 2);
  v1::ComputeRequest request;
  request.mutable_loss()->set_activation(activation);
  v1::Tensor& logits = *request.mutable_logits();
  logits.add_shape(kRows);
  logits.add_shape(kClasses);
  for (int64_t i = 0; i < kRows * kClasses; ++i) logits.add_float_values(normal(random));
  // Ties, which the first of the largest wins, and samples whose loss is not finite.
  for (int64_t k = 0; k < kClasses; ++k) logits.set_float_values(static_cast<int>(k), 1);
  logits.set_float_values(7, std::numeric_limits<double>::quiet_NaN());
  const bool softmax = activation == v1::ACTIVATION_SOFTMAX;
  const int64_t samples = softmax ? kRows : kRows * kClasses;
  v1::Tensor& labels = *request.mutable_labels();
  v1::Tensor& ids = *request.mutable_sample_ids();
  for (v1::Tensor* tensor : {&labels, &ids}) {
    tensor->add_shape(kRows);
    if (!softmax) tensor->add_shape(kClasses);
  }
  for (int64_t i = 0; i < samples; ++i) {
    labels.add_int_values(static_cast<int64_t>(random() % (softmax ? kClasses : 2)));
    ids.add_int_values(static_cast<int64_t>(random() % kIds));
  }
  labels.set_int_values(3, -100);
  request.mutable_loss()->set_ignore_index(-100);
  request.set_run("run");
  request.set_request_id(absl::StrCat("step ", step));
  return request;
}

// Returns what the answer to `request`, of a sample each by itself, says that was presented.
runs::OwnedBatch FromAnswer(const v1::ComputeRequest& request, const v1::ComputeResponse& answer) {
  const bool softmax = request.loss().activation() == v1::ACTIVATION_SOFTMAX;
  const int per_row = softmax ? 1 : kClasses;
  runs::OwnedBatch batch;
  for (int i = 0; i < request.labels().int_values_size(); ++i) {
    const auto label = request.labels().int_values(i);
    const int first = softmax ? i * static_cast<int>(kClasses) : i;
    const auto z = [&](int64_t k) {
      return request.logits().float_values(first + static_cast<int>(k));
    };
    const auto p = [&](int64_t k) {
      return answer.probabilities().float_values(first + static_cast<int>(k));
    };
    runs::Presentation one;
    one.id = request.sample_ids().int_values(i);
    one.label = label;
    one.class_id = softmax ? label : i % per_row;
    one.loss = answer.losses().float_values(i);
    one.margin = answer.margin().float_values(i);
    one.ignored = label == -100;
    if (!one.ignored) {
      one.true_probability = softmax ? p(label) : label == 1 ? p(0) : 1 - p(0);
      int64_t largest = 0;
      for (int64_t k = 1; softmax && k < kClasses; ++k) largest = z(k) > z(largest) ? k : largest;
      one.correct = softmax ? largest == label : (z(0) > 0) == (label == 1);
    }
    batch.samples.push_back(one);
  }
  return batch;
}

void ExpectSame(const std::map<int64_t, runs::RunSample>& actual,
                const std::map<int64_t, runs::RunSample>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [id, sample] : expected) {
    SCOPED_TRACE(absl::StrCat("sample ", id));
    const runs::RunSample& a = actual.at(id);
    EXPECT_EQ(a.label, sample.label);
    EXPECT_EQ(a.class_id, sample.class_id);
    EXPECT_EQ(a.presentations, sample.presentations);
    EXPECT_NEAR(a.mean_true_probability, sample.mean_true_probability, kTolerance);
    EXPECT_NEAR(a.true_probability_deviation, sample.true_probability_deviation, kTolerance);
    EXPECT_NEAR(a.mean_loss, sample.mean_loss, kTolerance * (1 + sample.mean_loss));
    EXPECT_NEAR(a.mean_margin, sample.mean_margin, 10 * kTolerance);
    EXPECT_NEAR(a.correctness, sample.correctness, kTolerance);
    EXPECT_EQ(a.forgetting_events, sample.forgetting_events);
    EXPECT_EQ(a.learned_at, sample.learned_at);
    EXPECT_EQ(a.turned_easy, sample.turned_easy);
    EXPECT_EQ(a.turned_hard, sample.turned_hard);
    EXPECT_NEAR(a.last_true_probability, sample.last_true_probability, kTolerance);
    EXPECT_EQ(a.last_step, sample.last_step);
  }
}

class RunRecorderTest : public testing::TestWithParam<v1::Activation> {};

INSTANTIATE_TEST_SUITE_P(Activations, RunRecorderTest,
                         testing::Values(v1::ACTIVATION_SOFTMAX, v1::ACTIVATION_SIGMOID));

// Sends 50 batches as `change` makes them of random ones, and expects that the run has what the
// answers to the unchanged ones say.
template <typename Change>
void ExpectRecorded(v1::Activation activation, Change change) {
  std::mt19937_64 random(23);
  RecordedRun run;
  const RecordedRun plain;
  runs::RunOracle oracle(0.5);
  for (int64_t step = 0; step < 50; ++step) {
    v1::ComputeRequest request = RandomRequest(random, activation, step);
    v1::ComputeRequest asking = request;
    asking.clear_run();
    asking.mutable_outputs()->set_probabilities(true);
    asking.mutable_outputs()->set_margin(true);
    const auto answer = plain.Compute(asking);
    ASSERT_TRUE(answer.ok()) << answer.status();
    oracle.Add(FromAnswer(request, *answer), step);
    change(request);
    for (int sent = 0; sent < 2; ++sent) {
      const auto recorded = run.Compute(request);
      ASSERT_TRUE(recorded.ok()) << recorded.status();
    }
  }
  ExpectSame(run.Samples(), oracle.Samples());
  EXPECT_EQ(run.Get().presentation_count, oracle.presentations());
  EXPECT_EQ(run.Get().non_finite_count, oracle.non_finite());
  EXPECT_GT(oracle.non_finite(), 0);
}

TEST_P(RunRecorderTest, RecordsWhatTheAnswersSay) {
  ExpectRecorded(GetParam(), [](v1::ComputeRequest&) {});
}

TEST_P(RunRecorderTest, RecordsTheSameWithOutputsAndReduction) {
  ExpectRecorded(GetParam(), [](v1::ComputeRequest& request) {
    request.set_reduction(v1::REDUCTION_MEAN);
    request.mutable_outputs()->set_omit_losses(true);
    request.mutable_outputs()->set_gradient(true);
    request.mutable_outputs()->set_class_statistics(true);
  });
}

TEST_P(RunRecorderTest, RecordsSamplesBeforeTheirWeights) {
  ExpectRecorded(GetParam(), [](v1::ComputeRequest& request) {
    const int samples = request.labels().int_values_size();
    *request.mutable_sample_weights()->mutable_shape() = request.labels().shape();
    for (int i = 0; i < samples; ++i) {
      // The third is ignored already, and only its weight says so now.
      request.mutable_sample_weights()->add_float_values(i == 3 ? 0 : 0.25 + i);
    }
  });
}

TEST_P(RunRecorderTest, RecordsWhatMiningDrops) {
  ExpectRecorded(GetParam(), [](v1::ComputeRequest& request) {
    request.mutable_loss()->mutable_mining()->mutable_hardest()->set_keep_count(3);
  });
}

// Logits as bytes are read where they lie, and released as they are.
TEST_P(RunRecorderTest, RecordsTheSameOfLogitsInBytes) {
  ExpectRecorded(GetParam(), [](v1::ComputeRequest& request) {
    v1::Tensor& logits = *request.mutable_logits();
    const auto& values = logits.float_values();
    logits.set_data(values.data(), static_cast<size_t>(values.size()) * sizeof(double));
    logits.set_data_type(v1::DATA_TYPE_FLOAT64);
    logits.clear_float_values();
    for (int i = 0; i < request.labels().int_values_size(); ++i) {
      request.mutable_sample_weights()->add_float_values(i % 4 + 1);
    }
    *request.mutable_sample_weights()->mutable_shape() = request.labels().shape();
  });
}

// A store that takes nothing.
class BrokenStore : public runs::RunStore {
 public:
  absl::Status Record(const runs::RunBatch&) override {
    return absl::UnavailableError("it is full of water");
  }
  absl::StatusOr<runs::Run> Get(absl::string_view, const runs::RunViewer&, int64_t) override {
    return Broken();
  }
  absl::StatusOr<runs::RunVersion> GetVersion(absl::string_view, const runs::RunViewer&) override {
    return Broken();
  }
  absl::StatusOr<std::vector<runs::Run>> List(const runs::RunViewer&, absl::string_view,
                                              int64_t) override {
    return Broken();
  }
  absl::Status Delete(absl::string_view, const runs::RunViewer&) override { return Broken(); }
  absl::StatusOr<runs::SamplePage> ListSamples(absl::string_view, const runs::RunViewer&,
                                               const runs::SampleQuery&) override {
    return Broken();
  }
  absl::StatusOr<std::unique_ptr<runs::SampleReader>> OpenSamples(absl::string_view,
                                                                  const runs::RunViewer&) override {
    return Broken();
  }
  runs::StoreUse use() const override { return {}; }
  absl::string_view kind() const override { return "broken"; }
  int64_t RecordingBytes(int64_t) const override { return 0; }

 private:
  static absl::Status Broken() { return absl::UnavailableError("broken"); }
};

TEST(RunFailureTest, IsRefusedOrAnsweredAndCounted) {
  std::mt19937_64 random(1);
  const v1::ComputeRequest request = RandomRequest(random, v1::ACTIVATION_SOFTMAX, 0);
  const auto broken = std::make_shared<BrokenStore>();
  const RecordedRun refusing(OnRunFailure::kRefuse, broken);
  const absl::Status refused = refusing.Compute(request).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(refused.message()), "the batch could not be recorded: it is full of water");
  EXPECT_TRUE(refused.GetPayload("type.googleapis.com/google.rpc.RetryInfo"));
  const RecordedRun answering(OnRunFailure::kAnswer, broken);
  EXPECT_TRUE(answering.Compute(request).ok());
  EXPECT_EQ(answering.unrecorded(), 1);
  EXPECT_EQ(refusing.unrecorded(), 0);
}

class ImpatientStore final : public BrokenStore {
 public:
  absl::Status Record(const runs::RunBatch&) override {
    return absl::CancelledError("nobody waits");
  }
};

TEST(RunFailureTest, ACancelledBatchIsNeitherAnsweredNorCounted) {
  std::mt19937_64 random(1);
  const v1::ComputeRequest request = RandomRequest(random, v1::ACTIVATION_SOFTMAX, 0);
  for (const OnRunFailure on_failure : {OnRunFailure::kRefuse, OnRunFailure::kAnswer}) {
    const RecordedRun run(on_failure, std::make_shared<ImpatientStore>());
    EXPECT_EQ(run.Compute(request).status().code(), absl::StatusCode::kCancelled);
    EXPECT_EQ(run.unrecorded(), 0);
  }
}

// Needs a megabyte for each sample while it records.
class HungryStore final : public BrokenStore {
 public:
  int64_t RecordingBytes(int64_t sample_count) const override { return sample_count << 20; }
};

TEST(RunFailureTest, WhatRecordingTakesIsAskedForBefore) {
  std::mt19937_64 random(1);
  const v1::ComputeRequest request = RandomRequest(random, v1::ACTIVATION_SOFTMAX, 0);
  const RecordedRun modest(OnRunFailure::kAnswer, std::make_shared<BrokenStore>());
  const RecordedRun hungry(OnRunFailure::kAnswer, std::make_shared<HungryStore>());
  EXPECT_EQ(hungry.BytesOf(request) - modest.BytesOf(request), kRows << 20);
}

TEST(RunFailureTest, AnotherThresholdIsAFailedPrecondition) {
  std::mt19937_64 random(1);
  v1::ComputeRequest request = RandomRequest(random, v1::ACTIVATION_SOFTMAX, 0);
  RecordedRun run(OnRunFailure::kAnswer);
  ASSERT_TRUE(run.Compute(request).ok());
  request.set_request_id("another");
  request.mutable_outputs()->set_hard_threshold(0.25);
  EXPECT_EQ(run.Compute(request).status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace lossd::rpc
