#include "server/loss/blocks/teacher_row.h"

#include <algorithm>
#include <limits>
#include <variant>

#include "server/kernels/dispatch.h"
#include "server/kernels/workspace.h"

namespace lossd::loss {

TeacherRow::TeacherRow(const Targets& teacher, int64_t classes)
    : teacher_(teacher),
      classes_(classes),
      memory_(3 * kernels::PaddedSize(classes)),
      logits_(memory_.Cut(kernels::PaddedSize(classes))),
      targets_(memory_.Cut(kernels::PaddedSize(classes))),
      log_targets_(memory_.Cut(kernels::PaddedSize(classes))) {
  std::fill(logits_ + classes, logits_ + kernels::PaddedSize(classes),
            -std::numeric_limits<double>::infinity());
}

void TeacherRow::Load(int64_t row) {
  std::visit([&](auto values) { ReadLogits(values.data() + row * classes_); }, teacher_.values);
  kernels::ComputeSoftmaxRow({classes_, logits_, targets_, log_targets_});
}

// Takes logits from the largest before they are divided, so that no temperature makes them infinite
// together.
template <typename T>
void TeacherRow::ReadLogits(const T* logits) {
  const auto largest = static_cast<double>(*std::max_element(logits, logits + classes_));
  for (int64_t k = 0; k < classes_; ++k) {
    logits_[k] = (static_cast<double>(logits[k]) - largest) / teacher_.temperature;
  }
}

}  // namespace lossd::loss
