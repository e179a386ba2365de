#include "server/runs/journal/batch_coding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "tests/server/runs/run_oracle.h"

namespace lossd::runs {
namespace {

std::string Encode(const OwnedBatch& batch) {
  return WithView(batch, [](const RunBatch& view) { return EncodeBatch(view); });
}

// Expects that decoding gives the presentations that are finite, to the last bit.
void ExpectRoundTrip(const OwnedBatch& batch) {
  const auto coded = DecodeBatch(Encode(batch));
  ASSERT_TRUE(coded.ok()) << coded.status();
  EXPECT_EQ(coded->step, batch.step);
  EXPECT_EQ(coded->epoch, batch.epoch);
  EXPECT_EQ(coded->learning_rate, batch.learning_rate);
  size_t next = 0;
  int64_t non_finite = 0;
  for (const Presentation& one : batch.samples) {
    if (one.ignored) continue;
    if (!one.finite()) {
      ++non_finite;
      continue;
    }
    ASSERT_LT(next, coded->presentations.size());
    const Presentation& actual = coded->presentations[next++];
    EXPECT_EQ(actual.id, one.id);
    EXPECT_EQ(actual.class_id, one.class_id);
    EXPECT_EQ(actual.label, one.label);
    EXPECT_EQ(actual.true_probability, one.true_probability);
    EXPECT_EQ(actual.loss, one.loss);
    EXPECT_EQ(actual.margin, one.margin);
    EXPECT_EQ(std::isnan(actual.gradient_l1), std::isnan(one.gradient_l1));
    if (!std::isnan(one.gradient_l1)) {
      EXPECT_EQ(actual.gradient_l1, one.gradient_l1);
    }
    EXPECT_EQ(actual.correct, one.correct);
  }
  EXPECT_EQ(next, coded->presentations.size());
  EXPECT_EQ(coded->non_finite, non_finite);
}

TEST(BatchCodingTest, KeepsEveryNumber) {
  std::mt19937_64 random(11);
  for (const int64_t ids : {int64_t{5}, int64_t{1000}, int64_t{1} << 50}) {
    for (const int64_t size : {0, 1, 64, 1000}) {
      OwnedBatch batch = RandomBatch(random, size, ids);
      ExpectRoundTrip(batch);
      batch.step = int64_t{1} << 40;
      batch.epoch = 3;
      batch.learning_rate = 0.1;
      ExpectRoundTrip(batch);
    }
  }
}

TEST(BatchCodingTest, KeepsTheEndsOfEveryType) {
  using Doubles = std::numeric_limits<double>;
  using Floats = std::numeric_limits<float>;
  OwnedBatch batch;
  for (const int64_t id : {INT64_MIN, INT64_MAX, int64_t{0}}) {
    for (const double number : {Doubles::max(), Doubles::denorm_min(), -Doubles::max(),
                                double{Floats::max()}, double{Floats::denorm_min()}, -0.0, 0.1}) {
      Presentation one;
      one.id = id;
      one.class_id = 3;
      one.label = 1;
      one.loss = number;
      one.margin = number;
      one.gradient_l1 = Doubles::infinity();
      batch.samples.push_back(one);
    }
  }
  ExpectRoundTrip(batch);
  batch.samples[0].gradient_l1 = Doubles::quiet_NaN();
  ExpectRoundTrip(batch);
}

TEST(BatchCodingTest, TakesFewBytesForFloatsAndSmallIds) {
  OwnedBatch batch;
  constexpr size_t kSamples = 1000;
  for (size_t i = 0; i < kSamples; ++i) {
    Presentation one;
    one.id = static_cast<int64_t>(i);
    one.true_probability = 0.25;
    one.loss = 1.5;
    batch.samples.push_back(one);
  }
  EXPECT_LT(Encode(batch).size(), kSamples * 21);
}

TEST(BatchCodingTest, TakesNoMoreMemoryThanIsSaid) {
  std::mt19937_64 random(1);
  for (const int64_t count : {10, 1000}) {
    OwnedBatch batch = RandomBatch(random, count, 3000);
    for (Presentation& one : batch.samples) one.id += int64_t{1} << 40;
    const std::string bytes = Encode(batch);
    const auto decoded = static_cast<int64_t>(sizeof(Presentation)) * count;
    EXPECT_LE(static_cast<int64_t>(bytes.capacity()) + decoded, BytesOfCoding(count));
  }
  EXPECT_LT(BytesOfCoding(1000), 130'000);
}

TEST(BatchCodingTest, WhatIsDamagedIsToldOrAnotherBatch) {
  std::mt19937_64 random(12);
  const std::string bytes = Encode(RandomBatch(random, 20, 100));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeBatch(bytes.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeBatch(bytes + "x").status()));
  for (int i = 0; i < 10'000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    DecodeBatch(damaged).status().IgnoreError();
  }
}

}  // namespace
}  // namespace lossd::runs
