#ifndef LOSSD_SERVER_LOSS_BLOCKS_CLASS_TERMS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_CLASS_TERMS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/loss/batch.h"
#include "server/loss/loss_spec.h"
#include "server/loss/wide.h"
#include "server/threads/cancellation.h"

namespace lossd::loss {

// Class weighting resolved for one batch: the factors of each class's terms.
class ClassTerms {
 public:
  // Counts the batch's classes when a scheme asks for them.
  ClassTerms(const Batch& batch, const LossSpec& spec, const Cancellation& cancellation = {});

  // Returns true when no class has a weight.
  bool empty() const { return empty_; }

  // Returns true when all columns have the same factors. Sigmoid only.
  bool alike() const { return alike_; }

  // Returns v of each entry of a class vector as applied (see ClassVectorSize); empty when neither
  // weights nor a scheme were given.
  const std::vector<double>& weights() const { return weights_; }
  double weight(int64_t k) const {
    const auto i = static_cast<size_t>(k);
    return i < weights_.size() ? weights_[i] : 1.0;
  }

  // Return the factors of the positive and of the negative term of column k. Sigmoid only.
  double positive(int64_t k) const { return empty_ ? 1.0 : positive_[static_cast<size_t>(k)]; }
  double negative(int64_t k) const { return empty_ ? 1.0 : negative_[static_cast<size_t>(k)]; }
  // Returns one weight for a whole element of column k, for forms that are not sums over outcomes:
  // v (α t + (1 - α)(1 - t)) (w₊ t + 1 - t). Sigmoid only.
  double whole(int64_t k, double target) const {
    if (empty_) return 1;
    const auto i = static_cast<size_t>(k);
    const double mixed = (alpha_positive_[i] * target + negative_[i] * (1 - target)) *
                         (positive_weight_[i] * target + (1 - target));
    return target == 1 ? positive_[i] : mixed;
  }

  // Returns true when every weight that is not 0 is in `range`.
  bool AreIn(const OrdinaryRange& range) const;

 private:
  bool empty_ = true;
  bool alike_ = true;
  std::vector<double> weights_;
  std::vector<double> positive_;
  std::vector<double> negative_;
  std::vector<double> alpha_positive_;   // positive_ without w₊
  std::vector<double> positive_weight_;  // w₊
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_CLASS_TERMS_H_
