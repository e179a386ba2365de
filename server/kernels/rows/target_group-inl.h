#ifndef LOSSD_SERVER_KERNELS_ROWS_TARGET_GROUP_INL_H_
#define LOSSD_SERVER_KERNELS_ROWS_TARGET_GROUP_INL_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "server/kernels/rows/target_form-inl.h"
#include "server/kernels/simd/exponential-inl.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/simd/select-inl.h"
#include "server/kernels/target_rows.h"

namespace lossd::kernels {

// The few numbers that a row with a target per class has beside those of its classes, for up to
// kRows rows, in double, a register of rows at a time. With e_j = exp(x_j − x_m), b_j = a_j φ′_j,
// G = Σ b_j, and class m, the largest, held out of the sums,
//   g_j = e_j p_m (2λ logsumexp − G) + b_j
//   g_m = b_m (1 − p_m) − p_m (G_rest − 2λ logsumexp)
// Where several classes are the largest none is held out, and a_m is 0.
template <typename T, typename Arch, size_t kRows>
class TargetGroup {
 public:
  using Column = double[kRows];

  // Columns that the caller fills, for its rows.
  alignas(64) Column max;             // x_m
  alignas(64) Column rest;            // as HeldOut
  alignas(64) Column largest_target;  // a_m
  alignas(64) Column other_targets;   // Σ_{k≠m} a_k
  alignas(64) Column logit_sum;       // Σ_k a_k (x_k − x_m); for cross entropy
  alignas(64) Column entropy;         // what is added to the loss
  alignas(64) Column other_values;    // Σ_{k≠m} a_k φ_k; for other forms
  alignas(64) Column other_slopes;    // G_rest; for other forms

  // Columns that FindLogs fills.
  alignas(64) Column log1p_rest;
  alignas(64) Column p_max;

  // Columns that Combine fills. The derivatives have all scales in them.
  alignas(64) Column factor;  // of e_j
  alignas(64) Column largest_gradient;
  alignas(64) Column scale;  // of b_j

  LOSSD_FLATTEN void FindLogs(int64_t size) {
    for (double* const column : {max, rest, largest_target, other_targets}) FillPast(size, column);
    for (double* const column : {logit_sum, entropy, other_values, other_slopes}) {
      FillPast(size, column);
    }
    for (int64_t i = 0; i < size; i += kWidth) {
      const LogOnePlus<D> total = LogOnePlusOf<T>(D::load_aligned(rest + i));
      total.log.store_aligned(log1p_rest + i);
      total.inverse.store_aligned(p_max + i);
    }
  }

  // Computes rows [begin, begin + size), and writes their scalars.
  LOSSD_FLATTEN void Combine(const TargetRows<T>& rows, const TargetForm<T>& form,
                             const FormParameters& parameters, int64_t begin, int64_t size) {
    Own own;
    if (!form.is_cross_entropy()) EvaluateLargest(form, parameters, size, own);
    for (int64_t i = 0; i < size; ++i) {
      scale[i] = rows.gradient_scale[begin + i] * rows.scale;
    }
    FillPast(size, scale);
    for (int64_t i = 0; i < size; i += kWidth) {
      if (form.is_cross_entropy()) AddCrossEntropy(i, own);
      AddUp(i, rows.z_loss, own);
    }
    WriteScalars(rows, begin, size, own);
  }

 private:
  using D = Lanes<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);

  // What Combine needs for itself.
  struct Own {
    alignas(64) Column log_p;
    alignas(64) Column one_minus_p;
    alignas(64) Column value;  // a_m φ_m
    alignas(64) Column slope;  // b_m
    alignas(64) Column loss;
    alignas(64) Column log_sum_exp;
  };

  void EvaluateLargest(const TargetForm<T>& form, const FormParameters& parameters, int64_t size,
                       Own& own) {
    for (int64_t i = 0; i < size; i += kWidth) {
      D(-D::load_aligned(log1p_rest + i)).store_aligned(own.log_p + i);
      D(D::load_aligned(rest + i) * D::load_aligned(p_max + i)).store_aligned(own.one_minus_p + i);
    }
    form.largest({own.log_p, p_max, own.one_minus_p, own.value, own.slope, nullptr}, size,
                 parameters);
    for (int64_t i = 0; i < size; i += kWidth) {
      const D a = D::load_aligned(largest_target + i);
      Weighted(a, D::load_aligned(own.value + i)).store_aligned(own.value + i);
      Weighted(a, D::load_aligned(own.slope + i)).store_aligned(own.slope + i);
    }
  }

  void AddCrossEntropy(int64_t i, Own& own) {
    const D a = D::load_aligned(largest_target + i);
    const D others = D::load_aligned(other_targets + i);
    const D log = D::load_aligned(log1p_rest + i);
    D(others * log - D::load_aligned(logit_sum + i)).store_aligned(other_values + i);
    D(a * log).store_aligned(own.value + i);
    D(-others).store_aligned(other_slopes + i);
    D(-a).store_aligned(own.slope + i);
  }

  void AddUp(int64_t i, double z_loss, Own& own) {
    const D p = D::load_aligned(p_max + i);
    const D c = D::load_aligned(rest + i) * p;
    const D log_sum_exp = D::load_aligned(max + i) + D::load_aligned(log1p_rest + i);
    const D of_sum = Weighted(D(2 * z_loss), log_sum_exp);
    const D slope = D::load_aligned(own.slope + i);
    const D others = D::load_aligned(other_slopes + i);
    const D by_z = D::load_aligned(scale + i);
    D loss = D::load_aligned(other_values + i) + D::load_aligned(own.value + i);
    loss += D::load_aligned(entropy + i) + Weighted(D(z_loss), D(log_sum_exp * log_sum_exp));
    loss.store_aligned(own.loss + i);
    log_sum_exp.store_aligned(own.log_sum_exp + i);
    D(by_z * (p * (of_sum - (slope + others)))).store_aligned(factor + i);
    D(by_z * (slope * c - p * (others - of_sum))).store_aligned(largest_gradient + i);
  }

  void WriteScalars(const TargetRows<T>& rows, int64_t begin, int64_t size, const Own& own) {
    for (int64_t i = 0; i < size; ++i) {
      const double weight = rows.loss_scale[begin + i];
      const double loss = own.loss[i];
      rows.losses[begin + i] = weight == 0 || loss == 0 ? T(0) : static_cast<T>(weight * loss);
      if (rows.log_sum_exp != nullptr) {
        rows.log_sum_exp[begin + i] = static_cast<T>(own.log_sum_exp[i]);
      }
      if (!IsOrdinary(i, loss)) rows.left[begin + i] = 1;
    }
  }

  // Returns true when T's range has what a row's classes are made of, and its digits do for a loss
  // from which most of the targets' entropy is gone. NaN never is.
  bool IsOrdinary(int64_t i, double loss) const {
    constexpr double kLeastOfEntropy = 0x1p-10;
    constexpr double kMost = sizeof(T) == sizeof(float) ? 0x1p60 : 0x1p500;
    const double targets = largest_target[i] + other_targets[i];
    const double size = std::abs(scale[i]);
    return targets >= 1 / kMost && targets <= kMost && size <= kMost &&
           (size >= 1 / kMost || size == 0) && std::abs(factor[i]) <= kMost * kMost &&
           std::isfinite(loss) && std::isfinite(rest[i]) &&
           std::abs(loss) >= kLeastOfEntropy * std::abs(entropy[i]);
  }

  static void FillPast(int64_t size, double* column) {
    for (int64_t i = size; i < static_cast<int64_t>(kRows); ++i) column[i] = 0;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROWS_TARGET_GROUP_INL_H_
