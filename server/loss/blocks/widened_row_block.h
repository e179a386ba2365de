#ifndef LOSSD_SERVER_LOSS_BLOCKS_WIDENED_ROW_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_WIDENED_ROW_BLOCK_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/class_id_row_block.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/outputs.h"

namespace lossd::loss {

// Softmax rows of floats with one true class, for whose options the digits of floats do not
// suffice: by the kernel of doubles, a few rows at a time, whose doubles stay in the cache.
class WidenedRowBlock {
 public:
  WidenedRowBlock(const BatchPlan& plan, const RowWindow<float>& window)
      : plan_(plan), window_(window) {}

  void Compute(int64_t begin, int64_t end) {
    // Tiles of short rows are whole.
    constexpr int64_t kRows = kernels::kMostTileRows;
    const int64_t fit = kElements / plan_.batch.classes;
    const int64_t at_once = fit < kRows ? std::max<int64_t>(1, fit) : fit / kRows * kRows;
    for (int64_t row = begin; row < end; row += at_once) {
      ComputeAtOnce(row, std::min(end, row + at_once));
    }
  }

 private:
  struct Doubles {};
  static constexpr int64_t kElements = 8192;
  static constexpr std::array<Output, 3> kMatrices = {Output::kGradient, Output::kHessianDiagonal,
                                                      Output::kProbabilities};
  static constexpr std::array<Output, 2> kColumns = {Output::kLosses, Output::kLogSumExp};

  void ComputeAtOnce(int64_t begin, int64_t end) {
    const auto rows = static_cast<size_t>(end - begin);
    const size_t size = rows * static_cast<size_t>(plan_.batch.classes);
    const auto is_wanted = [&](Output output) { return !window_.outputs[output].empty(); };
    const auto matrices =
        static_cast<size_t>(std::count_if(kMatrices.begin(), kMatrices.end(), is_wanted));
    const ThreadScratch<double, Doubles> memory((1 + matrices) * size + kColumns.size() * rows);
    absl::Span<double> unused = memory.span();
    const auto take = [&unused](size_t count) {
      const absl::Span<double> taken = unused.subspan(0, count);
      unused.remove_prefix(count);
      return taken;
    };
    const absl::Span<double> logits = take(size);
    const float* const given = window_.RowAt(window_.logits, begin);
    std::copy(given, given + size, logits.begin());
    RowWindow<double> wide = {window_.records, window_.classes, logits, {}, {}};
    wide.first_row = begin;
    wide.first_sample = begin;
    for (const Output output : kMatrices) {
      if (is_wanted(output)) wide.outputs[output] = take(size);
    }
    for (const Output output : kColumns) {
      if (is_wanted(output)) wide.outputs[output] = take(rows);
    }
    ClassIdRowBlock<double>(plan_, wide, begin, end).ComputeShaped(plan_.kernels.shaped_rows_f64);
    for (const Output output : kMatrices) {
      Narrow(wide.outputs[output], window_.RowAt(window_.outputs[output], begin));
    }
    for (const Output output : kColumns) {
      Narrow(wide.outputs[output], window_.SampleAt(output, begin));
    }
  }

  static void Narrow(absl::Span<const double> from, float* to) {
    for (size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i]);
  }

  const BatchPlan& plan_;
  const RowWindow<float>& window_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_WIDENED_ROW_BLOCK_H_
