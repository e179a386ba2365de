#ifndef LOSSD_SERVER_LOSS_LOGIT_ADJUSTMENT_H_
#define LOSSD_SERVER_LOSS_LOGIT_ADJUSTMENT_H_

#include <variant>
#include <vector>

namespace lossd::loss {

// Adjustments act with softmax only. All counts are [classes], finite and ≥ 0, not all 0.

// z + τ log π, π = counts / Σ counts: Menon et al. 2021, arXiv:2007.07314; with τ = 1 balanced
// softmax, Ren et al. 2020, arXiv:2007.10740. An empty class gets -inf.
struct PriorAdjustment {
  double tau = 1;
  std::vector<double> counts;
};

// LDAM: scale (z - m_t δ_t), m_j = max_margin (n_j / n_min)^(-1/4), n_min over non-empty classes,
// max_margin for empty ones: Cao et al. 2019, arXiv:1906.07413. Integer labels only.
struct MarginAdjustment {
  double max_margin = 0.5;
  double scale = 30;
  std::vector<double> counts;
};

// For j ≠ t: z_j + p min(0, ln(n_j / n_t)) + q max(0, ln(σ_j / max(σ_t, eps))). Counts are taken to
// be at least 1; σ is the softmax of the logits before the adjustment, and has no gradient of its
// own: Wang et al. 2021, arXiv:2008.10032. Integer labels only.
struct SeesawAdjustment {
  double p = 0.8;
  double q = 2;
  std::vector<double> counts;
  double eps = 0.01;
};

using LogitAdjustment =
    std::variant<std::monostate, PriorAdjustment, MarginAdjustment, SeesawAdjustment>;

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_LOGIT_ADJUSTMENT_H_
