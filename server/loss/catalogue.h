#ifndef LOSSD_SERVER_LOSS_CATALOGUE_H_
#define LOSSD_SERVER_LOSS_CATALOGUE_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/kernels/form_info.h"

namespace lossd::kernels {
struct FormKernels;
}

namespace lossd::loss {

using kernels::FormInfo;
using kernels::FormParameters;

// The losses that this build computes, one row each: name (which is also the name of its field in
// the request), formula, parameters with defaults and ranges, reference. The rows stand in
// server/kernels/forms/all.h, beside the functions that compute them.
absl::Span<const FormInfo* const> Catalogue();

// nullptr when there is none of that name.
const FormInfo* FindForm(absl::string_view name);

const FormInfo& CrossEntropyForm();

// The parameters' defaults, in the row's order.
FormParameters DefaultParameters(const FormInfo& form);

// The kernels of `form`, which must be a row of the catalogue, for this CPU.
const kernels::FormKernels& KernelsOf(const FormInfo& form);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_CATALOGUE_H_
