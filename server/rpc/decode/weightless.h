#ifndef LOSSD_SERVER_RPC_DECODE_WEIGHTLESS_H_
#define LOSSD_SERVER_RPC_DECODE_WEIGHTLESS_H_

#include <cstdint>

#include "absl/types/span.h"

namespace lossd::rpc {

// Tells which samples of a batch weigh 0. They are ignored: nothing of them is read, so that
// nothing of them can be wrong. Samples are in the core's order, `samples_per_row` to a row.
class Weightless {
 public:
  Weightless() = default;  // every sample weighs something

  // `weights` has an entry for each `repeat` samples, or none at all.
  Weightless(absl::Span<const double> weights, int64_t repeat, int64_t samples_per_row)
      : weights_(weights), repeat_(repeat), samples_per_row_(samples_per_row) {}

  bool Sample(int64_t sample) const {
    return !weights_.empty() && weights_[static_cast<size_t>(sample / repeat_)] == 0;
  }

  // Returns true when all samples of the row weigh 0.
  bool Row(int64_t row) const { return Samples(row * samples_per_row_, samples_per_row_); }

  // Returns true when all of the samples first, first + 1, ... weigh 0.
  bool Samples(int64_t first, int64_t count) const {
    for (int64_t i = first; i < first + count; ++i) {
      if (!Sample(i)) return false;
    }
    return true;
  }

 private:
  absl::Span<const double> weights_;
  int64_t repeat_ = 1;
  int64_t samples_per_row_ = 1;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_WEIGHTLESS_H_
