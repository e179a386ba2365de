#include "server/loss/blocks/row_outcomes.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "server/kernels/class_id_rows.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/sample_outcomes.h"
#include "server/loss/blocks/strided_rows.h"

namespace lossd::loss {
namespace {

void Judge(const kernels::ClassIdRows<float>& rows, const kernels::RowOutcomes& outcomes) {
  kernels::CurrentOutcomes().of_f32(rows, outcomes);
}
void Judge(const kernels::ClassIdRows<double>& rows, const kernels::RowOutcomes& outcomes) {
  kernels::CurrentOutcomes().of_f64(rows, outcomes);
}

// Judges rows that lie one after the other, or side by side.
template <typename T>
void JudgeTogether(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end,
                   const int64_t* ids) {
  const Batch& batch = plan.batch;
  kernels::ClassIdRows<T> rows;
  rows.row_count = end - begin;
  rows.class_count = batch.classes;
  rows.class_ids = ids;
  if (window.layout == MatrixLayout::kStrided) {
    rows.class_stride = batch.inner;
    rows.logits = window.logits.data() + StridedMatrix{batch.classes, batch.inner}.Offset(begin);
  } else {
    rows.logits = window.RowAt(window.logits, begin);
  }
  rows.pieces = window.logit_pieces.data();
  rows.piece_count = static_cast<int64_t>(window.logit_pieces.size());
  rows.piece_offset = begin * batch.classes * kernels::BytesOf<T>(window.format);
  rows.format = window.format;
  kernels::RowOutcomes outcomes;
  outcomes.predicted = window.records.predicted.data() + begin;
  outcomes.ranks = window.records.ranks.data() + begin;
  Judge(rows, outcomes);
}

}  // namespace

template <typename T>
void JudgeRows(const BatchPlan& plan, const RowWindow<T>& window, int64_t begin, int64_t end) {
  const bool as_they_are = plan.labels.has_class_ids() && plan.labels.ignores_none();
  std::vector<int64_t> own_ids;
  if (!as_they_are) {
    own_ids.reserve(static_cast<size_t>(end - begin));
    for (int64_t row = begin; row < end; ++row) {
      // The label of an ignored row may be anything.
      own_ids.push_back(plan.labels.ignored(row, 0) ? 0 : FindTrueClass(plan, row));
    }
  }
  const int64_t* const ids = as_they_are ? plan.labels.class_ids().data() + begin : own_ids.data();
  if (window.layout == MatrixLayout::kRows) return JudgeTogether(plan, window, begin, end, ids);
  const int64_t inner = plan.batch.inner;
  for (int64_t row = begin; row < end;) {
    const int64_t stop = std::min(end, (row / inner + 1) * inner);
    JudgeTogether(plan, window, row, stop, ids + (row - begin));
    row = stop;
  }
}

template void JudgeRows(const BatchPlan&, const RowWindow<float>&, int64_t, int64_t);
template void JudgeRows(const BatchPlan&, const RowWindow<double>&, int64_t, int64_t);

}  // namespace lossd::loss
