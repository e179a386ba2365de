#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_TARGETS_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_TARGETS_H_

#include <cmath>
#include <cstdint>
#include <numeric>

#include "server/loss/blocks/sample_labels.h"
#include "server/loss/wide.h"

namespace lossd::loss {

// The target of each class of a row, before smoothing: their sum, and means by them. A sum may be
// beyond double's range where the means are within it.
class RowTargets {
 public:
  // `targets` has one for each of the classes, is filled before Find(), and outlives this.
  RowTargets(const double* targets, int64_t classes) : t_(targets), classes_(classes) {}

  // Finds the sum, and the true class: the one with the largest target.
  void Find(const ElementLabels& labels, int64_t row) {
    if (labels.has_class_ids()) {
      sum_ = 1;
      true_class_ = labels.class_id(row);
      return;
    }
    sum_ = 0;
    true_class_ = 0;
    for (int64_t k = 0; k < classes_; ++k) {
      sum_ += t_[k];
      if (t_[k] > t_[true_class_]) true_class_ = k;
    }
  }

  double sum() const { return sum_; }
  int64_t true_class() const { return true_class_; }

  // Returns part · Σ t.
  double Spread(double part) const {
    if (std::isfinite(sum_)) return part * sum_;
    return static_cast<double>(part * WideSum());
  }

  // Returns Σ t_k f(k) / Σ t_k, of which `numerator` is the upper part, and 0 where there is no
  // target.
  template <typename F>
  double Mean(double numerator, F f) const {
    if (sum_ == 0) return 0;
    const bool fits = OrdinaryRangeOf(sizeof(double)).Has(sum_) && !std::isinf(numerator);
    return fits ? numerator / sum_ : static_cast<double>(WideMean(f));
  }

  // Returns the mean of weights of any size, double's to the bit where that does.
  template <typename F>
  Wide ExactMean(F f) const {
    double numerator = 0;
    for (int64_t k = 0; k < classes_; ++k) numerator += f(k) * t_[k];
    return OrdinaryRangeOf(sizeof(double)).Has(numerator) ? Wide{Mean(numerator, f)} : WideMean(f);
  }

 private:
  template <typename F>
  Wide WideMean(F f) const {
    if (sum_ == 0) return 0;
    Wide numerator = 0;
    for (int64_t k = 0; k < classes_; ++k) numerator += t_[k] == 0 ? 0 : Wide{t_[k]} * f(k);
    return numerator / WideSum();
  }

  Wide WideSum() const { return std::accumulate(t_, t_ + classes_, Wide{0}); }

  const double* const t_;
  const int64_t classes_;
  double sum_ = 0;
  int64_t true_class_ = 0;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_TARGETS_H_
