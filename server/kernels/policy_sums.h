#ifndef LOSSD_SERVER_KERNELS_POLICY_SUMS_H_
#define LOSSD_SERVER_KERNELS_POLICY_SUMS_H_

#include <algorithm>
#include <limits>

namespace lossd::kernels {

// Sums over the samples that are not ignored, each counting once. Counts are doubles, exact up to
// 2⁵³. u is ln p of the policy in training, o of the old one, f of the reference; r is the ratio
// that the loss takes.
struct PolicySums {
  double clipped_high = 0;
  double clipped_low = 0;
  double dual_clipped = 0;
  double weight_high = 0;
  double weight_low = 0;
  double ratio = 0;
  double ratio_square = 0;
  double ratio_min = std::numeric_limits<double>::infinity();
  double ratio_max = -std::numeric_limits<double>::infinity();
  double kl_k1 = 0;            // o − u
  double kl_k3 = 0;            // e^(u − o) − 1 − (u − o)
  double reference_kl_k1 = 0;  // u − f
  double reference_kl_k3 = 0;  // e^(f − u) − 1 − (f − u)

  void Add(const PolicySums& other) {
    clipped_high += other.clipped_high;
    clipped_low += other.clipped_low;
    dual_clipped += other.dual_clipped;
    weight_high += other.weight_high;
    weight_low += other.weight_low;
    ratio += other.ratio;
    ratio_square += other.ratio_square;
    ratio_min = std::min(ratio_min, other.ratio_min);
    ratio_max = std::max(ratio_max, other.ratio_max);
    kl_k1 += other.kl_k1;
    kl_k3 += other.kl_k3;
    reference_kl_k1 += other.reference_kl_k1;
    reference_kl_k3 += other.reference_kl_k3;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_POLICY_SUMS_H_
