#ifndef LOSSD_SERVER_LOSS_CATALOGUE_H_
#define LOSSD_SERVER_LOSS_CATALOGUE_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/kernels/form_info.h"

namespace lossd::kernels {
struct FormKernels;
}

namespace lossd::loss {

using kernels::ActivationSet;
using kernels::FormInfo;
using kernels::FormParameters;
using kernels::ParameterInfo;
using kernels::Range;
using kernels::SmoothingRule;
using kernels::TargetRule;

// Returns the losses that this build computes, one row each: name (which is also the name of its
// field in the request), formula, parameters with defaults and ranges, reference. The rows are in
// server/kernels/forms, beside the functions that compute them.
absl::Span<const FormInfo* const> Catalogue();

// Returns the row of that name, or nullptr when there is none.
const FormInfo* FindForm(absl::string_view name);

// Returns the row that is a variant of `form`; nullptr when there is none.
const FormInfo* FindVariant(const FormInfo& form);

const FormInfo& CrossEntropyForm();

// Returns the parameters' defaults, in the row's order.
FormParameters DefaultParameters(const FormInfo& form);

// Returns this CPU's kernels of `form`, which must be a row of the catalogue.
const kernels::FormKernels& KernelsOf(const FormInfo& form);

// Returns true when `form` is a function of log p_t alone where a sample has one true class, so
// that it takes log-probabilities in place of logits.
bool TakesLogProbabilities(const FormInfo& form);

// Returns the name of the instruction set that the kernels use: "AVX-512", "AVX2+FMA", "SSE2" or
// "NEON".
const char* InstructionSetName();

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CATALOGUE_H_
