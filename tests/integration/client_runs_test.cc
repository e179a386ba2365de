// The C++ client's training runs, against the program: what is recorded, and what is shown of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "lossd/client.h"
#include "lossd/error.h"
#include "tests/integration/client_program.h"

namespace lossd {
namespace {

using ::testing::ElementsAre;

constexpr size_t kRows = 40;
constexpr int64_t kClasses = 3;

class ClientRunsTest : public ClientProgramTest {
 protected:
  // Ids 100, 101, …; logits that change with `seed`.
  struct Batch {
    explicit Batch(unsigned seed)
        : logits(xt::xarray<double>::from_shape({kRows, size_t{kClasses}})),
          labels(xt::xarray<int64_t>::from_shape({kRows})),
          ids(labels) {
      std::mt19937 random(seed);
      std::normal_distribution<double> normal(0.0, 2.0);
      for (double& z : logits) z = normal(random);
      for (size_t i = 0; i < kRows; ++i) {
        labels(i) = static_cast<int64_t>(i) % kClasses;
        ids(i) = 100 + static_cast<int64_t>(i);
      }
    }

    xt::xarray<double> logits;
    xt::xarray<int64_t> labels;
    xt::xarray<int64_t> ids;
  };

  static ComputeOptions In(const std::string& run, const Batch& batch,
                           const std::string& request_id = "") {
    ComputeOptions options;
    options.outputs.margin = true;
    options.recording = Recording{run, batch.ids, request_id};
    return options;
  }

  static void Record(const std::string& run, unsigned seed) {
    const Batch batch(seed);
    const auto result = client_->Compute(batch.logits, batch.labels, {}, In(run, batch));
    ASSERT_TRUE(result.ok()) << result.status();
  }

  static std::vector<RunSample> Export(const std::string& run) {
    std::vector<RunSample> samples;
    const absl::Status status =
        client_->ExportRunSamples(run, [&](absl::Span<const RunSample> some) {
          samples.insert(samples.end(), some.begin(), some.end());
        });
    EXPECT_TRUE(status.ok()) << status;
    std::sort(samples.begin(), samples.end(),
              [](const RunSample& a, const RunSample& b) { return a.id < b.id; });
    return samples;
  }
};

TEST_F(ClientRunsTest, ARequestOfTheSameNameCountsOnce) {
  const Batch batch(1);
  for (const char* name : {"first", "second", "first", "", ""}) {
    ComputeOptions options = In("once", batch, name);
    options.recording->learning_rate = 0.5;
    const auto result = client_->Compute(batch.logits, batch.labels, {}, options);
    ASSERT_TRUE(result.ok()) << result.status();
  }
  const absl::StatusOr<lossd::Run> run = client_->GetRun("once");
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->name, "once");
  EXPECT_EQ(run->sample_count, int64_t{kRows});
  EXPECT_EQ(run->presentation_count, 4 * int64_t{kRows});
  ASSERT_EQ(run->points.size(), 4U);
  EXPECT_EQ(run->points[3].first_step, 3);
  EXPECT_EQ(run->points[3].epoch, 4);
  EXPECT_EQ(run->points[3].learning_rate, 0.5);
  EXPECT_THAT(run->points[3].class_ids, ElementsAre(0, 1, 2));
  EXPECT_EQ(run->map.size(), lossd::Run::kMapSide * lossd::Run::kMapSide);
  EXPECT_EQ(run->forgetting_histogram.size(), 11U);
  EXPECT_LE(run->create_time, run->update_time);
  EXPECT_EQ(client_->GetRun("once", 1)->points.size(), 1U);
}

TEST_F(ClientRunsTest, SamplesAreWhatTheAnswersSaid) {
  std::vector<double> margins(kRows, 0.0);
  for (unsigned seed = 0; seed < 2; ++seed) {
    const Batch batch(seed);
    const auto result = client_->Compute(batch.logits, batch.labels, {}, In("samples", batch));
    ASSERT_TRUE(result.ok()) << result.status();
    for (size_t i = 0; i < kRows; ++i) margins[i] += (*result->margin)(i) / 2;
  }
  const std::vector<RunSample> samples = Export("samples");
  ASSERT_EQ(samples.size(), kRows);
  for (size_t i = 0; i < kRows; ++i) {
    EXPECT_EQ(samples[i].id, 100 + static_cast<int64_t>(i));
    EXPECT_EQ(samples[i].presentations, 2);
    EXPECT_NEAR(samples[i].mean_margin, margins[i], 1e-12);
    EXPECT_EQ(samples[i].learned_at.has_value(), samples[i].correctness > 0);
    EXPECT_EQ(samples[i].class_id, static_cast<int64_t>(i) % kClasses);
    EXPECT_EQ(samples[i].last_step, 1);
  }
}

TEST_F(ClientRunsTest, ChunksAndStreamsRecordWhatOneCallDoes) {
  const Batch batch(3);
  Record("whole", 3);
  ChunkOptions chunks;
  chunks.chunk_bytes = 7 * kClasses * static_cast<int64_t>(sizeof(double));
  ComputeOptions options = In("chunks", batch, "mine");
  options.recording->step = 0;
  for (int i = 0; i < 2; ++i) {  // the second time because an answer was lost
    const auto result = client_->ComputeChunked(batch.logits, batch.labels, {}, options, chunks);
    ASSERT_TRUE(result.ok()) << result.status();
  }
  auto stream = client_->OpenStream<double>();
  ASSERT_TRUE(stream.ok()) << stream.status();
  ASSERT_TRUE(stream->Send(batch.logits, batch.labels, {}, In("stream", batch)).ok());
  ASSERT_TRUE(stream->Receive().ok());
  const std::vector<RunSample> whole = Export("whole");
  for (const char* run : {"chunks", "stream"}) {
    const std::vector<RunSample> samples = Export(run);
    ASSERT_EQ(samples.size(), whole.size()) << run;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_EQ(samples[i].presentations, 1) << run;
      EXPECT_EQ(samples[i].last_true_probability, whole[i].last_true_probability) << run;
    }
  }
}

