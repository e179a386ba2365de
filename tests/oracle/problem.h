#ifndef LOSSD_TESTS_ORACLE_PROBLEM_H_
#define LOSSD_TESTS_ORACLE_PROBLEM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/oracle/class_weights.h"
#include "xtensor/xtensor.hpp"

namespace lossd::oracle {

using Matrix = xt::xtensor<double, 2>;

enum class Activation { kSoftmax, kSigmoid };

enum class Form {
  kCrossEntropy,
  kFocal,
  kSquaredError,
  kKlDivergence,
  kPoly1,
  kGeneralizedCrossEntropy,
  kSymmetricCrossEntropy,
  kAsymmetric,
  kQualityFocal,
  kVarifocal,
  kFocalStar,
  kJensenShannon,
  kHinge,
  kSquaredMargin,
  kReverseKlDivergence,
};

enum class SoftTargetRule { kPerClass, kBlended };
enum class Reduction { kNone, kSum, kMean, kMeanValid };
enum class HessianMode { kExact, kPositive };

// The parameters of every form, under the names they have in the request. A form reads its own.
struct Parameters {
  double gamma = 2;           // focal, varifocal, focal_star
  double epsilon = 1;         // poly1
  double q = 0.7;             // generalized_cross_entropy
  double alpha = 0.1;         // symmetric_cross_entropy, varifocal
  double beta = 1;            // symmetric_cross_entropy, quality_focal, focal_star
  double log_zero = -4;       // symmetric_cross_entropy
  double gamma_positive = 0;  // asymmetric
  double gamma_negative = 4;
  double margin = 0.05;  // asymmetric, hinge
  bool detach_focusing = false;
  double skew = 0.5;  // jensen_shannon, whose name for it is beta
  double target = 1;  // squared_margin
  SoftTargetRule soft_target_rule = SoftTargetRule::kPerClass;  // focal beside sigmoid
};

// Counts of classes, and what moves the logits of a softmax by them.
struct Prior {  // z + tau log(counts / sum)
  double tau = 1;
  std::vector<double> counts;
};
struct LabelMargin {  // scale (z - m_t at the true class t), m = max_margin (counts / least)^(-1/4)
  double max_margin = 0.5;
  double scale = 30;
  std::vector<double> counts;
};

struct Seesaw {  // j != t: z_j + p min(0, ln n_j / n_t) + q max(0, ln sigma_j / max(sigma_t, eps))
  double p = 0.8;
  double q = 2;
  double eps = 0.01;
  std::vector<double> counts;
};

// Everything that one answer depends on. Exactly one of class_ids, binary_labels, targets and
// teacher_logits is set. The values are taken as they stand: for a float32 computation they must be
// float32 values. The special members are the default ones, compiled once instead of in every test.
struct Problem {
  Problem();
  Problem(const Problem& other);
  Problem(Problem&& other) noexcept;
  Problem& operator=(const Problem& other);
  Problem& operator=(Problem&& other) noexcept;
  ~Problem();

  Activation activation = Activation::kSoftmax;
  Form form = Form::kCrossEntropy;
  Parameters parameters;

  Matrix logits;                                         // [rows, classes]
  std::optional<std::vector<int64_t>> class_ids;         // [rows]
  std::optional<xt::xtensor<int64_t, 2>> binary_labels;  // [rows, classes], sigmoid
  std::optional<Matrix> targets;                         // [rows, classes]
  std::optional<Matrix> teacher_logits;                  // [rows, classes], softmax

  std::vector<double> weights;  // [classes]; {negative, positive} for one-logit rows
  std::optional<Scheme> scheme;
  std::vector<double> scheme_counts;     // empty: this batch's own
  std::optional<double> alpha;           // sigmoid
  std::vector<double> positive_weights;  // sigmoid: [classes] or one value
  double label_smoothing = 0;
  // Softmax alone. The logits z of the request become x = adjusted(cap(z) / temperature).
  double temperature = 1;
  std::optional<double> teacher_temperature;  // of teacher_logits; none: `temperature`
  bool scale_by_squared_temperature =
      false;           // the loss without z_loss, beside targets or a teacher
  double softcap = 0;  // 0: none; else softcap tanh(z / softcap)
  std::optional<Prior> prior;
  std::optional<LabelMargin> label_margin;
  std::optional<Seesaw> seesaw;
  double z_loss = 0;  // z_loss logsumexp(x)^2 is added
  std::optional<int64_t> ignore_index;

  std::vector<double> sample_weights;     // one per sample or per row; empty: 1
  std::vector<double> upstream_gradient;  // likewise
  Reduction reduction = Reduction::kNone;
  std::optional<double> normalizer;
  HessianMode hessian_mode = HessianMode::kExact;
  double gradient_scale = 1;
  double hard_threshold = 0.5;
  std::vector<int32_t> top_k;

  bool is_transformed() const {
    return temperature != 1 || softcap != 0 || prior || label_margin || seesaw;
  }
  size_t rows() const { return logits.shape()[0]; }
  size_t classes() const { return logits.shape()[1]; }
  size_t samples() const {
    return activation == Activation::kSoftmax ? rows() : rows() * classes();
  }
};

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_PROBLEM_H_
