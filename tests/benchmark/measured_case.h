#ifndef LOSSD_TESTS_BENCHMARK_MEASURED_CASE_H_
#define LOSSD_TESTS_BENCHMARK_MEASURED_CASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "server/loss/compute.h"

// What kernels_benchmark measures: losses, options around them, and the arrays that they read.
namespace lossd::loss {

struct Shape {
  int64_t rows;
  int64_t classes;
  int64_t inner = 1;  // above 1: [rows / inner, classes, inner]
  std::string name;

  int64_t size() const { return rows * classes; }
};

Shape Matrix(int64_t rows, int64_t classes);

enum class LabelKind {
  kClassIds,
  kBinaryLabels,
  kTargets,      // 0 or 1
  kSoftTargets,  // softmax: rows that sum to 1
};

// An option around a form, and what is asked for beside losses and gradient.
struct Setting {
  std::string name;  // "" for none
  void (*set)(int64_t classes, LossSpec& spec, ComputeOptions& options) = nullptr;
  bool wants_margin = false;
  bool wants_hessian = false;
  // Of each sample 1; for kOneInFour of every fourth 0.
  enum class Weights { kNone, kOnes, kOneInFour } weights = Weights::kNone;
  // kSubnormal: below float's normal numbers.
  enum class Logits { kNoise, kEqual, kSubnormal } logits = Logits::kNoise;
  // In which logits come and the gradient goes.
  FloatFormat format = FloatFormat::kComputed;
};

Setting InFormat(const char* name, FloatFormat format);
Setting WithLogits(const char* name, Setting::Logits logits);

struct Case {
  Activation activation = Activation::kSoftmax;
  std::string form;
  LabelKind labels = LabelKind::kClassIds;
  Shape shape;
  Setting setting = {};
};

// Returns <activation>/<form>[/<labels>][/<setting>]/<shape>.
std::string NameOf(const Case& measured);

// Returns the options that people train with: name, and what it sets.
std::vector<Setting> SoftmaxSettings();

// Aligned as the buffers of a server's pool, and as PyTorch's tensors.
using Floats = std::vector<float, xsimd::aligned_allocator<float, 64>>;

// One shape's arrays. What not every case reads is made when it is asked for.
struct Arrays {
  explicit Arrays(Shape of);

  const std::vector<int64_t>& BinaryLabels();
  const Floats& Targets();
  const Floats& SoftTargets(Activation activation);
  const std::vector<double>& Weights(Setting::Weights kind, int64_t samples);
  Floats& Hessian();
  absl::Span<const float> Logits(Setting::Logits kind);
  const std::vector<uint16_t>& HalfLogits(FloatFormat format);
  std::vector<uint16_t>& HalfGradient();

  Shape shape;
  Floats logits;
  Floats gradient;
  Floats losses;
  Floats margin;  // softmax's
  std::vector<int64_t> ids;

 private:
  std::vector<int64_t> binary_;
  Floats targets_;
  Floats soft_targets_;
  Activation soft_targets_of_ = Activation::kSoftmax;
  std::vector<double> weights_;
  Floats hessian_;
  Floats other_logits_;
  std::vector<uint16_t> half_logits_;
  std::vector<uint16_t> half_gradient_;
};

// The arrays of the last shape. They are large, so that only one shape's are held at a time.
class ArraysHolder {
 public:
  Arrays& Of(const Shape& shape);

 private:
  std::unique_ptr<Arrays> arrays_;
};

// Everything that Compute takes for a case; it refers to the arrays.
struct PreparedCall {
  PreparedCall(const Case& measured, Arrays& arrays);

  Batch batch;
  LossSpec spec;
  ComputeOptions options;
  Outputs outputs;

 private:
  std::unique_ptr<LogitReader> reader_;
};

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_BENCHMARK_MEASURED_CASE_H_