TEST_F(ClientRunsTest, ListsSamplesPageByPage) {
  for (unsigned seed = 0; seed < 3; ++seed) Record("pages", seed);
  RunSampleOptions options;
  options.order = SampleOrder::kLowestMargin;
  options.class_id = 1;
  options.page.size = 5;
  std::vector<double> margins;
  do {
    const absl::StatusOr<RunSamplePage> page = client_->ListRunSamples("pages", options);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const RunSample& sample : page->samples) {
      EXPECT_EQ(sample.class_id, 1);
      margins.push_back(sample.mean_margin);
    }
    options.page.token = page->next_page_token;
  } while (!options.page.token.empty());
  EXPECT_EQ(margins.size(), 13U);
  EXPECT_TRUE(std::is_sorted(margins.begin(), margins.end()));
}

TEST_F(ClientRunsTest, EachOrderBeginsWithItsFirst) {
  for (unsigned seed = 0; seed < 5; ++seed) Record("orders", seed);
  const std::vector<RunSample> all = Export("orders");
  const auto first = [](SampleOrder order) {
    RunSampleOptions options;
    options.order = order;
    options.page.size = 1;
    return client_->ListRunSamples("orders", options)->samples.at(0);
  };
  const auto most = [&](auto key) {
    return key(*std::max_element(all.begin(), all.end(),
                                 [&](const auto& a, const auto& b) { return key(a) < key(b); }));
  };
  const auto check = [&](SampleOrder order, auto key) { EXPECT_EQ(key(first(order)), most(key)); };
  check(SampleOrder::kHardest, [](const RunSample& s) { return -s.mean_true_probability; });
  check(SampleOrder::kEasiest, [](const RunSample& s) { return s.mean_true_probability; });
  check(SampleOrder::kMostForgotten, [](const RunSample& s) { return s.forgetting_events; });
  check(SampleOrder::kMostVariable,
        [](const RunSample& s) { return s.true_probability_deviation; });
  check(SampleOrder::kLowestMargin, [](const RunSample& s) { return -s.mean_margin; });
  check(SampleOrder::kMostTurned, [](const RunSample& s) { return s.turned_easy + s.turned_hard; });
}

TEST_F(ClientRunsTest, ListsAndDeletesRuns) {
  for (const char* name : {"list/a", "list/b", "list/c"}) Record(name, 0);
  ASSERT_TRUE(client_->DeleteRun("list/b").ok());
  std::vector<std::string> names;
  PageOptions page;
  page.size = 1;
  do {
    const absl::StatusOr<RunPage> found = client_->ListRuns(page);
    ASSERT_TRUE(found.ok()) << found.status();
    for (const lossd::Run& run : found->runs) {
      EXPECT_TRUE(run.points.empty());
      if (run.name.rfind("list/", 0) == 0) names.push_back(run.name);
    }
    page.token = found->next_page_token;
  } while (!page.token.empty());
  EXPECT_THAT(names, ElementsAre("list/a", "list/c"));
  EXPECT_EQ(client_->DeleteRun("list/b").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client_->GetRun("list/b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client_->ExportRunSamples("list/b", [](absl::Span<const RunSample>) {}).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ClientRunsTest, AWatchSeesChangesUntilItHasSeenEnoughOrTheRunIsDeleted) {
  Record("watched", 0);
  const absl::Duration interval = absl::Milliseconds(100);
  std::vector<int64_t> seen;
  const absl::Status enough = client_->WatchRun("watched", interval, [&](const lossd::Run& run) {
    seen.push_back(run.presentation_count);
    if (seen.size() == 1) Record("watched", 1);
    return seen.size() < 2;
  });
  EXPECT_TRUE(enough.ok()) << enough;
  EXPECT_THAT(seen, ElementsAre(int64_t{kRows}, 2 * int64_t{kRows}));
  const absl::Status deleted = client_->WatchRun("watched", interval, [](const lossd::Run&) {
    EXPECT_TRUE(client_->DeleteRun("watched").ok());
    return true;
  });
  EXPECT_EQ(deleted.code(), absl::StatusCode::kNotFound) << deleted;
  EXPECT_EQ(
      client_->WatchRun("watched", absl::Nanoseconds(1), [](const lossd::Run&) { return true; })
          .code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(ClientRunsTest, AWatchEndsAtItsDeadline) {
  Record("quiet", 0);
  const absl::Status status = client_->WatchRun(
      "quiet", absl::Seconds(1), [](const lossd::Run&) { return true; }, {absl::Milliseconds(300)});
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
}

TEST_F(ClientRunsTest, ErrorsNameTheField) {
  const Batch batch(0);
  const auto field_of = [&](const ComputeOptions& options) {
    const auto result = client_->Compute(batch.logits, batch.labels, {}, options);
    const std::vector<FieldViolation> violations = FieldViolations(result.status());
    return violations.empty() ? "none" : violations.front().field;
  };
  EXPECT_EQ(field_of(In("a b", batch)), "run");
  ComputeOptions options = In("errors", batch);
  options.recording->step = -1;
  EXPECT_EQ(field_of(options), "step");
  options = In("errors", batch);
  options.recording->learning_rate = -0.5;
  EXPECT_EQ(field_of(options), "learning_rate");
  options = In("errors", batch, std::string(97, 'x'));
  EXPECT_EQ(field_of(options), "request_id");
}

}  // namespace
}  // namespace lossd
