#include "tests/benchmark/measured_case.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/kernels/dispatch.h"
#include "server/loss/catalogue.h"

namespace lossd::loss {
namespace {

// Cheap numbers without pattern: only their distribution matters here, and it is nearly normal with
// standard deviation 2, as logits of a model that has learned a little.
class Noise {
 public:
  uint64_t Next() {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return state_ >> 33U;
  }
  float Logit() {
    constexpr uint64_t kBytes = 0xFF;
    const uint64_t bits = Next();
    const uint64_t sum = (bits & kBytes) + (bits >> 8U & kBytes) + (bits >> 16U & kBytes);
    return (static_cast<float>(sum) - 382.5F) / 64;
  }
  // Returns a number between 0 and 1.
  float Share() { return (static_cast<float>(Next() & 0xFFFFU) + 0.5F) / 65536; }

 private:
  uint64_t state_ = 42;
};

std::vector<double> Counts(int64_t classes) {
  std::vector<double> counts;
  for (int64_t k = 0; k < classes; ++k) counts.push_back(static_cast<double>(1000 + 7 * k % 5000));
  return counts;
}

void SetSmoothing(int64_t, LossSpec& spec, ComputeOptions&) { spec.label_smoothing = 0.1; }
void SetTemperature(int64_t, LossSpec& spec, ComputeOptions&) { spec.temperature = 2; }
void SetPrior(int64_t classes, LossSpec& spec, ComputeOptions&) {
  spec.logit_adjustment = PriorAdjustment{1, Counts(classes)};
}
void SetZLoss(int64_t, LossSpec& spec, ComputeOptions&) { spec.z_loss = 1e-4; }
void SetClassWeights(int64_t classes, LossSpec& spec, ComputeOptions&) {
  for (int64_t k = 0; k < classes; ++k) {
    spec.class_weighting.weights.push_back(0.5 + static_cast<double>(k % 3));
  }
}
void SetAll(int64_t classes, LossSpec& spec, ComputeOptions& options) {
  for (const auto set : {SetSmoothing, SetTemperature, SetPrior, SetZLoss, SetClassWeights}) {
    set(classes, spec, options);
  }
}
void SetSoftcap(int64_t, LossSpec& spec, ComputeOptions&) { spec.softcap = 30; }
void SetMargins(int64_t classes, LossSpec& spec, ComputeOptions&) {
  spec.logit_adjustment = MarginAdjustment{0.5, 1, Counts(classes)};
}
void SetSeesaw(int64_t classes, LossSpec& spec, ComputeOptions&) {
  spec.logit_adjustment = SeesawAdjustment{0.8, 2, Counts(classes)};
}
void SetStatistics(int64_t, LossSpec&, ComputeOptions& options) {
  options.class_statistics = true;
  options.difficulty = true;
  options.top_k = {1, 5};
}
void SetHardest(int64_t, LossSpec& spec, ComputeOptions&) {
  spec.mining = HardestMining{0.7, std::nullopt};
}

std::string LabelsName(LabelKind labels) {
  switch (labels) {
    case LabelKind::kBinaryLabels:
      return "/binary_labels";
    case LabelKind::kTargets:
      return "/targets";
    case LabelKind::kSoftTargets:
      return "/soft_targets";
    case LabelKind::kClassIds:
      break;
  }
  return "";
}

Labels LabelsOf(const Case& measured, Arrays& arrays) {
  switch (measured.labels) {
    case LabelKind::kBinaryLabels:
      return BinaryLabels{arrays.BinaryLabels()};
    case LabelKind::kTargets:
      return Targets{absl::MakeConstSpan(arrays.Targets())};
    case LabelKind::kSoftTargets:
      return Targets{absl::MakeConstSpan(arrays.SoftTargets(measured.activation))};
    case LabelKind::kClassIds:
      break;
  }
  return ClassIds{arrays.ids};
}

// Reads numbers of 16 bits, as a request's that came in one piece.
class HalfReader final : public LogitReader {
 public:
  HalfReader(const std::vector<uint16_t>& numbers, FloatFormat format)
      : numbers_(numbers),
        format_(format),
        piece_({reinterpret_cast<const char*>(numbers.data()), 0,
                static_cast<int64_t>(numbers.size() * sizeof(uint16_t))}) {}

