#ifndef LOSSD_TESTS_SERVER_RUNS_STORE_CONTRACT_TEST_H_
#define LOSSD_TESTS_SERVER_RUNS_STORE_CONTRACT_TEST_H_

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "server/runs/run_store.h"

namespace lossd::runs {

// What every store has.
struct StoreOptions {
  int64_t max_bytes = int64_t{1} << 30;
  absl::Duration max_age = absl::Hours(30 * 24);
  int64_t request_ids = 1'000'000;
  std::function<absl::Time()> now;
};

// Where a kind of store keeps its runs. Each place is another, and empty at first.
class StorePlace {
 public:
  virtual ~StorePlace() = default;

  // Opens a store, after that which was opened before is gone.
  virtual std::unique_ptr<RunStore> Open(const StoreOptions& options) = 0;
  // Returns whether runs outlive their store.
  virtual bool Outlives() const = 0;
};

// What all kinds of stores have in common. The test program of each says for which.
class StoreContractTest
    : public testing::TestWithParam<std::function<std::unique_ptr<StorePlace>()>> {
 protected:
  StoreContractTest() : place_(GetParam()()) {}

  std::unique_ptr<RunStore> Open(const StoreOptions& options) { return place_->Open(options); }
  StoreOptions Options();
  void Advance(absl::Duration time) { now_ += absl::ToInt64Nanoseconds(time); }

  const std::unique_ptr<StorePlace> place_;
  std::atomic<int64_t> now_ = 1'000'000'000'000'000'000;  // in nanoseconds since 1970
};

}  // namespace lossd::runs

#endif  // LOSSD_TESTS_SERVER_RUNS_STORE_CONTRACT_TEST_H_
