#ifndef LOSSD_LOGIT_ADJUSTMENT_H_
#define LOSSD_LOGIT_ADJUSTMENT_H_

#include <variant>
#include <vector>

namespace lossd {

// Changes of the logits that follow from how often each class occurs; softmax only. `counts` n is
// required: one finite count ≥ 0 per class, not all 0, of the whole training set.

// z_k + τ ln(n_k / N). A class without samples gets −∞, and a label on it is an error.
// Menon et al. 2021; with τ = 1 balanced softmax, Ren et al. 2020.
struct PriorAdjustment {
  std::vector<double> counts = {};
  double tau = 1.0;  // finite
};

// scale · (z − m_t δ_t), m_j = max_margin · (n_j / n_min)^−¼, n_min over the classes with samples;
// max_margin for those without. Integer labels only. LDAM, Cao et al. 2019.
struct MarginAdjustment {
  std::vector<double> counts = {};
  double max_margin = 0.5;  // ≥ 0
  double scale = 30.0;      // > 0
};

// For each class j but the true one, t: z_j + p min(0, ln(n_j / n_t)) + q max(0, ln(σ_j / max(σ_t,
// eps))), counts at least 1, σ the softmax of the logits before, detached. Integer labels only.
// Wang et al. 2021.
struct SeesawAdjustment {
  std::vector<double> counts = {};
  double p = 0.8;     // ≥ 0
  double q = 2.0;     // ≥ 0
  double eps = 0.01;  // > 0
};

// None, or one of them.
using LogitAdjustment =
    std::variant<std::monostate, PriorAdjustment, MarginAdjustment, SeesawAdjustment>;

}  // namespace lossd

#endif  // LOSSD_LOGIT_ADJUSTMENT_H_
