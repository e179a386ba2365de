#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {

std::vector<InstructionSet> SupportedSets() {
#if defined(__x86_64__)
  std::vector<InstructionSet> sets = {{"SSE2", Sse2Kernels()}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back({"AVX2", Avx2Kernels()});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")) {
    sets.push_back({"AVX-512", Avx512Kernels()});
  }
  return sets;
#else
  return {{"NEON", NeonKernels()}};
#endif
}

FormParameters Defaults(const FormInfo& form) {
  FormParameters parameters = {};
  for (size_t n = 0; n < static_cast<size_t>(form.parameter_count); ++n) {
    parameters[n] = form.parameters[n].default_value;
  }
  return parameters;
}

}  // namespace lossd::kernels
