#include "server/loss/tokens/sequence_mean.h"

#include <algorithm>
#include <cstddef>

#include "server/loss/blocks/sample_labels.h"
#include "server/loss/tokens/sequence_sums.h"

namespace lossd::loss {
namespace {

// Returns Σ_t s of each sequence, without what is ignored.
std::vector<double> SumWeights(const Batch& batch, const LossSpec& spec,
                               const MiningDecision& decided, const Cancellation& cancellation) {
  const int64_t per_row = spec.activation == Activation::kSigmoid ? batch.classes : 1;
  const ElementLabels labels(batch, spec.ignore_index, decided.dropped, per_row);
  return SumSequences(batch.sequences, batch.rows * per_row, cancellation, [&](int64_t i) {
    const bool ignored =
        per_row == 1 ? labels.ignored(i, 0) : labels.ignored(i / per_row, i % per_row);
    return ignored ? 0 : batch.sample_weights[i];
  });
}

int64_t CountPositive(const std::vector<double>& sums) {
  return std::count_if(sums.begin(), sums.end(), [](double sum) { return sum > 0; });
}

}  // namespace

int64_t CountSequences(const Batch& batch, const LossSpec& spec, const MiningDecision& decided,
                       const Cancellation& cancellation) {
  return CountPositive(SumWeights(batch, spec, decided, cancellation));
}

SequenceMean::SequenceMean(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                           const MiningDecision& decided, const Cancellation& cancellation)
    : sequences_(batch.sequences), of_sequence_(SumWeights(batch, spec, decided, cancellation)) {
  count_ = CountPositive(of_sequence_);
  const double divisor = options.normalizer.value_or(static_cast<double>(count_));
  for (double& sum : of_sequence_) sum = sum > 0 && divisor != 0 ? 1 / sum / divisor : 0;
  if (sequences_.ends.empty()) return;
  of_sample_.resize(static_cast<size_t>(sequences_.ends.empty() ? 0 : sequences_.ends.back()));
  ForEachBlock(
      static_cast<int64_t>(of_sample_.size()), 1, cancellation, [&](int64_t begin, int64_t end) {
        sequences_.ForEachPart(begin, end, [&](int64_t sequence, int64_t first, int64_t last) {
          std::fill(of_sample_.begin() + first, of_sample_.begin() + last,
                    of_sequence_[static_cast<size_t>(sequence)]);
        });
      });
}

PerSample SequenceMean::scales() const {
  if (sequences_.ends.empty()) return {of_sequence_, std::max<int64_t>(1, sequences_.length)};
  return {of_sample_, 1};
}

template <typename T>
double SequenceMean::MeanOf(absl::Span<const T> losses, const Cancellation& cancellation) const {
  const auto samples = static_cast<int64_t>(losses.size());
  const std::vector<double> sums = SumSequences(sequences_, samples, cancellation, [&](int64_t i) {
    return static_cast<double>(losses[static_cast<size_t>(i)]);
  });
  double mean = 0;
  ForEachBlock(static_cast<int64_t>(sums.size()), 1, cancellation, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      if (of_sequence_[i] != 0) mean += sums[i] * of_sequence_[i];
    }
  });
  return mean;
}

template double SequenceMean::MeanOf(absl::Span<const float>, const Cancellation&) const;
template double SequenceMean::MeanOf(absl::Span<const double>, const Cancellation&) const;

}  // namespace lossd::loss
