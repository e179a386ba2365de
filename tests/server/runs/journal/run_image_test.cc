#include "server/runs/journal/run_image.h"

#include <gtest/gtest.h>

#include <random>

#include "server/runs/sample_record.h"
#include "tests/server/runs/run_oracle.h"

namespace lossd::runs {
namespace {

TEST(RunImageTest, ALargeStateCountsAsWhatASnapshotTakes) {
  std::mt19937_64 random(3);
  OwnedBatch batch = RandomBatch(random, 500, 9000);
  batch.class_count = 3000;
  for (Presentation& one : batch.samples) {
    one.class_id = static_cast<int64_t>(random() % 3000);
    one.label = one.class_id;
  }
  RunImage image({"", batch.class_count, batch.hard_threshold}, 0);
  constexpr int64_t kBatches = 1000;
  for (int64_t i = 1; i <= kBatches; ++i) {
    batch.step = i;
    const std::string bytes =
        WithView(batch, [](const RunBatch& view) { return EncodeBatch(view); });
    ASSERT_TRUE(image.Add(JournaledBatch{i, bytes}).ok());
  }
  int64_t begin = 0;
  const SnapshotPart part = image.TakePart(begin, int64_t{1} << 30);
  int64_t taken = static_cast<int64_t>(part.state.size());
  for (const RecordChunk& chunk : part.chunks) taken += static_cast<int64_t>(chunk.records.size());
  EXPECT_GT(part.state.size(), 16 << 10);
  EXPECT_GE(part.folded_bytes, taken);
}

}  // namespace
}  // namespace lossd::runs
