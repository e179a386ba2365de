// Measures the core without a server around it: loss and gradient of float32 logits, into
// buffers that were allocated and touched before, beside a memcpy of the same logits. Names are
// <activation>/<form>[/<labels>][/margin]/<shape>/threads:<n>; --benchmark_format=json is for
// scripts.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include <xsimd/xsimd.hpp>

#include "absl/strings/str_cat.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"

namespace lossd::loss {
namespace {

enum class LabelKind { kClassIds, kBinaryLabels, kTargets };
enum class Wanted { kGradient, kGradientAndMargin };  // beside the losses

struct Shape {
  int64_t rows;
  int64_t classes;
  int64_t inner = 1;  // above 1: [rows / inner, classes, inner]
  std::string name;

  int64_t size() const { return rows * classes; }
};

Shape Matrix(int64_t rows, int64_t classes) {
  return {rows, classes, 1, absl::StrCat(rows, "x", classes)};
}

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

 private:
  uint64_t state_ = 42;
};

// Aligned as the buffers of a server's pool, and as PyTorch's tensors.
using Floats = std::vector<float, xsimd::aligned_allocator<float, 64>>;

// One shape's arrays. They are large, so that only one shape is held at a time.
struct Arrays {
  explicit Arrays(const Shape& shape)
      : name(shape.name),
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

  std::string name;
  Floats logits;
  Floats gradient;
  Floats losses;
  Floats margin;  // softmax's
  std::vector<int64_t> ids;
  std::vector<int64_t> binary;  // made when asked for
  Floats targets;
};

class ArraysHolder {
 public:
  Arrays& Of(const Shape& shape) {
    if (arrays_ == nullptr || arrays_->name != shape.name) {
      arrays_.reset();
      arrays_ = std::make_unique<Arrays>(shape);
    }
    return *arrays_;
  }

  void GiveElementLabels(Arrays& arrays) {
    if (!arrays.binary.empty()) return;
    Noise noise;
    for (size_t i = 0; i < arrays.logits.size(); ++i) {
      const bool positive = noise.Next() % 16 == 0;
      arrays.binary.push_back(positive ? 1 : 0);
      arrays.targets.push_back(positive ? 1 : 0);
    }
  }

