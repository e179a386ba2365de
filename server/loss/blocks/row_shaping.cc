#include "server/loss/blocks/row_shaping.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/form_kernels.h"
#include "server/loss/wide.h"

namespace lossd::loss {
namespace {

std::vector<float> AsFloats(absl::Span<const double> numbers, const Cancellation& cancellation) {
  std::vector<float> floats;
  floats.reserve(numbers.size());
  ForEachBlock(static_cast<int64_t>(numbers.size()), 1, cancellation,
               [&](int64_t begin, int64_t end) {
                 for (int64_t k = begin; k < end; ++k) {
                   floats.push_back(static_cast<float>(numbers[static_cast<size_t>(k)]));
                 }
               });
  return floats;
}

// Returns true when a softmax's labels are floats.
bool HasFloatTargets(const Batch& batch, const LossSpec& spec) {
  const auto* targets = std::get_if<Targets>(&batch.labels);
  return spec.activation == Activation::kSoftmax && targets != nullptr &&
         std::holds_alternative<absl::Span<const float>>(targets->values);
}

}  // namespace

RowShaping::RowShaping(const Batch& batch, const LossSpec& spec, const ClassTerms& terms,
                       const LogitTransform& transform, size_t element_size,
                       const Cancellation& cancellation)
    : spec_(&spec),
      terms_(&terms),
      transform_(&transform),
      is_plain_(spec.label_smoothing == 0 && spec.z_loss == 0 && transform.identity()) {
  const kernels::FormKernels& kernels = KernelsOf(*spec.form);
  const bool is_float = element_size == sizeof(float);
  if (is_float && HasFloatTargets(batch, spec)) SetTargetWeights(cancellation);
  const bool has_plain =
      is_float ? kernels.class_id_rows_f32 != nullptr : kernels.class_id_rows_f64 != nullptr;
  if (is_plain_ && has_plain) return;
  const bool smooths = spec.label_smoothing != 0;
  const OrdinaryRange range = OrdinaryRangeOf(element_size);
  fits_ = spec.activation == Activation::kSoftmax &&
          std::holds_alternative<ClassIds>(batch.labels) && kernels.shaped_rows_f32 != nullptr &&
          (!smooths || kernels.smooths_hard_labels) && transform.IsShape() && terms.AreIn(range) &&
          range.HasOrZero(spec.z_loss);
  if (!fits_) return;
  adds_target_entropy_ = smooths && kernels.adds_target_entropy;
  if (is_float) addends_ = AsFloats(transform.addends(), cancellation);
  if (is_float) log_counts_ = AsFloats(transform.log_counts(), cancellation);
  if (!smooths || terms.weights().empty()) return;
  if (is_float) class_weights_ = AsFloats(terms.weights(), cancellation);
  for (const double weight : terms.weights()) class_weight_sum_ += weight;
}

void RowShaping::SetTargetWeights(const Cancellation& cancellation) {
  target_unit_ = spec_->target_scale();
  const std::vector<double>& weights = terms_->weights();
  if (weights.empty()) return;
  const double largest = *std::max_element(weights.begin(), weights.end());
  const int exponent = largest == 0 ? 0 : std::ilogb(largest);
  target_unit_ = std::scalbn(target_unit_, exponent);
  std::vector<double> units;
  units.reserve(weights.size());
  for (const double weight : weights) units.push_back(std::scalbn(weight, -exponent));
  target_weights_ = AsFloats(units, cancellation);
}

}  // namespace lossd::loss
