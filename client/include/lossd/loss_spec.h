#ifndef LOSSD_LOSS_SPEC_H_
#define LOSSD_LOSS_SPEC_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "lossd/class_weighting.h"
#include "lossd/logit_adjustment.h"
#include "lossd/mining.h"
#include "lossd/policy_loss.h"

namespace lossd {

// The function that turns logits into probabilities p.
enum class Activation {
  kSoftmax,  // one class of C
  kSigmoid,  // each logit is a yes or no of its own

  // The logits are u = ln p of the truth itself, such as of a sampled token: any shape, no labels
  // and no class axis. A form is a function of u. Class weighting, smoothing, ignore_index,
  // temperature, softcap, z-loss, logit adjustment, and outputs of classes cannot act.
  kLogProbability,
};

// How focal loss treats targets that are neither 0 nor 1.
enum class SoftTargetRule {
  kPerClass,  // each class's term has its own factor (1 − p_k)^γ
  kBlended,   // sigmoid: one factor M^γ with M = y(1 − p) + (1 − y)p
};

// The forms. y_k is the (smoothed) target of class k, a_k = y_k times the class weight; the formula
// is the loss of one sample. The server's catalogue (Client::ListLosses) says which of them it
// computes; another one is answered with UNIMPLEMENTED.
struct CrossEntropy {};  // −Σ a_k ln p_k

struct Focal {         // −Σ a_k (1 − p_k)^γ ln p_k; Lin et al. 2017
  double gamma = 2.0;  // ≥ 0; 0 is cross entropy
  SoftTargetRule soft_target_rule = SoftTargetRule::kPerClass;
};

struct SquaredError {};  // Σ (p_k − y_k)²; Brier 1950

struct KlDivergence {};  // Σ a_k (ln y_k − ln p_k)

struct Poly1 {           // Σ a_k (−ln p_k + ε(1 − p_k)); Leng et al. 2022
  double epsilon = 1.0;  // ≥ −1
};

struct GeneralizedCrossEntropy {  // Σ a_k (1 − p_k^q) / q; Zhang and Sabuncu 2018
  double q = 0.7;                 // in (0, 1]
};

struct SymmetricCrossEntropy {  // α CE + β RCE, RCE = −Σ p_k max(ln y_k, log_zero); Wang et al.
                                // 2019
  double alpha = 0.1;      // ≥ 0
  double beta = 1.0;       // ≥ 0
  double log_zero = -4.0;  // < 0
};

struct Asymmetric {  // a₁(1 − p)^γ⁺(−ln p) + a₀ p_m^γ⁻(−ln(1 − p_m)), p_m = max(p − margin, 0);
                     // sigmoid; Ridnik et al. 2021
  double gamma_positive = 0.0;
  double gamma_negative = 4.0;
  double margin = 0.05;  // in [0, 1)

  // Gradient and Hessian hold the factors (1 − p)^γ⁺ and p_m^γ⁻ constant. The loss is the same.
  bool detach_focusing = false;
};

struct QualityFocal {  // |y − p|^β BCE; sigmoid; Li et al. 2020
  double beta = 2.0;   // 0 or ≥ 1
};

struct Varifocal {  // y BCE where t > 0, elsewhere α p^γ BCE; sigmoid; Zhang et al. 2021
  double alpha = 0.75;
  double gamma = 2.0;
};

struct FocalStar {  // −Σ a_k ln σ(γ s_k z + β) / γ, s = ±1; sigmoid; Lin et al. 2017, appendix
  double gamma = 2.0;  // > 0
  double beta = 0.0;
};

struct JensenShannon {  // β KL(y‖m) + (1 − β)KL(p‖m), m = βy + (1 − β)p; targets sum to 1
  double beta = 0.5;    // in (0, 1)
};

struct Hinge {          // a₁ max(0, margin − z) + a₀ max(0, margin + z); sigmoid
  double margin = 1.0;  // > 0
};

struct SquaredMargin {  // a₁(z − target)² + a₀(z + target)²; sigmoid
  double target = 1.0;
};

struct ReverseKlDivergence {};  // Σ p_k (ln p_k − ln y_k); softmax with a float target per class

using LossForm =
    std::variant<CrossEntropy, Focal, SquaredError, KlDivergence, Poly1, GeneralizedCrossEntropy,
                 SymmetricCrossEntropy, Asymmetric, QualityFocal, Varifocal, FocalStar,
                 JensenShannon, ImportanceSampling, Ppo, Cispo, Dro, Sapo, Dppo, Hinge,
                 SquaredMargin, ReverseKlDivergence>;

// How targets of a teacher are read, for distillation; softmax.
struct TeacherOptions {
  // > 0: what the teacher's logits are divided by. Unset: LossSpec's temperature.
  std::optional<double> temperature = std::nullopt;

  // Multiplies ℓ, but for the z-loss, by the square of LossSpec's temperature: Hinton's factor.
  // Beside a teacher's logits, or float targets.
  bool scale_by_squared_temperature = false;
};

// A loss: one form over one activation, and everything that acts around them. The default is
// softmax cross entropy.
//
//   lossd::LossSpec loss{lossd::Focal{2.0}};
//   loss.label_smoothing = 0.1;
//   loss.ignore_index = -100;
struct LossSpec {
  LossForm form = CrossEntropy{};
  Activation activation = Activation::kSoftmax;
  ClassWeighting class_weighting = {};

  // ε in [0, 1): y = (1 − ε)t + ε/C (softmax), (1 − ε)t + ε/2 (sigmoid).
  double label_smoothing = 0.0;

  // Samples with an integer label of this value are ignored, as those of sample weight 0 are.
  std::optional<int64_t> ignore_index = std::nullopt;

  // T > 0: z / T replaces z.
  double temperature = 1.0;

  // c > 0: c tanh(z / c) replaces z, before the temperature. 0 is off.
  double softcap = 0.0;

  // λ ≥ 0, softmax: adds λ ln²(Σ e^z).
  double z_loss = 0.0;

  // After the temperature. An adjustment or a method that the server does not know is answered with
  // UNIMPLEMENTED.
  LogitAdjustment logit_adjustment = {};
  Mining mining = {};

  // What the ratio is taken of, by forms of a ratio and by a penalty with kReverseKl.
  RatioOptions ratio = {};

  std::optional<KlPenalty> kl_penalty = std::nullopt;
  std::optional<ImportanceWeighting> importance_weighting = std::nullopt;

  TeacherOptions teacher = {};
};

}  // namespace lossd

#endif  // LOSSD_LOSS_SPEC_H_
