// Measures the core without a server around it: loss and gradient of float32 logits, into
// buffers that were allocated and touched before, beside a memcpy of the same logits. Names are
// <activation>/<form>[/<labels>][/<setting>]/<shape>/threads:<n>; --benchmark_format=json is for
// scripts. The counter `peak` is the memory that a call takes beside those buffers.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/loss/catalogue.h"
#include "server/loss/compute.h"
#include "tests/benchmark/measured_case.h"
#include "tests/benchmark/resident_memory.h"

namespace lossd::loss {
namespace {

int64_t BytesOf(const Shape& shape) {
  return 2 * shape.size() * static_cast<int64_t>(sizeof(float));
}

void MeasureCompute(::benchmark::State& state, const Case& measured, int threads,
                    ArraysHolder& holder) {
  const PreparedCall call(measured, holder.Of(measured.shape));
  const Executor executor(threads);
  const lossd::benchmark::ResidentPeak peak;
  if (!Compute(call.batch, call.spec, call.options, call.outputs, executor).ok()) {
    state.SkipWithError("Compute failed");
  }
  state.counters["peak"] = static_cast<double>(peak.BytesAbove());
  while (state.KeepRunning()) {
    auto result = Compute(call.batch, call.spec, call.options, call.outputs, executor);
    if (!result.ok()) state.SkipWithError("Compute failed");
    ::benchmark::DoNotOptimize(result);
  }
  state.SetBytesProcessed(state.iterations() * BytesOf(measured.shape));
}

void MeasureMemcpy(::benchmark::State& state, const Shape& shape, ArraysHolder& holder) {
  Arrays& arrays = holder.Of(shape);
  while (state.KeepRunning()) {
    std::memcpy(arrays.gradient.data(), arrays.logits.data(), arrays.logits.size() * sizeof(float));
    ::benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * BytesOf(shape));
}

void RegisterMemcpy(const Shape& shape, ArraysHolder& holder) {
  ::benchmark::RegisterBenchmark(
      absl::StrCat("memcpy/", shape.name).c_str(),
      [shape, &holder](::benchmark::State& state) { MeasureMemcpy(state, shape, holder); })
      ->Unit(::benchmark::kMillisecond);
}

void RegisterOnThreads(const Case& measured, int threads, ArraysHolder& holder) {
  ::benchmark::RegisterBenchmark(absl::StrCat(NameOf(measured), "/threads:", threads).c_str(),
                                 [measured, threads, &holder](::benchmark::State& state) {
                                   MeasureCompute(state, measured, threads, holder);
                                 })
      ->Unit(::benchmark::kMillisecond);
}

void RegisterCase(const Case& measured, ArraysHolder& holder) {
  for (const int threads : {1, 2}) RegisterOnThreads(measured, threads, holder);
}

void RegisterMargin(const Shape& shape, ArraysHolder& holder) {
  Setting margin = {"margin"};
  margin.wants_margin = true;
  RegisterCase({Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape, margin},
               holder);
}

// Registers what is around a softmax, and forms, as rows beside cross entropy.
void RegisterOptions(const Shape& shape, ArraysHolder& holder) {
  for (const Setting& setting : SoftmaxSettings()) {
    RegisterOnThreads({Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape, setting},
                      1, holder);
  }
  for (const FormInfo* form : Catalogue()) {
    if (form->of_ratio || form->activations != kernels::ActivationSet::kSoftmaxAndSigmoid) continue;
    const std::string name = form->name;
    const bool is_registered = name == "cross_entropy" || name == "focal" || shape.classes == 1000;
    if (!is_registered) {
      RegisterOnThreads({Activation::kSoftmax, name, LabelKind::kClassIds, shape}, 1, holder);
    }
    if (name == "cross_entropy" || name == "kl_divergence" || name == "focal" ||
        name == "squared_error") {
      RegisterOnThreads({Activation::kSoftmax, name, LabelKind::kSoftTargets, shape}, 1, holder);
    }
  }
}

void RegisterSoftmax(ArraysHolder& holder) {
  for (const Shape& shape :
       {Matrix(65536, 10), Matrix(8192, 1000), Matrix(2048, 32000), Matrix(256, 128256)}) {
    RegisterMemcpy(shape, holder);
    for (const char* form : {"cross_entropy", "focal"}) {
      RegisterCase({Activation::kSoftmax, form, LabelKind::kClassIds, shape}, holder);
    }
    if (shape.classes <= 1000) RegisterMargin(shape, holder);
    if (shape.classes <= 32000) RegisterOptions(shape, holder);
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
  for (const FormInfo* form : Catalogue()) {
    if (form->of_ratio || form->activations == kernels::ActivationSet::kSoftmaxOnly) continue;
    const std::string name = form->name;
    for (const LabelKind labels :
         {LabelKind::kClassIds, LabelKind::kBinaryLabels, LabelKind::kSoftTargets}) {
      const bool is_registered = name == "focal" && labels != LabelKind::kSoftTargets;
      if (is_registered) continue;
      RegisterOnThreads({Activation::kSigmoid, name, labels, shape}, 1, holder);
    }
  }
  Setting weights = {"sample_weights"};
  weights.weights = Setting::Weights::kOnes;
  Setting zeros = {"weights_of_0"};
  zeros.weights = Setting::Weights::kOneInFour;
  const Setting half = InFormat("bfloat16", FloatFormat::kBfloat16);
  for (const Setting& setting : {weights, zeros, half}) {
    RegisterOnThreads(
        {Activation::kSigmoid, "cross_entropy", LabelKind::kBinaryLabels, shape, setting}, 1,
        holder);
  }
}

// Tokens of a policy in training, in float32: what a batch's columns are views of.
struct PolicyColumns {
  static constexpr int64_t kTokens = 1000000;

  PolicyColumns() {
    for (int64_t i = 0; i < kTokens; ++i) {
      const auto x = static_cast<float>(i % 1009);
      u.push_back(-0.002F * x);
      old.push_back(u.back() + 0.0007F * (static_cast<float>(i % 613) - 306));
      reference.push_back(u.back() + 0.001F * (static_cast<float>(i % 419) - 209));
      advantages.push_back(0.01F * (static_cast<float>(i % 307) - 153));
      weights.push_back(i % 7 == 0 ? 0 : 1);
    }
    losses.resize(u.size());
    gradient.resize(u.size());
  }

  std::vector<float> u, old, reference, advantages, losses, gradient;
  std::vector<double> weights;
};

enum class Mask { kNone, kOneInSeven };

// Measures the clipped surrogate with a penalty by the reference: gradient and statistics.
void MeasurePolicy(::benchmark::State& state, Mask mask, int threads) {
  PolicyColumns columns;
  Batch batch;
  batch.logits = absl::MakeConstSpan(columns.u);
  batch.rows = PolicyColumns::kTokens;
  batch.classes = 1;
  if (mask == Mask::kOneInSeven) batch.sample_weights = {columns.weights, 1};
  batch.rollout.advantages = absl::MakeConstSpan(columns.advantages);
  batch.rollout.old_log_probs = absl::MakeConstSpan(columns.old);
  batch.rollout.reference_log_probs = absl::MakeConstSpan(columns.reference);
  LossSpec spec;
  spec.activation = Activation::kLogProbability;
  spec.form = FindForm("ppo");
  spec.parameters = DefaultParameters(*spec.form);
  spec.policy.kl_penalty = KlPenalty{0.04};
  ComputeOptions options;
  options.reduction = Reduction::kMean;
  options.policy_statistics = true;
  Outputs outputs;
  outputs[Output::kGradient] = absl::MakeSpan(columns.gradient);
  const Executor executor(threads);
  while (state.KeepRunning()) {
    auto result = Compute(batch, spec, options, outputs, executor);
    if (!result.ok()) state.SkipWithError("Compute failed");
    ::benchmark::DoNotOptimize(result);
  }
}

// Copies as many columns as a policy loss reads, and one that it writes.
void MeasureColumns(::benchmark::State& state) {
  PolicyColumns columns;
  const size_t bytes = columns.u.size() * sizeof(float);
  const std::vector<float>* const read[] = {&columns.u, &columns.old, &columns.reference,
                                            &columns.advantages, &columns.losses};
  std::vector<float> to(columns.u.size());
  while (state.KeepRunning()) {
    for (const std::vector<float>* column : read) {
      std::memcpy(to.data(), column->data(), bytes);
      ::benchmark::ClobberMemory();
    }
  }
}

void RegisterPolicy() {
  ::benchmark::RegisterBenchmark("memcpy/tokens/1000000x5", &MeasureColumns)
      ->Unit(::benchmark::kMillisecond);
  for (const int threads : {1, 2}) {
    for (const Mask mask : {Mask::kNone, Mask::kOneInSeven}) {
      const char* const setting = mask == Mask::kNone ? "" : "mask/";
      ::benchmark::RegisterBenchmark(
          absl::StrCat("log_probability/ppo/kl_penalty/", setting, "1000000/threads:", threads)
              .c_str(),
          [mask, threads](::benchmark::State& state) { MeasurePolicy(state, mask, threads); })
          ->Unit(::benchmark::kMillisecond);
    }
  }
}

// Registers what tree boosters ask for: margins of [rows, classes], or of columns.
void RegisterBoosting(ArraysHolder& holder) {
  constexpr int64_t kRows = 1000000;
  Setting hessian = {"hessian"};
  hessian.wants_hessian = true;
  const Shape columns = {kRows, 7, kRows, "7x1000000"};
  for (const Shape& shape : {Matrix(kRows, 1), Matrix(kRows, 7), columns}) {
    RegisterMemcpy(shape, holder);
    for (const Setting& setting : {Setting(), hessian}) {
      RegisterOnThreads(
          {Activation::kSigmoid, "cross_entropy", LabelKind::kBinaryLabels, shape, setting}, 1,
          holder);
      if (shape.classes == 1) continue;
      RegisterOnThreads(
          {Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape, setting}, 1, holder);
    }
  }
}

// Registers shapes and logits at the ends of what a request may have.
void RegisterEdges(ArraysHolder& holder) {
  const Setting equal = WithLogits("equal_logits", Setting::Logits::kEqual);
  const Setting subnormal = WithLogits("subnormal_logits", Setting::Logits::kSubnormal);
  for (const Shape& shape : {Matrix(1000000, 2), Matrix(1, 100000000)}) {
    RegisterMemcpy(shape, holder);
    RegisterOnThreads({Activation::kSoftmax, "cross_entropy", LabelKind::kClassIds, shape}, 1,
                      holder);
  }
  for (const Setting& setting : {equal, subnormal}) {
    RegisterOnThreads({Activation::kSigmoid, "cross_entropy", LabelKind::kBinaryLabels,
                       Matrix(65536, 80), setting},
                      1, holder);
  }
}

void RegisterCatalogue(ArraysHolder& holder) {
  const Shape shape = Matrix(8192, 1000);
  for (const FormInfo* form : Catalogue()) {
    if (form->of_ratio || form->activations == kernels::ActivationSet::kSoftmaxOnly) continue;
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
  lossd::loss::RegisterBoosting(holder);
  lossd::loss::RegisterEdges(holder);
  lossd::loss::RegisterCatalogue(holder);
  lossd::loss::RegisterPolicy();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