  void Read(int64_t begin, absl::Span<float> out) const override {
    kernels::CurrentHalfFloats().widen(format_, numbers_.data() + begin,
                                       static_cast<int64_t>(out.size()), out.data());
  }
  void Read(int64_t /*begin*/, absl::Span<double> /*out*/) const override {}
  absl::Span<const Piece> pieces() const override { return {&piece_, 1}; }
  FloatFormat format() const override { return format_; }

 private:
  const std::vector<uint16_t>& numbers_;
  FloatFormat format_;
  Piece piece_;
};

LossSpec SpecOf(const Case& measured) {
  LossSpec spec;
  spec.activation = measured.activation;
  spec.form = FindForm(measured.form);
  spec.parameters = DefaultParameters(*spec.form);
  const bool weighs = measured.activation == Activation::kSigmoid && measured.form == "focal";
  if (weighs) spec.class_weighting.alpha = 0.25;
  return spec;
}

}  // namespace

Shape Matrix(int64_t rows, int64_t classes) {
  return {rows, classes, 1, absl::StrCat(rows, "x", classes)};
}

Setting InFormat(const char* name, FloatFormat format) {
  Setting setting = {name};
  setting.format = format;
  return setting;
}

Setting WithLogits(const char* name, Setting::Logits logits) {
  Setting setting = {name};
  setting.logits = logits;
  return setting;
}

std::string NameOf(const Case& measured) {
  std::string name = measured.activation == Activation::kSoftmax ? "softmax/" : "sigmoid/";
  absl::StrAppend(&name, measured.form, LabelsName(measured.labels));
  if (!measured.setting.name.empty()) absl::StrAppend(&name, "/", measured.setting.name);
  return absl::StrCat(name, "/", measured.shape.name);
}

std::vector<Setting> SoftmaxSettings() {
  return {{"label_smoothing", SetSmoothing},
          {"temperature", SetTemperature},
          {"prior", SetPrior},
          {"z_loss", SetZLoss},
          {"class_weights", SetClassWeights},
          {"five_options", SetAll},
          {"softcap", SetSoftcap},
          {"ldam", SetMargins},
          {"seesaw", SetSeesaw},
          {"statistics", SetStatistics},
          {"hardest_mining", SetHardest},
          {"hessian", nullptr, false, true},
          InFormat("bfloat16", FloatFormat::kBfloat16),
          InFormat("float16", FloatFormat::kFloat16),
          WithLogits("equal_logits", Setting::Logits::kEqual),
          WithLogits("subnormal_logits", Setting::Logits::kSubnormal)};
}

Arrays::Arrays(Shape of)
    : shape(std::move(of)),
      logits(static_cast<size_t>(shape.size())),
      gradient(logits.size(), 1.0F),
      losses(logits.size(), 1.0F),
      margin(static_cast<size_t>(shape.rows), 1.0F) {
  Noise noise;
  for (float& z : logits) z = noise.Logit();
  for (int64_t i = 0; i < shape.rows; ++i) {
    ids.push_back(static_cast<int64_t>(noise.Next() % static_cast<uint64_t>(shape.classes)));
  }
}

const std::vector<int64_t>& Arrays::BinaryLabels() {
  Noise noise;
  while (binary_.size() < logits.size()) binary_.push_back(noise.Next() % 16 == 0 ? 1 : 0);
  return binary_;
}

const Floats& Arrays::Targets() {
  Noise noise;
  while (targets_.size() < logits.size()) targets_.push_back(noise.Next() % 16 == 0 ? 1 : 0);
  return targets_;
}

const Floats& Arrays::SoftTargets(Activation activation) {
  if (!soft_targets_.empty() && soft_targets_of_ == activation) return soft_targets_;
  soft_targets_of_ = activation;
  soft_targets_.resize(logits.size());
  Noise noise;
  if (activation == Activation::kSigmoid) {
    for (float& t : soft_targets_) t = noise.Share();
    return soft_targets_;
  }
  const float spread = 0.1F / static_cast<float>(shape.classes);
  std::fill(soft_targets_.begin(), soft_targets_.end(), spread);
  for (size_t i = 0; i < ids.size(); ++i) {
    soft_targets_[i * static_cast<size_t>(shape.classes) + static_cast<size_t>(ids[i])] += 0.9F;
  }
  return soft_targets_;
}

const std::vector<double>& Arrays::Weights(Setting::Weights kind, int64_t samples) {
  weights_.assign(kind == Setting::Weights::kNone ? 0 : static_cast<size_t>(samples), 1);
  if (kind != Setting::Weights::kOneInFour) return weights_;
  for (size_t i = 0; i < weights_.size(); i += 4) weights_[i] = 0;
  return weights_;
}

Floats& Arrays::Hessian() {
  hessian_.resize(logits.size(), 1.0F);
  return hessian_;
}

absl::Span<const float> Arrays::Logits(Setting::Logits kind) {
  if (kind == Setting::Logits::kNoise) return logits;
  const float scale = kind == Setting::Logits::kEqual ? 0 : 0x1p-130F;
  other_logits_.resize(logits.size());
  std::transform(logits.begin(), logits.end(), other_logits_.begin(),
                 [scale](float z) { return scale == 0 ? 1.5F : scale * z; });
  return other_logits_;
}

const std::vector<uint16_t>& Arrays::HalfLogits(FloatFormat format) {
  half_logits_.resize(logits.size());
  kernels::CurrentHalfFloats().narrow(format, logits.data(), static_cast<int64_t>(logits.size()),
                                      kernels::Stores::kCached, half_logits_.data());
  return half_logits_;
}

std::vector<uint16_t>& Arrays::HalfGradient() {
  half_gradient_.resize(logits.size(), 1);
  return half_gradient_;
}

Arrays& ArraysHolder::Of(const Shape& shape) {
  if (arrays_ == nullptr || arrays_->shape.name != shape.name) {
    arrays_.reset();
    arrays_ = std::make_unique<Arrays>(shape);
  }
  return *arrays_;
}

PreparedCall::PreparedCall(const Case& measured, Arrays& arrays) : spec(SpecOf(measured)) {
  const Setting& setting = measured.setting;
  const bool softmax = measured.activation == Activation::kSoftmax;
  const int64_t samples = softmax ? measured.shape.rows : measured.shape.size();
  batch.logits = arrays.Logits(setting.logits);
  batch.rows = measured.shape.rows;
  batch.classes = measured.shape.classes;
  batch.inner = measured.shape.inner;
  batch.labels = LabelsOf(measured, arrays);
  batch.sample_weights.values = arrays.Weights(setting.weights, samples);
  options.reduction = Reduction::kMean;
  if (setting.set != nullptr) setting.set(measured.shape.classes, spec, options);
  outputs[Output::kLosses] = absl::MakeSpan(arrays.losses.data(), static_cast<size_t>(samples));
  if (setting.format == FloatFormat::kComputed) {
    outputs[Output::kGradient] = absl::MakeSpan(arrays.gradient);
  } else {
    batch.logits = absl::Span<const float>();
    reader_ = std::make_unique<HalfReader>(arrays.HalfLogits(setting.format), setting.format);
    batch.logit_reader = reader_.get();
    outputs.half_gradient = {arrays.HalfGradient().data(), setting.format};
  }
  if (setting.wants_margin) outputs[Output::kMargin] = absl::MakeSpan(arrays.margin);
  if (setting.wants_hessian) outputs[Output::kHessianDiagonal] = absl::MakeSpan(arrays.Hessian());
}

}  // namespace lossd::loss
