#ifndef LOSSD_SERVER_KERNELS_TABLE_INL_H_
#define LOSSD_SERVER_KERNELS_TABLE_INL_H_

#include "server/kernels/elements/dense_elements-inl.h"
#include "server/kernels/elements/element_kernel-inl.h"
#include "server/kernels/form_kernels.h"
#include "server/kernels/forms/all.h"
#include "server/kernels/kernel_table.h"
#include "server/kernels/rows/class_id_rows-inl.h"
#include "server/kernels/rows/dense_row-inl.h"
#include "server/kernels/rows/row_outcomes-inl.h"
#include "server/kernels/rows/shaped_rows-inl.h"
#include "server/kernels/rows/shaped_rows_outputs-inl.h"
#include "server/kernels/rows/softmax_row-inl.h"
#include "server/kernels/rows/target_rows-inl.h"
#include "server/kernels/rows/target_rows_sums-inl.h"
#include "server/kernels/simd/half_line-inl.h"
#include "server/kernels/simd/largest-inl.h"
#include "server/kernels/simd/sign-inl.h"
#include "server/kernels/simd/sum-inl.h"
#include "server/kernels/tokens/float_tokens-inl.h"
#include "server/kernels/tokens/log_probabilities-inl.h"
#include "server/kernels/tokens/token_kernels-inl.h"

namespace lossd::kernels {

// The form's FitsFloat, compiled for each set: the form's own function is the same for all.
template <typename Arch, typename Form>
bool FitsFloatOf(const FormParameters& parameters) {
  return Form::FitsFloat(parameters);
}

template <typename Arch, typename Form>
FormKernels MakeLogitKernels() {
  FormKernels kernels;
  kernels.weighs_whole = Form::kWeighting == Weighting::kWhole;
  constexpr bool kOverLogit = Form::kDomain == Domain::kLogit;
  if constexpr (Form::kWeighting == Weighting::kTruth && !kOverLogit) {
    kernels.class_id_rows_f32 = &ClassIdKernel<Form, float, Arch>::Run;
    kernels.class_id_rows_f64 = &ClassIdKernel<Form, double, Arch>::Run;
    kernels.elements_f64 = &ElementKernel<Form, double, Arch>::Run;
    if constexpr (!Form::kShifts && Form::kTakesFloatTargets) {
      kernels.target_rows_f32 = &RunTargetRows<Form, float, Arch>;
    }
  }
  if constexpr (Form::kInfo.activations != ActivationSet::kSoftmaxOnly) {
    kernels.elements_f32 = &ElementKernel<Form, float, Arch>::Run;
    kernels.dense_elements = &DenseElementsKernel<Form, Arch>::Run;
  }
  kernels.fits_float = &FitsFloatOf<Arch, Form>;
  kernels.smooths_hard_labels = Form::kIsCrossEntropy;
  kernels.adds_target_entropy = Form::kAddsTargetEntropy;
  if constexpr (kHasHardLabels<Form> && !kOverLogit) {
    kernels.shaped_rows_f32 = &RunShapedRows<Form, float, Arch>;
    kernels.shaped_rows_f64 = &RunShapedRows<Form, double, Arch>;
  }
  if constexpr (kIsOfTruth<Form> && !kOverLogit) {
    kernels.log_probabilities = &LogProbabilityKernel<Form, Arch>::Run;
  }
  if constexpr (!kOverLogit) kernels.dense_row = &DenseRowKernel<Form, Arch>::Run;
  return kernels;
}

template <typename Arch, typename Form>
FormKernels MakeKernels() {
  if constexpr (Form::kDomain == Domain::kRatio) {
    FormKernels kernels;
    kernels.policy = &PolicyKernel<Form, Arch>::Run;
    if constexpr (Form::kHasFloatTokens) {
      kernels.policy_f32 = &FloatTokenKernel<Form, Arch>::Run;
    }
    return kernels;
  } else {
    return MakeLogitKernels<Arch, Form>();
  }
}

template <typename Arch, typename T>
SignKernels<T> MakeSigns() {
  return {&SignTargets<Arch, T, float>, &SignTargets<Arch, T, double>, &SignLabels<Arch, T>};
}

template <typename Arch, typename... Forms>
KernelTable MakeTable(FormList<Forms...>) {
  return {{MakeKernels<Arch, Forms>()...},
          {&SumInLanes<Arch, float>, &SumInLanes<Arch, double>, &SumWeights<Arch>, &MarkZeros<Arch>,
           &ScaleWeights<Arch, float>, &ScaleWeights<Arch, double>},
          {&LargestInLanes<Arch, float>, &LargestInLanes<Arch, double>},
          {&RowOutcomesKernel<float, Arch>::Run, &RowOutcomesKernel<double, Arch>::Run},
          {&HalfFloatKernel<Arch>::Widen, &HalfFloatKernel<Arch>::Narrow},
          MakeSigns<Arch, float>(),
          MakeSigns<Arch, double>(),
          {&TokenKernel<Arch>::Scales, &TokenKernel<Arch>::Load,
           &TokenKernel<Arch>::template Write<float>, &TokenKernel<Arch>::template Write<double>,
           &TokenKernel<Arch>::Ratios, &TokenKernel<Arch>::Multiply, &TokenKernel<Arch>::Weigh,
           &TokenKernel<Arch>::AddKl, &TokenKernel<Arch>::AddStatistics},
          &SoftmaxRowKernel<Arch>::Run};
}

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_TABLE_INL_H_
