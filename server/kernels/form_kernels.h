#ifndef LOSSD_SERVER_KERNELS_FORM_KERNELS_H_
#define LOSSD_SERVER_KERNELS_FORM_KERNELS_H_

#include "server/kernels/class_id_rows.h"
#include "server/kernels/dense_elements.h"
#include "server/kernels/dense_row.h"
#include "server/kernels/elements.h"
#include "server/kernels/form_info.h"
#include "server/kernels/log_probabilities.h"
#include "server/kernels/policy_tokens.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/target_rows.h"

namespace lossd::kernels {

// One form's kernels. Null: the form has no fast path, and the dense kernel serves it.
struct FormKernels {
  // True when one weight multiplies a whole sample, instead of one each outcome of it.
  bool weighs_whole = false;
  // True when shaped_rows smooth labels.
  bool smooths_hard_labels = false;
  // True when the loss has the constant Σ_k a_k log y_k added.
  bool adds_target_entropy = false;
  void (*class_id_rows_f32)(const ClassIdRows<float>&, const FormParameters&) = nullptr;
  void (*class_id_rows_f64)(const ClassIdRows<double>&, const FormParameters&) = nullptr;
  // The same with options around the form.
  void (*shaped_rows_f32)(const ClassIdRows<float>&, const RowShape<float>&,
                          const FormParameters&) = nullptr;
  void (*shaped_rows_f64)(const ClassIdRows<double>&, const RowShape<double>&,
                          const FormParameters&) = nullptr;
  // Rows with a target per class.
  void (*target_rows_f32)(const TargetRows<float>&, const FormParameters&) = nullptr;
  void (*dense_row)(DenseRow&, const FormParameters&) = nullptr;
  void (*elements_f32)(const Elements<float>&, const FormParameters&) = nullptr;
  void (*elements_f64)(const Elements<double>&, const FormParameters&) = nullptr;
  // Returns true when elements_f32 and target_rows_f32 do for these parameters.
  bool (*fits_float)(const FormParameters&) = nullptr;
  void (*dense_elements)(const DenseElements&, const FormParameters&) = nullptr;
  // Null: the form is no function of log p_t alone.
  void (*log_probabilities)(const LogProbabilities&, const FormParameters&) = nullptr;
  // A form of a ratio has this one, and no other but the next; null for others.
  void (*policy)(const PolicyTokens&, const FormParameters&) = nullptr;
  // The same in float; returns true when tokens are left. Null: double alone does.
  bool (*policy_f32)(const FloatTokens&, const FormParameters&) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORM_KERNELS_H_
