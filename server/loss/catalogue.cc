#include "server/loss/catalogue.h"

#include <cassert>
#include <cstddef>
#include <vector>

#include "server/kernels/dispatch.h"

namespace lossd::loss {

absl::Span<const FormInfo* const> Catalogue() {
  static const auto* const rows = [] {
    auto* all = new std::vector<const FormInfo*>;
    for (int i = 0; i < kernels::FormCount(); ++i) all->push_back(&kernels::FormAt(i));
    return all;
  }();
  return *rows;
}

const FormInfo* FindForm(absl::string_view name) {
  for (const FormInfo* form : Catalogue()) {
    if (form->name == name) return form;
  }
  return nullptr;
}

const FormInfo* FindVariant(const FormInfo& form) {
  for (const FormInfo* row : Catalogue()) {
    if (row->variant_of != nullptr && absl::string_view(row->variant_of) == form.name) return row;
  }
  return nullptr;
}

const FormInfo& CrossEntropyForm() {
  static const FormInfo* const form = FindForm("cross_entropy");
  assert(form != nullptr);
  return *form;
}

FormParameters DefaultParameters(const FormInfo& form) {
  FormParameters values = {};
  for (size_t i = 0; i < values.size(); ++i) values[i] = form.parameters[i].default_value;
  return values;
}

const kernels::FormKernels& KernelsOf(const FormInfo& form) {
  const auto rows = Catalogue();
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] == &form) return kernels::KernelsAt(static_cast<int>(i));
  }
  assert(false && "a form that is not a row of the catalogue");
  return kernels::KernelsAt(0);
}

bool TakesLogProbabilities(const FormInfo& form) {
  return form.of_ratio || KernelsOf(form).log_probabilities != nullptr;
}

const char* InstructionSetName() { return kernels::InstructionSetName(); }

}  // namespace lossd::loss
