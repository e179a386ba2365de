#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_SHAPING_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_SHAPING_H_

#include <cmath>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "server/kernels/row_shape.h"
#include "server/loss/batch.h"
#include "server/loss/blocks/class_terms.h"
#include "server/loss/blocks/logit_transform.h"
#include "server/loss/loss_spec.h"
#include "server/loss/wide.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// The options of softmax rows with one true class that kernels::RowShape has, resolved for a batch.
class RowShaping {
 public:
  // Logits are computed as elements of `element_size` bytes. The others must outlive this.
  RowShaping(const Batch& batch, const LossSpec& spec, const ClassTerms& terms,
             const LogitTransform& transform, size_t element_size,
             const Cancellation& cancellation);

  // Returns true when the kernel of plain rows, where the form has one, does the same.
  bool is_plain() const { return is_plain_; }
  // Returns true when the kernel of shaped rows does what the loss asks for, and that of plain rows
  // does not.
  bool fits() const { return fits_; }

  // Returns the weights of classes over their unit as floats, where labels are targets that are
  // floats too, and classes have weights; else null.
  const float* target_weights() const { return NullIfEmpty(target_weights_); }
  // Returns the power of two that the largest of these weights has, 1 where there are none, times
  // the spec's target_scale().
  Wide target_unit() const { return target_unit_; }

  template <typename T>
  kernels::RowShape<T> Of() const {
    kernels::RowShape<T> shape;
    shape.scale = transform_->scale();
    shape.softcap = transform_->softcap();
    shape.margins = NullIfEmpty(transform_->margins());
    shape.smoothing = spec_->label_smoothing;
    shape.adds_target_entropy = adds_target_entropy_;
    shape.z_loss = spec_->z_loss;
    if (const SeesawAdjustment* const seesaw = transform_->seesaw()) {
      shape.seesaw.p = seesaw->p;
      shape.seesaw.q = seesaw->q;
      shape.seesaw.least = std::log(seesaw->eps);
    }
    if constexpr (std::is_same_v<T, float>) {
      shape.addends = NullIfEmpty(addends_);
      shape.seesaw.log_counts = NullIfEmpty(log_counts_);
      shape.class_weights = NullIfEmpty(class_weights_);
    } else {
      shape.addends = NullIfEmpty(transform_->addends());
      shape.seesaw.log_counts = NullIfEmpty(transform_->log_counts());
      if (spec_->label_smoothing != 0) shape.class_weights = NullIfEmpty(terms_->weights());
    }
    shape.class_weight_sum = class_weight_sum_;
    return shape;
  }

 private:
  void SetTargetWeights(const Cancellation& cancellation);

  template <typename Vector>
  static const typename Vector::value_type* NullIfEmpty(const Vector& values) {
    return values.empty() ? nullptr : values.data();
  }

  const LossSpec* spec_;
  const ClassTerms* terms_;
  const LogitTransform* transform_;
  bool is_plain_;
  bool fits_ = false;
  bool adds_target_entropy_ = false;
  double class_weight_sum_ = 0;
  // As floats, for logits that are.
  std::vector<float> addends_;
  std::vector<float> log_counts_;
  std::vector<float> class_weights_;  // for smoothing
  std::vector<float> target_weights_;
  Wide target_unit_ = 1;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_SHAPING_H_
