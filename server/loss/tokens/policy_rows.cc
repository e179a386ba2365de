#include "server/loss/tokens/policy_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>

#include "server/kernels/hessian.h"
#include "server/loss/blocks/sigmoid_elements.h"
#include "server/loss/blocks/softmax_rows.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/tokens/float_token_block.h"
#include "server/loss/tokens/inner_plans.h"
#include "server/loss/tokens/token_block.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

struct LogPColumn {};
struct DerivativeColumns {};
struct InnerGradient {};
struct WideColumns {};
struct WideLogits {};

// Computes rows of logits by a plan that reads no rollout.
template <typename T>
void ComputeInner(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  if (plan.is_softmax()) {
    ComputeSoftmaxRows(plan, window, begin, end);
  } else {
    ComputeSigmoidElements(plan, window, begin, end);
  }
}

// Returns a window on the same rows without outputs, whose records are `records`.
template <typename T>
RowWindow<T> WithoutOutputs(const RowWindow<T>& window, SampleRecords& records) {
  return {records,       window.classes, window.logits,    window.logit_pieces, {},
          window.layout, window.stores,  window.first_row, window.first_sample, nullptr,
          window.format};
}

// Rows of unusual slopes are computed in double a few at a time: of about so many elements.
constexpr int64_t kWideElements = int64_t{1} << 12;

