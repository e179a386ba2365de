#include "server/threads/cancellation.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/loss/class_counts.h"
#include "server/loss/class_weights.h"
#include "server/loss/compare.h"
#include "server/loss/compute.h"
#include "server/loss/information.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

// A cancelled call ends at the next block of whatever loop it is in.

namespace lossd::loss {
namespace {

using oracle::Activation;

TEST(ForEachBlockTest, CoversEverythingInOrder) {
  std::vector<int64_t> seen;
  EXPECT_TRUE(ForEachBlock(3 * kLoopBlock + 5, 1, Cancellation(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) seen.push_back(i);
  }));
  ASSERT_EQ(seen.size(), static_cast<size_t>(3 * kLoopBlock + 5));
  for (size_t i = 0; i < seen.size(); ++i) ASSERT_EQ(seen[i], static_cast<int64_t>(i));
}

TEST(ForEachBlockTest, AnIndexOfMoreNumbersThanABlockIsABlock) {
  int blocks = 0;
  ForEachBlock(7, 2 * kLoopBlock, Cancellation(), [&](int64_t begin, int64_t end) {
    EXPECT_EQ(end, begin + 1);
    ++blocks;
  });
  EXPECT_EQ(blocks, 7);
}

TEST(ForEachBlockTest, AsksOncePerBlockAndNotAboutOne) {
  int asked = 0;
  const Cancellation never([&] { return ++asked == 0; });
  ForEachBlock(kLoopBlock, 1, never, [](int64_t, int64_t) {});
  EXPECT_EQ(asked, 0);
  ForEachBlock(4 * kLoopBlock, 1, never, [](int64_t, int64_t) {});
  EXPECT_EQ(asked, 4);
  ForEachBlock(0, 1, never, [](int64_t, int64_t) { FAIL(); });
}

// Runs a call to its end, then again cancelled at some of the times that it asked. `least_asked` is
// how often it must ask at least.
void ExpectStops(int least_asked,
                 const std::function<absl::Status(std::function<bool()> cancelled)>& call) {
  int asked = 0;
  const absl::Status completed = call([&] {
    ++asked;
    return false;
  });
  ASSERT_TRUE(completed.ok()) << completed;
  const int in_all = asked;
  EXPECT_GE(in_all, least_asked);
  for (int go = 0; go < in_all; go += 1 + in_all / 10) {
    asked = 0;
    const absl::Status status = call([&] { return asked++ >= go; });
    EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << "at " << go << " of " << in_all;
    // Loops that ask by themselves, and the executor's, each once more.
    EXPECT_LE(asked, go + 2) << "at " << go << " of " << in_all;
  }
}

constexpr size_t kRows = 4000;
constexpr size_t kClasses = 100;
constexpr int kBlocks = static_cast<int>(kRows * kClasses / kLoopBlock);

// Returns how often a call asks that computes the losses alone.
int AsksOf(const Batch& batch, const LossSpec& spec) {
  int asked = 0;
  ComputeOptions options;
  options.cancelled = [&] { return ++asked == 0; };
  EXPECT_TRUE(Compute(batch, spec, options, {}, Executor(1)).ok());
  return asked;
}

void ExpectComputeStops(const Batch& batch, const LossSpec& spec, ComputeOptions options,
                        int least_asked) {
  const Executor executor(1);
  ExpectStops(least_asked, [&](std::function<bool()> cancelled) {
    options.cancelled = std::move(cancelled);
    return Compute(batch, spec, options, {}, executor).status();
  });
}

class CancellationTest : public ::testing::Test {
 protected:
  CancellationTest() {
    Random random(3);
    hard_ = std::make_unique<ProblemBatch<float>>(
        Draw(Activation::kSoftmax, LabelKind::kClassIds, {kRows, kClasses}, 1, random));
    soft_ = std::make_unique<ProblemBatch<float>>(
        Draw(Activation::kSigmoid, LabelKind::kSoftTargets, {kRows, kClasses}, 1, random));
  }

