#include "tests/server/loss/problem_batch.h"

#include <cstddef>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/loss/catalogue.h"

namespace lossd::loss {
namespace {

struct NamedForm {
  oracle::Form form;
  const char* name;
};

constexpr NamedForm kForms[] = {
    {oracle::Form::kCrossEntropy, "cross_entropy"},
    {oracle::Form::kFocal, "focal"},
    {oracle::Form::kSquaredError, "squared_error"},
    {oracle::Form::kKlDivergence, "kl_divergence"},
    {oracle::Form::kPoly1, "poly1"},
    {oracle::Form::kGeneralizedCrossEntropy, "generalized_cross_entropy"},
    {oracle::Form::kSymmetricCrossEntropy, "symmetric_cross_entropy"},
    {oracle::Form::kAsymmetric, "asymmetric"},
    {oracle::Form::kQualityFocal, "quality_focal"},
    {oracle::Form::kVarifocal, "varifocal"},
    {oracle::Form::kFocalStar, "focal_star"},
    {oracle::Form::kJensenShannon, "jensen_shannon"},
    {oracle::Form::kHinge, "hinge"},
    {oracle::Form::kSquaredMargin, "squared_margin"},
    {oracle::Form::kReverseKlDivergence, "reverse_kl_divergence"},
};
// Forms with an option that picks another row.
constexpr char kFocalBlended[] = "focal_blended";
constexpr char kAsymmetricDetached[] = "asymmetric_detached";
constexpr char kJensenShannonSkewed[] = "jensen_shannon_skewed";

double ParameterNamed(oracle::Form form, const oracle::Parameters& parameters,
                      absl::string_view name) {
  const bool is_skew = form == oracle::Form::kJensenShannon;
  const std::pair<const char*, double> values[] = {
      {"gamma", parameters.gamma},
      {"epsilon", parameters.epsilon},
      {"q", parameters.q},
      {"alpha", parameters.alpha},
      {"beta", is_skew ? parameters.skew : parameters.beta},
      {"log_zero", parameters.log_zero},
      {"gamma_positive", parameters.gamma_positive},
      {"gamma_negative", parameters.gamma_negative},
      {"margin", parameters.margin},
      {"target", parameters.target},
  };
  for (const auto& [known, value] : values) {
    if (name == known) return value;
  }
  ADD_FAILURE() << "the oracle has no parameter named " << name;
  return 0;
}

WeightScheme SchemeOf(oracle::SchemeName name) {
  switch (name) {
    case oracle::SchemeName::kBalanced:
      return WeightScheme::kBalanced;
    case oracle::SchemeName::kInverseFrequency:
      return WeightScheme::kInverseFrequency;
    case oracle::SchemeName::kInverseSquareRoot:
      return WeightScheme::kInverseSquareRoot;
    case oracle::SchemeName::kEffectiveNumber:
      return WeightScheme::kEffectiveNumber;
    case oracle::SchemeName::kMedianFrequency:
      return WeightScheme::kMedianFrequency;
    case oracle::SchemeName::kLogFrequency:
      return WeightScheme::kLogFrequency;
  }
  return WeightScheme::kBalanced;
}

Normalization NormalizationOf(oracle::SchemeNormalization normalization) {
  switch (normalization) {
    case oracle::SchemeNormalization::kOwn:
      return Normalization::kOwn;
    case oracle::SchemeNormalization::kNone:
      return Normalization::kNone;
    case oracle::SchemeNormalization::kMeanOne:
      return Normalization::kMeanOne;
    case oracle::SchemeNormalization::kSumOne:
      return Normalization::kSumOne;
    case oracle::SchemeNormalization::kExpectedOne:
      return Normalization::kExpectedOne;
  }
  return Normalization::kOwn;
}

Reduction ReductionOf(oracle::Reduction reduction) {
  switch (reduction) {
    case oracle::Reduction::kNone:
      return Reduction::kNone;
    case oracle::Reduction::kSum:
      return Reduction::kSum;
    case oracle::Reduction::kMean:
      return Reduction::kMean;
    case oracle::Reduction::kMeanValid:
      return Reduction::kMeanValid;
  }
  return Reduction::kNone;
}

PerSample PerSampleOf(const std::vector<double>& values, size_t samples) {
  if (values.empty()) return {};
  return {values, static_cast<int64_t>(samples / values.size())};
}

}  // namespace

oracle::Form OracleForm(absl::string_view name) {
  if (name == kFocalBlended) return oracle::Form::kFocal;
  if (name == kAsymmetricDetached) return oracle::Form::kAsymmetric;
  if (name == kJensenShannonSkewed) return oracle::Form::kJensenShannon;
  for (const NamedForm& known : kForms) {
    if (name == known.name) return known.form;
  }
  ADD_FAILURE() << "the oracle does not know the form " << name;
  return oracle::Form::kCrossEntropy;
}

oracle::Parameters OracleOptions(absl::string_view name) {
  oracle::Parameters parameters;
  if (name == kFocalBlended) parameters.soft_target_rule = oracle::SoftTargetRule::kBlended;
  parameters.detach_focusing = name == kAsymmetricDetached;
  if (name == kJensenShannonSkewed) parameters.skew = 0.25;
  return parameters;
}

absl::string_view FormName(const oracle::Problem& problem) {
  if (problem.form == oracle::Form::kFocal &&
      problem.parameters.soft_target_rule == oracle::SoftTargetRule::kBlended) {
    return kFocalBlended;
  }
  if (problem.form == oracle::Form::kAsymmetric && problem.parameters.detach_focusing) {
    return kAsymmetricDetached;
  }
  if (problem.form == oracle::Form::kJensenShannon && problem.parameters.skew != 0.5) {
    return kJensenShannonSkewed;
  }
  for (const NamedForm& known : kForms) {
    if (known.form == problem.form) return known.name;
  }
  return "";
}

LossSpec SpecOf(const oracle::Problem& problem) {
  LossSpec spec;
  spec.activation = problem.activation == oracle::Activation::kSoftmax ? Activation::kSoftmax
                                                                       : Activation::kSigmoid;
  spec.form = FindForm(FormName(problem));
  if (spec.form == nullptr) {
    ADD_FAILURE() << "this build has no form " << FormName(problem);
    spec.form = &CrossEntropyForm();
  }
  for (int n = 0; n < spec.form->parameter_count; ++n) {
    const auto index = static_cast<size_t>(n);
    spec.parameters[index] =
        ParameterNamed(problem.form, problem.parameters, spec.form->parameters[index].name);
  }
  spec.class_weighting.weights = problem.weights;
  if (problem.scheme) {
    SchemeWeights scheme;
    scheme.scheme = SchemeOf(problem.scheme->name);
    scheme.beta = problem.scheme->beta;
    scheme.normalization = NormalizationOf(problem.scheme->normalization);
    scheme.counts = problem.scheme_counts;
    spec.class_weighting.scheme = scheme;
  }
  spec.class_weighting.alpha = problem.alpha;
  spec.class_weighting.positive_weights = problem.positive_weights;
  spec.label_smoothing = problem.label_smoothing;
  spec.ignore_index = problem.ignore_index;
  spec.temperature = problem.temperature;
  spec.teacher = {problem.teacher_temperature, problem.scale_by_squared_temperature};
  spec.softcap = problem.softcap;
  spec.z_loss = problem.z_loss;
  if (problem.prior) {
    spec.logit_adjustment = PriorAdjustment{problem.prior->tau, problem.prior->counts};
  }
  if (problem.label_margin) {
    const oracle::LabelMargin& margin = *problem.label_margin;
    spec.logit_adjustment = MarginAdjustment{margin.max_margin, margin.scale, margin.counts};
  }
  if (problem.seesaw) {
    const oracle::Seesaw& seesaw = *problem.seesaw;
    spec.logit_adjustment = SeesawAdjustment{seesaw.p, seesaw.q, seesaw.counts, seesaw.eps};
  }
  return spec;
}

ComputeOptions OptionsOf(const oracle::Problem& problem) {
  ComputeOptions options;
  options.reduction = ReductionOf(problem.reduction);
  options.normalizer = problem.normalizer;
  options.hessian_mode = problem.hessian_mode == oracle::HessianMode::kPositive
                             ? HessianMode::kPositive
                             : HessianMode::kExact;
  options.gradient_scale = problem.gradient_scale;
  options.class_statistics = true;
  options.difficulty = true;
  options.hard_threshold = problem.hard_threshold;
  options.top_k = problem.top_k;
  options.vanishing = true;
  return options;
}

template <typename T>
ProblemBatch<T>::ProblemBatch(const oracle::Problem& problem)
    : logits_(problem.logits.begin(), problem.logits.end()),
      sample_weights_(problem.sample_weights),
      upstream_(problem.upstream_gradient) {
  batch_.rows = static_cast<int64_t>(problem.rows());
  batch_.classes = static_cast<int64_t>(problem.classes());
  batch_.logits = absl::Span<const T>(logits_);
  if (problem.class_ids) {
    labels_ = *problem.class_ids;
    batch_.labels = ClassIds{labels_};
  } else if (problem.binary_labels) {
    labels_.assign(problem.binary_labels->begin(), problem.binary_labels->end());
    batch_.labels = BinaryLabels{labels_};
  } else {
    const oracle::Matrix& targets = problem.targets ? *problem.targets : *problem.teacher_logits;
    targets_.assign(targets.begin(), targets.end());
    batch_.labels = Targets{absl::Span<const T>(targets_),
                            problem.targets ? TargetKind::kGiven : TargetKind::kTeacherLogits};
  }
  batch_.sample_weights = PerSampleOf(sample_weights_, problem.samples());
  batch_.upstream_gradient = PerSampleOf(upstream_, problem.samples());
}

template <typename T>
Computed<T> ComputeBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                         const Executor& executor, Wanted wanted) {
  const auto rows = static_cast<size_t>(batch.rows);
  const size_t elements = rows * static_cast<size_t>(batch.classes);
  const bool is_softmax = spec.activation == Activation::kSoftmax;
  // An entry that is not written must not look like an answer.
  constexpr T kUnwritten = std::numeric_limits<T>::quiet_NaN();
  Computed<T> computed;
  computed.losses.assign(is_softmax ? rows : elements, kUnwritten);
  computed.gradient.assign(elements, kUnwritten);
  computed.hessian_diagonal.assign(elements, kUnwritten);
  computed.probabilities.assign(elements, kUnwritten);
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(computed.losses);
  outputs[Output::kGradient] = absl::MakeSpan(computed.gradient);
  outputs[Output::kHessianDiagonal] = absl::MakeSpan(computed.hessian_diagonal);
  outputs[Output::kProbabilities] = absl::MakeSpan(computed.probabilities);
  if (is_softmax) computed.log_sum_exp.assign(rows, kUnwritten);
  outputs[Output::kLogSumExp] = absl::MakeSpan(computed.log_sum_exp);
  if (wanted == Wanted::kEveryOutput) computed.margin.assign(computed.losses.size(), kUnwritten);
  outputs[Output::kMargin] = absl::MakeSpan(computed.margin);
  absl::StatusOr<Result> result = Compute(batch, spec, options, outputs, executor);
  EXPECT_TRUE(result.ok()) << result.status();
  if (result.ok()) computed.result = *std::move(result);
  return computed;
}

