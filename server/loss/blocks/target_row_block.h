#ifndef LOSSD_SERVER_LOSS_BLOCKS_TARGET_ROW_BLOCK_H_
#define LOSSD_SERVER_LOSS_BLOCKS_TARGET_ROW_BLOCK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/kernels/target_rows.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/outputs.h"

namespace lossd::loss {

struct TargetRowWorkspace {};

// Softmax rows with a target per class, in their own type: straight from the request's logits and
// targets to the outputs.
class TargetRowBlock {
 public:
  using Kernel = void (*)(const kernels::TargetRows<float>&, const FormParameters&);

  // Returns the form's kernel where it does for the batch and the loss, else null.
  static Kernel FindKernel(const BatchPlan& plan) {
    const LossSpec& spec = plan.spec;
    const OrdinaryRange range = OrdinaryRangeOf(sizeof(float));
    const kernels::FormKernels& kernels = plan.kernels;
    if (kernels.target_rows_f32 == nullptr || !plan.is_softmax() || plan.labels.hard()) {
      return nullptr;
    }
    const bool fits = plan.element_size == sizeof(float) && plan.labels.f32_targets() != nullptr &&
                      plan.transform.IsScale() && range.HasOrZero(ZLoss(plan)) &&
                      FitsFloat(kernels, spec.parameters);
    return fits ? kernels.target_rows_f32 : nullptr;
  }

  // Returns true when the window has outputs or records that the kernel does not compute.
  template <typename T>
  static bool AsksForMore(const RowWindow<T>& window) {
    return window.records.wanted() || !window.outputs[Output::kHessianDiagonal].empty();
  }

  TargetRowBlock(const BatchPlan& plan, const RowWindow<float>& window, int64_t begin, int64_t end)
      : plan_(plan),
        window_(window),
        begin_(begin),
        size_(end - begin),
        workspace_(static_cast<size_t>(kernels::TargetWorkspaceSize(plan.batch.classes))) {}

  // Computes the rows, but for those that the kernel leaves.
  void Compute(Kernel kernel) {
    FillScales();
    kernels::TargetRows<float> rows;
    rows.row_count = size_;
    rows.class_count = plan_.batch.classes;
    rows.targets = plan_.labels.f32_targets() + begin_ * plan_.batch.classes;
    rows.scale = plan_.transform.scale();
    rows.smoothing = plan_.spec.label_smoothing;
    rows.class_weights = plan_.shaping.target_weights();
    rows.z_loss = ZLoss(plan_);
    rows.loss_scale = loss_scale_.data();
    rows.gradient_scale = gradient_scale_.data();
    rows.workspace = workspace_.span().data();
    rows.stores = window_.stores;
    rows.left = left_.data();
    rows.logits = window_.RowAt(window_.logits, begin_);
    rows.pieces = window_.logit_pieces.data();
    rows.piece_count = static_cast<int64_t>(window_.logit_pieces.size());
    rows.piece_offset = begin_ * plan_.batch.classes * kernels::BytesOf<float>(window_.format);
    rows.format = window_.format;
    rows.losses = window_.SampleAt(Output::kLosses, begin_);
    rows.gradient = window_.RowAt(window_.outputs[Output::kGradient], begin_);
    rows.probabilities = window_.RowAt(window_.outputs[Output::kProbabilities], begin_);
    rows.log_sum_exp = window_.SampleAt(Output::kLogSumExp, begin_);
    kernel(rows, plan_.spec.parameters);
  }

  // Returns true when the kernel has left the row.
  bool IsLeft(int64_t row) const { return left_[static_cast<size_t>(row - begin_)] != 0; }

 private:
  static bool FitsFloat(const kernels::FormKernels& kernels, const FormParameters& parameters) {
    const OrdinaryRange range = OrdinaryRangeOf(sizeof(float));
    return kernels.fits_float(parameters) &&
           std::all_of(parameters.begin(), parameters.end(),
                       [&](double parameter) { return range.HasOrZero(parameter); });
  }

  // Returns the weight of z_loss in units of what the targets' terms are multiplied by.
  static double ZLoss(const BatchPlan& plan) {
    return static_cast<double>(plan.spec.z_loss / plan.shaping.target_unit());
  }

  // Returns the factors of a row, that unit among them.
  SampleScale ScaleOf(int64_t row) const {
    const Wide unit = plan_.shaping.target_unit();
    if (plan_.scales.wide()) return plan_.scales.WithClass(row, unit);
    SampleScale scale = plan_.scales[row];
    scale.loss *= static_cast<double>(unit);
    scale.gradient *= static_cast<double>(unit);
    return scale;
  }

  void FillScales() {
    const auto size = static_cast<size_t>(size_);
    left_.resize(size);
    loss_scale_.resize(size);
    gradient_scale_.resize(size);
    for (int64_t i = 0; i < size_; ++i) {
      const bool used = plan_.labels.used(begin_ + i, 0) != 0;
      const SampleScale scale = used ? ScaleOf(begin_ + i) : SampleScale();
      loss_scale_[static_cast<size_t>(i)] = scale.loss;
      gradient_scale_[static_cast<size_t>(i)] = scale.gradient;
    }
  }

  const BatchPlan& plan_;
  const RowWindow<float>& window_;
  int64_t begin_;
  int64_t size_;
  ThreadScratch<float, TargetRowWorkspace> workspace_;
  std::vector<double> loss_scale_;
  std::vector<double> gradient_scale_;
  std::vector<uint8_t> left_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_TARGET_ROW_BLOCK_H_