  std::unique_ptr<ProblemBatch<float>> hard_;  // softmax
  std::unique_ptr<ProblemBatch<float>> soft_;  // sigmoid
};

TEST_F(CancellationTest, StopsInTopK) {
  ComputeOptions options;
  options.top_k = {1, 5};
  const LossSpec spec;
  // Ranks are found with the losses; what is left is a number for each row.
  ExpectComputeStops(hard_->batch(), spec, options, AsksOf(hard_->batch(), spec));
}

TEST_F(CancellationTest, StopsInStatistics) {
  ComputeOptions options;
  options.difficulty = true;
  const LossSpec spec;
  ExpectComputeStops(hard_->batch(), spec, options, AsksOf(hard_->batch(), spec) + kBlocks);
}

TEST_F(CancellationTest, StopsInCountingClassesAndWeights) {
  LossSpec spec;
  spec.activation = loss::Activation::kSigmoid;
  const int without = AsksOf(soft_->batch(), spec);
  spec.class_weighting.scheme = SchemeWeights();
  ExpectComputeStops(soft_->batch(), spec, {}, without + kBlocks);
}

TEST_F(CancellationTest, StopsInMining) {
  LossSpec spec;
  spec.activation = loss::Activation::kSigmoid;
  HardestMining mining;
  mining.keep_fraction = 0.5;
  const int without = AsksOf(soft_->batch(), spec);
  spec.mining = mining;
  ExpectComputeStops(soft_->batch(), spec, {}, without + 10 * kBlocks);
}

TEST_F(CancellationTest, StopsInTheClassesOfABatchWithoutSamples) {
  Batch batch;
  batch.classes = int64_t{1} << 20;
  batch.labels = ClassIds();
  ComputeOptions options;
  options.class_statistics = true;
  ExpectComputeStops(batch, LossSpec(), options, 32);
}

TEST_F(CancellationTest, StopsInTheConstantsOfAnAdjustment) {
  Batch batch;
  batch.classes = int64_t{1} << 20;
  batch.labels = ClassIds();
  LossSpec spec;
  MarginAdjustment margin;
  margin.counts.assign(static_cast<size_t>(batch.classes), 1);
  spec.logit_adjustment = margin;
  ExpectComputeStops(batch, spec, {}, 16);
}

TEST_F(CancellationTest, StopsBetweenTheLossesOfACompareAndInItsNorm) {
  const std::vector<LossSpec> specs(3);
  const Executor executor(1);
  ExpectStops(3 * (AsksOf(hard_->batch(), specs[0]) + kBlocks),
              [&](std::function<bool()> cancelled) {
                ComputeOptions options;
                options.cancelled = std::move(cancelled);
                return Compare(hard_->batch(), PointersTo(specs), options, executor).status();
              });
}

TEST_F(CancellationTest, StopsBetweenLossesThatComputeNothing) {
  Batch batch;
  batch.classes = int64_t{1} << 20;
  batch.labels = ClassIds();
  const Executor executor(1);
  ExpectStops(32, [&](std::function<bool()> cancelled) {
    ComputeOptions options;
    options.cancelled = std::move(cancelled);
    return Compare(batch, PointersTo(std::vector<LossSpec>(32)), options, executor).status();
  });
}

// For functions that return what they have.
absl::Status StatusOf(const Cancellation& cancellation) {
  return cancellation.seen() ? absl::CancelledError("") : absl::OkStatus();
}

TEST_F(CancellationTest, StopsInClassWeights) {
  const std::vector<double> counts(size_t{1} << 20, 3);
  for (const WeightScheme scheme : {WeightScheme::kBalanced, WeightScheme::kMedianFrequency}) {
    ExpectStops(16, [&](std::function<bool()> cancelled) {
      const Cancellation cancellation(std::move(cancelled));
      SchemeWeights weights;
      weights.scheme = scheme;
      ComputeClassWeights(counts, weights, cancellation);
      return StatusOf(cancellation);
    });
  }
}

TEST_F(CancellationTest, StopsInInformation) {
  const std::vector<double> p(size_t{1} << 18, 1);
  for (const int64_t outcomes : {int64_t{16}, int64_t{1} << 18}) {
    for (const DistributionSource source :
         {DistributionSource::kLogits, DistributionSource::kWeights}) {
      ExpectStops(64, [&](std::function<bool()> cancelled) {
        const Cancellation cancellation(std::move(cancelled));
        InformationOptions options;
        options.source = source;
        MeasureInformation(p, p, outcomes, options, cancellation);
        return StatusOf(cancellation);
      });
    }
  }
}

}  // namespace
}  // namespace lossd::loss
