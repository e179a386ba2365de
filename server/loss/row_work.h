#ifndef LOSSD_SERVER_LOSS_ROW_WORK_H_
#define LOSSD_SERVER_LOSS_ROW_WORK_H_

#include <variant>

#include "absl/types/span.h"
#include "server/loss/batch.h"
#include "server/loss/class_counts.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/loss/work.h"

// The parts of Work that rows take, whatever else is made of them.

namespace lossd::loss {

// Nanoseconds for a number of its kind, on the slow side.
inline constexpr double kTeacherLogit = 10;  // beside a logit, for its target
inline constexpr double kReadLogit = 1;      // compared, or copied

inline constexpr double kBytesOfNumber = sizeof(double);

// The shape of what is computed.
struct WorkShape {
  WorkShape(const Batch& batch, const LossSpec& spec)
      : rows(static_cast<double>(batch.rows)),
        classes(static_cast<double>(batch.classes)),
        samples(spec.activation == Activation::kSoftmax ? rows : rows * classes),
        entries(static_cast<double>(ClassVectorSize(batch, spec.activation))),
        element(std::holds_alternative<absl::Span<const float>>(batch.logits) ? sizeof(float)
                                                                              : sizeof(double)) {}

  double logits() const { return rows * classes; }

  double rows;
  double classes;
  double samples;
  double entries;  // of a class vector
  double element;
};

// Returns true when a batch's targets are a teacher's logits.
bool HasTeacher(const Batch& batch);

// Returns what is resolved for the classes before any row is computed.
Work WorkOfClasses(const Batch& batch, const LossSpec& spec, const WorkShape& shape);

// Returns what each thread works in, for as many as there are.
double BytesOfScratch(const Batch& batch, const LossSpec& spec, const WorkShape& shape,
                      int thread_count);

// Returns what computing every row once takes.
Work WorkOfRows(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                const WorkShape& shape);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_ROW_WORK_H_