// The rows of one call, and what is computed of their samples.
template <typename T>
class PolicyRows {
 public:
  PolicyRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end)
      : plan_(plan),
        window_(window),
        begin_(begin),
        end_(end),
        first_(begin * plan.samples_per_row()),
        count_((end - begin) * plan.samples_per_row()),
        log_p_(static_cast<size_t>(count_)),
        derivatives_(static_cast<size_t>(3 * count_)) {}

  void Compute() {
    FindLogP();
    EvaluateSamples();
    TakeToLogits();
    if (wants_hessian()) ComputeHessian();
    if constexpr (std::is_same_v<T, float>) ComputeUnusualRows();
  }

 private:
  // Columns of all samples: φ′ by u, and both derivatives of the reduced loss for the Hessian.
  double* slopes() const { return derivatives_.span().data(); }
  double* first() const { return slopes() + count_; }
  double* second() const { return first() + count_; }

  bool wants_hessian() const { return !window_.outputs[Output::kHessianDiagonal].empty(); }

  // Returns a window for the inner plans, whose losses go to the column of u.
  RowWindow<T> InnerWindow(SampleRecords& records) const {
    RowWindow<T> inner = WithoutOutputs(window_, records);
    inner.first_sample = first_;
    inner.outputs[Output::kLosses] = log_p_.span();
    return inner;
  }

  void FindLogP() {
    SampleRecords none;
    ComputeInner(plan_.inner->log_p(), InnerWindow(none), begin_, end_);
    for (T& u : log_p_.span()) u = -u;
  }

  void EvaluateSamples() {
    if constexpr (std::is_same_v<T, float>) {
      if (FloatTokenBlock::Serves(plan_)) return EvaluateInFloat();
    }
    TokenBlock block(plan_, wants_hessian(), window_.policy_sums);
    T* const losses = window_.SampleAt(Output::kLosses, first_);
    for (int64_t at = 0; at < count_; at += TokenBlock::kMostSamples) {
      const int64_t size = std::min(TokenBlock::kMostSamples, count_ - at);
      block.Evaluate(first_ + at, size, log_p_.span().data() + at);
      for (int64_t i = 0; i < size; ++i) {
        losses[at + i] = static_cast<T>(block.value()[i] * block.loss_scale()[i]);
        plan_.inner->SetSlope(first_ + at + i, block.slope()[i] * block.gradient_scale()[i]);
        slopes()[at + i] = block.slope()[i];
      }
      if (!wants_hessian()) continue;
      for (int64_t i = 0; i < size; ++i) {
        first()[at + i] = block.slope()[i] * block.hessian_scale()[i];
        second()[at + i] = block.curvature()[i] * block.hessian_scale()[i];
      }
    }
  }

  void EvaluateInFloat() {
    FloatTokenBlock block(plan_, window_.policy_sums);
    float* const losses = window_.SampleAt(Output::kLosses, first_);
    for (int64_t at = 0; at < count_; at += FloatTokenBlock::kMostSamples) {
      const int64_t size = std::min(FloatTokenBlock::kMostSamples, count_ - at);
      double* const curvature = wants_hessian() ? second() + at : nullptr;
      block.Evaluate(first_ + at, size, log_p_.span().data() + at,
                     {losses + at, nullptr, slopes() + at, curvature});
      for (int64_t i = at; i < at + size; ++i) {
        SampleScale scale;
        if (!plan_.ignored(first_ + i)) scale = plan_.scales[first_ + i];
        plan_.inner->SetSlope(first_ + i, slopes()[i] * scale.gradient);
        if (!wants_hessian()) continue;
        first()[i] = slopes()[i] * scale.hessian;
        second()[i] *= scale.hessian;
      }
    }
  }

  // Computes what follows from the logits, and the gradient.
  void TakeToLogits() {
    constexpr Output kTaken[] = {Output::kGradient, Output::kProbabilities, Output::kLogSumExp};
    RowWindow<T> inner = InnerWindow(window_.records);
    inner.first_sample = window_.first_sample;
    bool wanted = window_.records.wanted();
    for (const Output output : kTaken) {
      inner.outputs[output] = window_.outputs[output];
      wanted |= !window_.outputs[output].empty();
    }
    if (!wanted) return;
    // The samples' outputs begin where the window's do; these losses are read by nobody.
    const ThreadScratch<T, PolicyRows> losses(
        static_cast<size_t>(first_ - window_.first_sample + count_));
    inner.outputs[Output::kLosses] = losses.span();
    ComputeInner(plan_.inner->derivative(), inner, begin_, end_);
    if (window_.records.wanted()) CorrectRecords();
  }

  // Makes the records of −u those of φ(u).
  void CorrectRecords() {
    SampleRecords& records = window_.records;
    for (int64_t i = 0; i < count_; ++i) {
      const auto sample = static_cast<size_t>(first_ + i);
      const double slope = std::abs(slopes()[i]);
      const double weight = plan_.ignored(first_ + i) ? 0 : WeightOf(first_ + i);
      records.gradient_l1[sample] *= slope * weight;
      const double p = records.true_probability[sample];
      records.vanishing[sample] = Vanishes(p, slope * (1 - p)) ? 1 : 0;
    }
  }

  // Returns the weight of a sample's class.
  double WeightOf(int64_t sample) const {
    if (plan_.terms.empty()) return 1;
    if (plan_.is_softmax()) return plan_.terms.weight(plan_.labels.class_id(sample));
    const int64_t row = sample / plan_.batch.classes;
    const int64_t k = sample % plan_.batch.classes;
    return plan_.terms.whole(k, plan_.labels.target(row, k));
  }

  // h_j = φ″ (∂u/∂z_j)² + φ′ ∂²u/∂z_j², from the derivatives of −u.
  void ComputeHessian() {
    const int64_t classes = window_.classes;
    const ThreadScratch<T, InnerGradient> memory(static_cast<size_t>((end_ - begin_) * classes));
    SampleRecords none;
    RowWindow<T> inner = CutRows(InnerWindow(none), begin_, end_);
    inner.outputs[Output::kGradient] = memory.span();
    inner.stores = kernels::Stores::kCached;
    T* const h = window_.RowAt(window_.outputs[Output::kHessianDiagonal], begin_);
    inner.outputs[Output::kHessianDiagonal] =
        absl::MakeSpan(h, static_cast<size_t>((end_ - begin_) * classes));
    ComputeInner(plan_.inner->log_p(), inner, begin_, end_);
    const int64_t per_sample = classes / plan_.samples_per_row();
    for (int64_t i = 0; i < count_; ++i) {
      for (int64_t j = i * per_sample; j < (i + 1) * per_sample; ++j) {
        const auto g = static_cast<double>(memory.span()[static_cast<size_t>(j)]);
        h[j] =
            static_cast<T>(Bounded(second()[i] * (g * g) - first()[i] * static_cast<double>(h[j])));
      }
    }
  }

  // Computes in double what float has no room for on the way, the derivatives of rows of tiny or
  // huge slopes.
  void ComputeUnusualRows() {
    if (window_.outputs[Output::kGradient].empty() && !wants_hessian()) return;
    const int64_t most_rows = std::max<int64_t>(1, kWideElements / window_.classes);
    for (int64_t row = begin_; row < end_; ++row) {
      if (!IsUnusual(row)) continue;
      const int64_t first_unusual = row;
      while (row + 1 < end_ && row + 1 - first_unusual < most_rows && IsUnusual(row + 1)) {
        ++row;
      }
      ComputeInDouble(first_unusual, row + 1);
    }
  }

  bool IsUnusual(int64_t row) const {
    constexpr OrdinaryRange kRange = OrdinaryRangeOf(sizeof(float));
    const int64_t per_row = plan_.samples_per_row();
    const int64_t at = (row - begin_) * per_row;
    for (int64_t i = at; i < at + per_row; ++i) {
      if (!kRange.HasOrZero(plan_.inner->slope(first_ + i))) return true;
      if (!wants_hessian()) continue;
      if (!kRange.HasOrZero(first()[i]) || !kRange.HasOrZero(second()[i])) return true;
    }
    return false;
  }

  void ComputeInDouble(int64_t begin, int64_t end) {
    const int64_t classes = window_.classes;
    const auto size = static_cast<size_t>((end - begin) * classes);
    const int64_t samples = (end - begin) * plan_.samples_per_row();
    const ThreadScratch<double, WideColumns> memory(3 * size + static_cast<size_t>(samples));
    const absl::Span<double> all = memory.span();
    const absl::Span<double> g = all.subspan(size, size);
    const absl::Span<double> h = all.subspan(2 * size, size);
    ReadLogits(begin, all.first(size));
    SampleRecords none;
    RowWindow<double> wide = {none, classes, all.first(size), {}, {}};
    wide.first_row = begin;
    wide.first_sample = begin * plan_.samples_per_row();
    wide.outputs[Output::kLosses] = all.subspan(3 * size);
    wide.outputs[Output::kGradient] = g;
    if (wants_hessian()) wide.outputs[Output::kHessianDiagonal] = h;
    ComputeInner(plan_.inner->log_p_in_double(), wide, begin, end);
    float* const gradient = window_.RowAt(window_.outputs[Output::kGradient], begin);
    float* const hessian = window_.RowAt(window_.outputs[Output::kHessianDiagonal], begin);
    const int64_t per_sample = classes / plan_.samples_per_row();
    for (size_t j = 0; j < size; ++j) {
      const int64_t sample = wide.first_sample + static_cast<int64_t>(j) / per_sample;
      const int64_t i = sample - first_;
      if (gradient != nullptr) {
        gradient[j] = static_cast<float>(-plan_.inner->slope(sample) * g[j]);
      }
      if (hessian == nullptr) continue;
      hessian[j] = static_cast<float>(Bounded(second()[i] * g[j] * g[j] - first()[i] * h[j]));
    }
  }

  // Reads rows from `begin` on as doubles.
  void ReadLogits(int64_t begin, absl::Span<double> to) const {
    if (!window_.logits.empty()) {
      const float* const from = window_.RowAt(window_.logits, begin);
      std::copy(from, from + to.size(), to.begin());
      return;
    }
    const ThreadScratch<float, WideLogits> memory(to.size());
    plan_.batch.logit_reader->Read(begin * window_.classes, memory.span());
    std::copy(memory.span().begin(), memory.span().end(), to.begin());
  }

  double Bounded(double h) const {
    if (plan_.curvature == kernels::Curvature::kExact) return h;
    return std::abs(h) < kHessianFloor ? kHessianFloor : std::abs(h);
  }

  const BatchPlan& plan_;
  const RowWindow<T>& window_;
  const int64_t begin_;
  const int64_t end_;
  const int64_t first_;
  const int64_t count_;
  const ThreadScratch<T, LogPColumn> log_p_;
  const ThreadScratch<double, DerivativeColumns> derivatives_;
};

}  // namespace

template <typename T>
void ComputePolicyRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin,
                       int64_t end) {
  PolicyRows<T>(plan, window, begin, end).Compute();
}

template void ComputePolicyRows(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void ComputePolicyRows(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