 private:
  std::unique_ptr<Arrays> arrays_;
};

struct Case {
  Activation activation = Activation::kSoftmax;
  std::string form;
  LabelKind labels = LabelKind::kClassIds;
  Shape shape;
  Wanted wanted = Wanted::kGradient;
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

Labels LabelsOf(const Case& measured, const Arrays& arrays) {
  switch (measured.labels) {
    case LabelKind::kBinaryLabels:
      return BinaryLabels{arrays.binary};
    case LabelKind::kTargets:
      return Targets{absl::MakeConstSpan(arrays.targets)};
    case LabelKind::kClassIds:
      break;
  }
  return ClassIds{arrays.ids};
}

void MeasureCompute(benchmark::State& state, const Case& measured, int threads,
                    ArraysHolder& holder) {
  Arrays& arrays = holder.Of(measured.shape);
  if (measured.labels != LabelKind::kClassIds) holder.GiveElementLabels(arrays);
  const bool softmax = measured.activation == Activation::kSoftmax;
  const int64_t samples = softmax ? measured.shape.rows : measured.shape.size();
  Batch batch;
  batch.logits = absl::MakeConstSpan(arrays.logits);
  batch.rows = measured.shape.rows;
  batch.classes = measured.shape.classes;
  batch.inner = measured.shape.inner;
  batch.labels = LabelsOf(measured, arrays);
  const LossSpec spec = SpecOf(measured);
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  Outputs outputs;
  outputs[Output::kLosses] = absl::MakeSpan(arrays.losses.data(), static_cast<size_t>(samples));
  outputs[Output::kGradient] = absl::MakeSpan(arrays.gradient);
  const bool with_margin = measured.wanted == Wanted::kGradientAndMargin;
  if (with_margin) outputs[Output::kMargin] = absl::MakeSpan(arrays.margin);
  const Executor executor(threads);
  while (state.KeepRunning()) {
    auto result = Compute(batch, spec, options, outputs, executor);
    if (!result.ok()) state.SkipWithError("Compute failed");
    benchmark::DoNotOptimize(result);
  }
  const int64_t bytes = 2 * measured.shape.size() * static_cast<int64_t>(sizeof(float));
  state.SetBytesProcessed(state.iterations() * bytes);
}

void MeasureMemcpy(benchmark::State& state, const Shape& shape, ArraysHolder& holder) {
  Arrays& arrays = holder.Of(shape);
  while (state.KeepRunning()) {
    std::memcpy(arrays.gradient.data(), arrays.logits.data(), arrays.logits.size() * sizeof(float));
    benchmark::ClobberMemory();
  }
  const int64_t bytes = 2 * shape.size() * static_cast<int64_t>(sizeof(float));
  state.SetBytesProcessed(state.iterations() * bytes);
}

std::string NameOf(const Case& measured) {
  std::string name = measured.activation == Activation::kSoftmax ? "softmax/" : "sigmoid/";
  absl::StrAppend(&name, measured.form);
  if (measured.labels == LabelKind::kBinaryLabels) absl::StrAppend(&name, "/binary_labels");
  if (measured.labels == LabelKind::kTargets) absl::StrAppend(&name, "/targets");
  if (measured.wanted == Wanted::kGradientAndMargin) absl::StrAppend(&name, "/margin");
  return absl::StrCat(name, "/", measured.shape.name);
}

void RegisterMemcpy(const Shape& shape, ArraysHolder& holder) {
  benchmark::RegisterBenchmark(
      absl::StrCat("memcpy/", shape.name).c_str(),
      [shape, &holder](benchmark::State& state) { MeasureMemcpy(state, shape, holder); })
      ->Unit(benchmark::kMillisecond);
}

void RegisterCase(const Case& measured, ArraysHolder& holder) {
  for (const int threads : {1, 2}) {
    benchmark::RegisterBenchmark(absl::StrCat(NameOf(measured), "/threads:", threads).c_str(),
                                 [measured, threads, &holder](benchmark::State& state) {
                                   MeasureCompute(state, measured, threads, holder);
                                 })
        ->Unit(benchmark::kMillisecond);
  }
}

void RegisterMargin(const Shape& shape, ArraysHolder& holder) {
  RegisterCase({Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape,
                Wanted::kGradientAndMargin},
               holder);
}

void RegisterSoftmax(ArraysHolder& holder) {
  for (const Shape& shape :
       {Matrix(65536, 10), Matrix(8192, 1000), Matrix(2048, 32000), Matrix(256, 128256)}) {
    RegisterMemcpy(shape, holder);
    for (const char* form : {"cross_entropy", "focal"}) {
      RegisterCase({Activation::kSoftmax, form, LabelKind::kClassIds, shape}, holder);
    }
    if (shape.classes <= 1000) RegisterMargin(shape, holder);
  }
}

// Registers the computation of the calls that are measured beside the echo server's.
void RegisterCalls(ArraysHolder& holder) {
  for (const Shape& shape : {Matrix(1024, 1024), Matrix(4096, 1024), Matrix(16384, 1024)}) {
    RegisterCase({Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape}, holder);
  }
}

// A segmentation network's: [8, 21, 512, 512], class_axis 1.
void RegisterStrided(ArraysHolder& holder) {
  constexpr int64_t kInner = int64_t{512} * 512;
  const Shape shape = {8 * kInner, 21, kInner, "8x21x512x512"};
  RegisterMemcpy(shape, holder);
  for (const char* form : {"cross_entropy", "focal"}) {
    RegisterCase({Activation::kSoftmax, form, LabelKind::kClassIds, shape}, holder);
  }
  RegisterMargin(shape, holder);
}

void RegisterSigmoid(ArraysHolder& holder) {
  const Shape shape = Matrix(65536, 80);
  RegisterMemcpy(shape, holder);
  for (const LabelKind labels :
       {LabelKind::kTargets, LabelKind::kBinaryLabels, LabelKind::kClassIds}) {
    RegisterCase({Activation::kSigmoid, "focal", labels, shape}, holder);
  }
}

void RegisterCatalogue(ArraysHolder& holder) {
  const Shape shape = Matrix(8192, 1000);
  for (const FormInfo* form : Catalogue()) {
    const bool softmax = form->activations == kernels::ActivationSet::kSoftmaxAndSigmoid;
    const std::string name = form->name;
    const bool registered = name == "cross_entropy" || name == "focal";
    if (softmax && !registered) {
      RegisterCase({Activation::kSoftmax, name, LabelKind::kClassIds, shape}, holder);
    }
    RegisterCase({Activation::kSigmoid, name, LabelKind::kClassIds, shape}, holder);
  }
}

}  // namespace
}  // namespace lossd::loss

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  lossd::loss::ArraysHolder holder;
  lossd::loss::RegisterSoftmax(holder);
  lossd::loss::RegisterCalls(holder);
  lossd::loss::RegisterStrided(holder);
  lossd::loss::RegisterSigmoid(holder);
  lossd::loss::RegisterCatalogue(holder);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
