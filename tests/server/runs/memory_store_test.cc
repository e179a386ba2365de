#include "server/runs/memory_store.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/server/runs/same_runs.h"
#include "tests/server/runs/store_contract_test.h"

namespace lossd::runs {
namespace {

class MemoryPlace final : public StorePlace {
 public:
  std::unique_ptr<RunStore> Open(const StoreOptions& options) override {
    MemoryStoreOptions memory;
    memory.max_bytes = options.max_bytes;
    memory.max_age = options.max_age;
    memory.request_ids = options.request_ids;
    memory.now = options.now;
    return std::make_unique<MemoryStore>(std::move(memory));
  }
  bool Outlives() const override { return false; }
};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContractTest, testing::Values([] {
                           return std::unique_ptr<StorePlace>(std::make_unique<MemoryPlace>());
                         }));

TEST(MemoryStoreTest, ASampleTakesFewerThan130Bytes) {
  MemoryStoreOptions options;
  options.max_bytes = int64_t{1} << 40;
  MemoryStore store(options);
  constexpr int64_t kSamples = 300'000;
  for (int64_t first = 0; first < kSamples; first += 10'000) {
    ASSERT_TRUE(RecordTo(store, NewSamples("run", first, 10'000)).ok());
  }
  EXPECT_LT(store.use().bytes, kSamples * 130);
}

}  // namespace
}  // namespace lossd::runs
