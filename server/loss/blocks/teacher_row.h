#ifndef LOSSD_SERVER_LOSS_BLOCKS_TEACHER_ROW_H_
#define LOSSD_SERVER_LOSS_BLOCKS_TEACHER_ROW_H_

#include <cstdint>

#include "server/loss/batch.h"
#include "server/loss/blocks/cut_memory.h"

namespace lossd::loss {

// The targets of a row that a teacher gives: softmax(logits / temperature), in double.
class TeacherRow {
 public:
  // `teacher` is of TargetKind::kTeacherLogits, and its values outlive this.
  TeacherRow(const Targets& teacher, int64_t classes);

  // Makes the targets of a row that is not ignored.
  void Load(int64_t row);

  // Return the last row's targets and their logarithms, [padded classes]. A logarithm is finite
  // where its target is below the smallest double.
  const double* targets() const { return targets_; }
  const double* log_targets() const { return log_targets_; }

 private:
  template <typename T>
  void ReadLogits(const T* logits);

  const Targets teacher_;
  const int64_t classes_;
  CutMemory<double> memory_;
  double* const logits_;
  double* const targets_;
  double* const log_targets_;
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_TEACHER_ROW_H_
