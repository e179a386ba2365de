#include "server/kernels/dispatch.h"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <string_view>

#include "server/kernels/forms/all.h"
#include "server/kernels/kernel_table.h"
#include "server/kernels/stores.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lossd::kernels {
namespace {

struct InstructionSet {
  std::string_view flag;  // its name in LOSSD_SIMD
  const char* name;
  bool available;
  KernelTable (*make)();
};

#if defined(__x86_64__)
constexpr size_t kSetCount = 3;
#else
constexpr size_t kSetCount = 1;
#endif

// Returns the sets of this architecture, from the least to the best.
std::array<InstructionSet, kSetCount> InstructionSets() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw");
  return {{{"sse2", "SSE2", true, &Sse2Kernels},
           {"avx2", "AVX2+FMA", avx2, &Avx2Kernels},
           {"avx512", "AVX-512", avx512, &Avx512Kernels}}};
#else
  return {{{"neon", "NEON", true, &NeonKernels}}};
#endif
}

struct Selected {
  const char* name = nullptr;
  KernelTable table;
};

Selected Select() {
  const char* wanted = std::getenv("LOSSD_SIMD");
  const auto sets = InstructionSets();
  const InstructionSet* best = &sets.front();
  for (const InstructionSet& set : sets) {
    if (!set.available) continue;
    best = &set;
    if (wanted != nullptr && set.flag == wanted) break;
  }
  return {best->name, best->make()};
}

const Selected& Current() {
  static const Selected selected = Select();
  return selected;
}

template <typename... Forms>
std::array<const FormInfo*, sizeof...(Forms)> Rows(FormList<Forms...>) {
  return {&Forms::kInfo...};
}

}  // namespace

int FormCount() { return AllForms::kSize; }

const FormInfo& FormAt(int index) { return *Rows(AllForms{})[static_cast<size_t>(index)]; }

const FormKernels& KernelsAt(int index) {
  return Current().table.forms[static_cast<size_t>(index)];
}

void FinishStreaming(Stores stores) {
#if defined(__x86_64__)
  if (stores == Stores::kStreaming) _mm_sfence();
#else
  static_cast<void>(stores);
#endif
}

const SumKernels& CurrentSums() { return Current().table.sums; }
const LargestKernels& CurrentLargest() { return Current().table.largest; }
const RowOutcomeKernels& CurrentOutcomes() { return Current().table.outcomes; }
const HalfFloatKernels& CurrentHalfFloats() { return Current().table.half_floats; }
const TokenKernels& CurrentTokens() { return Current().table.tokens; }

void ComputeSoftmaxRow(const SoftmaxRow& row) { Current().table.softmax_row(row); }

template <>
const SignKernels<float>& CurrentSigns() {
  return Current().table.signs_f32;
}
template <>
const SignKernels<double>& CurrentSigns() {
  return Current().table.signs_f64;
}

const char* InstructionSetName() { return Current().name; }

}  // namespace lossd::kernels
