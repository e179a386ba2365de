#ifndef LOSSD_INFORMATION_H_
#define LOSSD_INFORMATION_H_

#include <optional>

#include "xtensor/xarray.hpp"

namespace lossd {

// The logarithm's base, and so the unit of every measure.
enum class InformationBase {
  kNat,      // e
  kBit,      // 2
  kHartley,  // 10
};

struct InformationOptions {
  InformationBase base = InformationBase::kNat;

  // Reads p and q as logits, where −inf is probability 0; else as weights, finite and ≥ 0, whose
  // rows are divided by their sums.
  bool from_logits = false;

  // Also −log p of each entry.
  bool self_information = false;
};

// One entry per row of p; those that compare p with q are there when q was given.
// kl_divergence = cross_entropy − entropy.
struct Information {
  xt::xarray<double> entropy;                          // H(p)
  std::optional<xt::xarray<double>> self_information;  // −log p, p's shape
  std::optional<xt::xarray<double>> cross_entropy;     // H(p, q)
  std::optional<xt::xarray<double>> kl_divergence;     // D(p ‖ q)
  std::optional<xt::xarray<double>> jensen_shannon;    // ½D(p ‖ m) + ½D(q ‖ m), m = ½(p + q)
};

}  // namespace lossd

#endif  // LOSSD_INFORMATION_H_
