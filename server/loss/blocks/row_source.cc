#include "server/loss/blocks/row_source.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <iterator>
#include <limits>

#include "server/loss/blocks/ignored_samples.h"
#include "server/loss/blocks/margins.h"
#include "server/loss/blocks/row_outcomes.h"
#include "server/loss/blocks/sigmoid_elements.h"
#include "server/loss/blocks/softmax_rows.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/tokens/inner_plans.h"
#include "server/loss/tokens/log_probabilities.h"
#include "server/loss/tokens/policy_rows.h"

namespace lossd::loss {
namespace {

// At most about this many logits are copied at once: they stay in the thread's cache until they are
// computed.
constexpr int64_t kCopiedElements = int64_t{1} << 16;
constexpr int64_t kAnyRows = std::numeric_limits<int64_t>::max();

struct CopiedRows {};
struct GatheredRows {};

// Returns true when an output of OutputSource::kLogits is wanted.
template <typename T>
bool ReadsLogitsAgain(const TypedOutputs<T>& outputs) {
  return std::any_of(std::begin(kOutputTable), std::end(kOutputTable), [&](const OutputRow& row) {
    return row.source == OutputSource::kLogits && !outputs[row.output].empty();
  });
}

// Computes every output of rows [begin, end): those of the kernels, then those that follow from the
// logits alone.
template <typename T>
void ComputeWindow(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  if (plan.inner != nullptr) {
    ComputePolicyRows(plan, window, begin, end);
  } else if (plan.is_softmax()) {
    ComputeSoftmaxRows(plan, window, begin, end);
  } else if (plan.spec.activation == Activation::kSigmoid) {
    ComputeSigmoidElements(plan, window, begin, end);
  } else {
    ComputeLogProbabilities(plan, window, begin, end);
  }
  ClearIgnored(plan, window, begin, end);
  if (window.records.outcomes_wanted()) JudgeRows(plan, window, begin, end);
  if (!window.outputs[Output::kMargin].empty()) ComputeMargins(plan, window, begin, end);
}

// Logits that lie in an array, in a layout that the kernels read.
template <typename T>
class InPlaceSource final : public RowSource<T> {
 public:
  explicit InPlaceSource(const BatchPlan& plan) : RowSource<T>(kAnyRows), plan_(plan) {}

  void Compute(const RowWindow<T>& window, int64_t begin, int64_t end) const override {
    ComputeWindow(plan_, window, begin, end);
  }

 private:
  const BatchPlan& plan_;
};

// Logits of a reader whose pieces the kernels read where they are.
template <typename T>
class PieceSource final : public RowSource<T> {
 public:
  explicit PieceSource(const BatchPlan& plan) : RowSource<T>(kAnyRows), plan_(plan) {}

  void Compute(const RowWindow<T>& window, int64_t begin, int64_t end) const override {
    const LogitReader& reader = *plan_.batch.logit_reader;
    RowWindow<T> with_pieces = window;
    with_pieces.logit_pieces = reader.pieces();
    with_pieces.format = reader.format();
    ComputeWindow(plan_, with_pieces, begin, end);
    reader.Release(begin * window.classes, end * window.classes);
  }

 private:
  const BatchPlan& plan_;
};

// Logits of a reader, copied.
template <typename T>
class CopySource final : public RowSource<T> {
 public:
  explicit CopySource(const BatchPlan& plan)
      : RowSource<T>(RoundedRows(kCopiedElements, plan.batch.classes)), plan_(plan) {}

  void Compute(const RowWindow<T>& window, int64_t begin, int64_t end) const override {
    const LogitReader& reader = *plan_.batch.logit_reader;
    const ThreadScratch<T, CopiedRows> memory(static_cast<size_t>((end - begin) * window.classes));
    const absl::Span<T> logits = memory.span();
    reader.Read(begin * window.classes, logits);
    RowWindow<T> copied = CutRows(window, begin, end);
    copied.logits = logits;
    ComputeWindow(plan_, copied, begin, end);
    reader.Release(begin * window.classes, end * window.classes);
  }

 private:
  const BatchPlan& plan_;
};

// Matrices whose classes are not their last axis, by way of rows whose classes are.
template <typename T>
class GatherSource final : public RowSource<T> {
 public:
  explicit GatherSource(const BatchPlan& plan)
      : RowSource<T>(RoundedRows(kCopiedElements, plan.batch.classes)), plan_(plan) {}

  void Compute(const RowWindow<T>& window, int64_t begin, int64_t end) const override {
    const StridedMatrix matrix = {plan_.batch.classes, plan_.batch.inner};
    const auto size = static_cast<size_t>((end - begin) * window.classes);
    size_t copies = 1;
    ForEachWanted(window.outputs, OutputExtent::kLogits, [&](Output) { ++copies; });
    const ThreadScratch<T, GatheredRows> memory(copies * size);
    absl::Span<T> unused = memory.span();
    const auto take = [&unused, size] {
      const absl::Span<T> rows = unused.subspan(0, size);
      unused.remove_prefix(size);
      return rows;
    };

    RowWindow<T> gathered = window;
    gathered.layout = MatrixLayout::kRows;
    gathered.first_row = begin;
    gathered.stores = kernels::Stores::kCached;
    const absl::Span<T> logits = take();
    GatherRows(matrix, window.logits.data(), begin, end, logits.data());
    gathered.logits = logits;
    ForEachWanted(window.outputs, OutputExtent::kLogits,
                  [&](Output output) { gathered.outputs[output] = take(); });
    ComputeWindow(plan_, gathered, begin, end);
    ForEachWanted(window.outputs, OutputExtent::kLogits, [&](Output output) {
      ScatterRows(matrix, gathered.outputs[output].data(), begin, end,
                  window.outputs[output].data());
    });
  }

 private:
  const BatchPlan& plan_;
};

}  // namespace

template <typename T>
std::unique_ptr<RowSource<T>> ChooseRowSource(const BatchPlan& plan, const RowWindow<T>& whole) {
  const LogitReader* const reader = plan.batch.logit_reader;
  if (whole.layout == MatrixLayout::kStrided) {
    assert(whole.outputs.gradient_parts == nullptr);
    if (plan.inner == nullptr && ReadsStridedRows<T>(plan))
      return std::make_unique<InPlaceSource<T>>(plan);
    return std::make_unique<GatherSource<T>>(plan);
  }
  if (!whole.logits.empty() || reader == nullptr) return std::make_unique<InPlaceSource<T>>(plan);
  const BatchPlan& of_logits = plan.inner == nullptr ? plan : plan.inner->log_p();
  // Margins of a softmax are computed from pieces of the logits' own type, too.
  const bool reads_again = plan.is_softmax() && reader->format() == kernels::FloatFormat::kComputed;
  const bool wants_array = ReadsLogitsAgain(whole.outputs) && !reads_again;
  if (ReadsPieces<T>(of_logits, whole) && !wants_array && !reader->pieces().empty()) {
    return std::make_unique<PieceSource<T>>(plan);
  }
  return std::make_unique<CopySource<T>>(plan);
}

template std::unique_ptr<RowSource<float>> ChooseRowSource(const BatchPlan&,
                                                           const RowWindow<float>&);
template std::unique_ptr<RowSource<double>> ChooseRowSource(const BatchPlan&,
                                                            const RowWindow<double>&);

}  // namespace lossd::loss