template <typename T>
Computed<T> ComputeProblem(const oracle::Problem& problem, const Executor& executor) {
  const ProblemBatch<T> batch(problem);
  return ComputeBatch<T>(batch.batch(), SpecOf(problem), OptionsOf(problem), executor);
}

template <typename T>
Computed<T> ComputeProblem(const oracle::Problem& problem) {
  return ComputeProblem<T>(problem, Executor(1));
}

template class ProblemBatch<float>;
template class ProblemBatch<double>;
template Computed<float> ComputeBatch<float>(const Batch&, const LossSpec&, const ComputeOptions&,
                                             const Executor&, Wanted);
template Computed<double> ComputeBatch<double>(const Batch&, const LossSpec&, const ComputeOptions&,
                                               const Executor&, Wanted);
template Computed<float> ComputeProblem<float>(const oracle::Problem&);
template Computed<double> ComputeProblem<double>(const oracle::Problem&);
template Computed<float> ComputeProblem<float>(const oracle::Problem&, const Executor&);
template Computed<double> ComputeProblem<double>(const oracle::Problem&, const Executor&);

std::string Describe(const oracle::Problem& problem) {
  std::string text(FormName(problem));
  const FormInfo* form = FindForm(text);
  for (int n = 0; form != nullptr && n < form->parameter_count; ++n) {
    const char* name = form->parameters[static_cast<size_t>(n)].name;
    absl::StrAppend(&text, " ", name, "=", ParameterNamed(problem.form, problem.parameters, name));
  }
  absl::StrAppend(&text,
                  problem.activation == oracle::Activation::kSoftmax ? ", softmax" : ", sigmoid",
                  " [", problem.rows(), ", ", problem.classes(), "], ",
                  problem.class_ids       ? "class ids"
                  : problem.binary_labels ? "binary labels"
                  : problem.targets       ? "targets"
                                          : "a teacher");
  if (problem.scale_by_squared_temperature) absl::StrAppend(&text, ", scaled");
  if (problem.label_smoothing != 0) {
    absl::StrAppend(&text, ", smoothing ", problem.label_smoothing);
  }
  if (problem.temperature != 1) absl::StrAppend(&text, ", temperature ", problem.temperature);
  if (problem.softcap != 0) absl::StrAppend(&text, ", softcap ", problem.softcap);
  if (problem.prior) absl::StrAppend(&text, ", prior");
  if (problem.label_margin) absl::StrAppend(&text, ", margin ", problem.label_margin->scale);
  if (problem.seesaw) absl::StrAppend(&text, ", seesaw");
  if (problem.z_loss != 0) absl::StrAppend(&text, ", z_loss ", problem.z_loss);
  if (!problem.weights.empty() || problem.scheme) absl::StrAppend(&text, ", class weights");
  if (problem.alpha) absl::StrAppend(&text, ", alpha ", *problem.alpha);
  return text;
}

}  // namespace lossd::loss
