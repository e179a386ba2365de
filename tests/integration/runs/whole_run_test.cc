// A run that is recorded over gRPC, against what the answers of its batches say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/client_context.h"
#include "lossd/v1/run_service.grpc.pb.h"
#include "server/runs/memory_store.h"
#include "tests/integration/raw_client.h"
#include "tests/integration/runs/recorded_batches.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

constexpr double kTolerance = 1e-12;
constexpr int64_t kEpochs = 50;
constexpr int64_t kBatches = 3;
constexpr int64_t kRows = 40;
constexpr int64_t kIds = 130;

std::vector<int64_t> Integers(const v1::Tensor& tensor) {
  std::vector<int64_t> values(static_cast<size_t>(tensor.shape(0)));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

std::vector<double> Doubles(const v1::Tensor& tensor) {
  std::vector<double> values(static_cast<size_t>(tensor.shape(0)));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

void Append(const v1::ExportRunSamplesResponse& part, std::map<int64_t, runs::RunSample>& samples) {
  const auto ids = Integers(part.id());
  for (size_t i = 0; i < ids.size(); ++i) {
    runs::RunSample& sample = samples[ids[i]];
    EXPECT_EQ(sample.presentations, 0) << ids[i] << " came twice";
    sample.id = ids[i];
    sample.label = Integers(part.label())[i];
    sample.presentations = Integers(part.presentations())[i];
    sample.mean_true_probability = Doubles(part.mean_true_probability())[i];
    sample.true_probability_deviation = Doubles(part.true_probability_deviation())[i];
    sample.mean_loss = Doubles(part.mean_loss())[i];
    sample.mean_margin = Doubles(part.mean_margin())[i];
    sample.correctness = Doubles(part.correctness())[i];
    sample.forgetting_events = Integers(part.forgetting_events())[i];
    if (const int64_t at = Integers(part.learned_at())[i]; at > 0) sample.learned_at = at;
    sample.turned_easy = Integers(part.turned_easy())[i];
    sample.turned_hard = Integers(part.turned_hard())[i];
    sample.last_true_probability = Doubles(part.last_true_probability())[i];
    sample.last_step = Integers(part.last_step())[i];
    sample.class_id = Integers(part.class_id())[i];
  }
}

void ExpectSame(const runs::RunSample& actual, const runs::RunSample& expected) {
  SCOPED_TRACE(absl::StrCat("sample ", expected.id));
  EXPECT_EQ(actual.label, expected.label);
  EXPECT_EQ(actual.class_id, expected.class_id);
  EXPECT_EQ(actual.presentations, expected.presentations);
  EXPECT_NEAR(actual.mean_true_probability, expected.mean_true_probability, kTolerance);
  EXPECT_NEAR(actual.true_probability_deviation, expected.true_probability_deviation, kTolerance);
  EXPECT_NEAR(actual.mean_loss, expected.mean_loss, kTolerance * (1 + expected.mean_loss));
  EXPECT_NEAR(actual.mean_margin, expected.mean_margin, 10 * kTolerance);
  EXPECT_NEAR(actual.correctness, expected.correctness, kTolerance);
  EXPECT_EQ(actual.forgetting_events, expected.forgetting_events);
  EXPECT_EQ(actual.learned_at, expected.learned_at);
  EXPECT_EQ(actual.turned_easy, expected.turned_easy);
  EXPECT_EQ(actual.turned_hard, expected.turned_hard);
  EXPECT_NEAR(actual.last_true_probability, expected.last_true_probability, kTolerance);
  EXPECT_EQ(actual.last_step, expected.last_step);
}

class WholeRunTest : public testing::TestWithParam<v1::Activation> {
 protected:
  // Sends the batches of a training, each twice now and then, and notes what the answers say.
  void Train() {
    std::mt19937_64 random(31);
    for (int64_t step = 0; step < kEpochs * kBatches; ++step) {
      const int64_t epoch = step / kBatches;
      v1::ComputeRequest request =
          RandomBatch(random, GetParam(), kRows, kIds, 0.1 * static_cast<double>(epoch));
      request.set_run("whole");
      request.set_request_id(absl::StrCat("step ", step));
      request.set_learning_rate(0.5);
      v1::ComputeResponse answer;
      for (int sent = 0; sent < (step % 4 == 1 ? 2 : 1); ++sent) {
        grpc::ClientContext context;
        const grpc::Status status = server_.stub().Compute(&context, request, &answer);
        ASSERT_TRUE(status.ok()) << status.error_message();
      }
      const runs::OwnedBatch presented = FromAnswer(request, answer);
      oracle_.Add(presented, step);
      losses_.emplace_back();
      for (const runs::Presentation& one : presented.samples) {
        if (!one.ignored && one.finite()) losses_.back().push_back(one.loss);
      }
    }
  }

  TestServer server_{KeepingRuns()};
  const std::unique_ptr<v1::RunService::Stub> stub_ = v1::RunService::NewStub(server_.channel());
  runs::RunOracle oracle_{0.5};
  std::vector<std::vector<double>> losses_;  // of each step
};

INSTANTIATE_TEST_SUITE_P(Activations, WholeRunTest,
                         testing::Values(v1::ACTIVATION_SOFTMAX, v1::ACTIVATION_SIGMOID));

TEST_P(WholeRunTest, EqualsWhatTheAnswersSay) {
  ASSERT_NO_FATAL_FAILURE(Train());
  const auto expected = oracle_.Samples();
  std::map<int64_t, runs::RunSample> actual;
  grpc::ClientContext context;
  v1::ExportRunSamplesRequest request;
  request.set_run("whole");
  const auto stream = stub_->ExportRunSamples(&context, request);
  v1::ExportRunSamplesResponse part;
  while (stream->Read(&part)) Append(part, actual);
  const grpc::Status status = stream->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [id, sample] : expected) ExpectSame(actual.at(id), sample);

  grpc::ClientContext get_context;
  v1::GetRunRequest get;
  get.set_run("whole");
  v1::GetRunResponse response;
  ASSERT_TRUE(stub_->GetRun(&get_context, get, &response).ok());
  const v1::Run& run = response.run();
  EXPECT_EQ(run.presentation_count(), oracle_.presentations());
  EXPECT_EQ(run.non_finite_count(), oracle_.non_finite());
  EXPECT_GT(run.non_finite_count(), 0);
  ASSERT_EQ(run.points_size(), static_cast<int>(losses_.size()));
  for (int i = 0; i < run.points_size(); ++i) {
    const std::vector<double>& losses = losses_[static_cast<size_t>(i)];
    double sum = 0;
    for (const double loss : losses) sum += loss;
    const double mean = sum / static_cast<double>(losses.size());
    EXPECT_EQ(run.points(i).presentations(), static_cast<int64_t>(losses.size()));
    EXPECT_NEAR(run.points(i).mean_loss(), mean, kTolerance * (1 + mean));
    EXPECT_EQ(run.points(i).learning_rate(), 0.5);
  }
}

TEST_P(WholeRunTest, SamplesAreListedAsTheyAreExported) {
  ASSERT_NO_FATAL_FAILURE(Train());
  grpc::ClientContext context;
  v1::ListRunSamplesRequest request;
  request.set_run("whole");
  request.set_order_by(v1::SAMPLE_ORDER_MOST_FORGOTTEN);
  request.set_page_size(1000);
  v1::ListRunSamplesResponse response;
  ASSERT_TRUE(stub_->ListRunSamples(&context, request, &response).ok());
  const auto expected = oracle_.Samples();
  ASSERT_EQ(response.samples_size(), static_cast<int>(expected.size()));
  for (int i = 0; i < response.samples_size(); ++i) {
    const v1::RunSample& sample = response.samples(i);
    EXPECT_EQ(sample.forgetting_events(), expected.at(sample.id()).forgetting_events);
    EXPECT_EQ(sample.has_learned_at(), expected.at(sample.id()).learned_at.has_value());
    if (i > 0) {
      EXPECT_LE(sample.forgetting_events(), response.samples(i - 1).forgetting_events());
    }
  }
}

TEST(RecordedRunTest, TheServerSaysThatItKeepsRuns) {
  TestServer server(KeepingRuns());
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &info).ok());
  EXPECT_THAT(info.features(), ::testing::Contains("runs:memory"));
}

TEST(RecordedRunTest, ABatchThatDoesNotGoWithItsRunIsRefused) {
  TestServer server(KeepingRuns());
  const auto compute = [&](const v1::ComputeRequest& request) {
    grpc::ClientContext context;
    v1::ComputeResponse response;
    return server.stub().Compute(&context, request, &response);
  };
  ASSERT_TRUE(compute(SmallBatch("run", 0, 4)).ok());
  v1::ComputeRequest other = SmallBatch("run", 4, 4);
  other.mutable_outputs()->set_hard_threshold(0.25);
  const grpc::Status refused = compute(other);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.error_message(), HasSubstr("hard_threshold"));
  EXPECT_EQ(ErrorInfoOf(refused).reason(), "RUN_MISMATCH");
  v1::ComputeRequest without_ids = SmallBatch("run", 4, 4);
  without_ids.clear_sample_ids();
  const grpc::Status invalid = compute(without_ids);
  EXPECT_EQ(invalid.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(invalid.error_message(), HasSubstr("sample_ids is not set"));
}

// A client may send ever new ids: the server's memory has a bound, and says which.
TEST(RecordedRunTest, ARunThatGrowsOnIsRefused) {
  ServerOptions options;
  runs::MemoryStoreOptions store_options;
  store_options.max_bytes = 1 << 20;
  const auto store = std::make_shared<runs::MemoryStore>(store_options);
  options.runs = store;
  TestServer server(options);
  grpc::Status status;
  int64_t first = 0;
  for (; status.ok() && first < 100'000; first += 500) {
    grpc::ClientContext context;
    v1::ComputeResponse response;
    status = server.stub().Compute(&context, SmallBatch("run", first, 500), &response);
  }
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("--runs-max-bytes"));
  EXPECT_GT(first, 2000);
  EXPECT_LE(store->use().bytes, store_options.max_bytes);
}

}  // namespace
}  // namespace lossd
