#ifndef LOSSD_TESTS_ORACLE_ROW_LOSS_H_
#define LOSSD_TESTS_ORACLE_ROW_LOSS_H_

#include <vector>

#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {

// One softmax row's loss and its derivatives, before sample weight and reduction.
struct RowLoss {
  Real value = 0;
  Real value_magnitude = 0;
  std::vector<Real> gradient;
  std::vector<Real> gradient_magnitude;
  std::vector<Real> hessian;
  std::vector<Real> positive_hessian;
  std::vector<Real> hessian_magnitude;
};

// Returns the loss of a row with these targets, and its derivatives by the logits of `softmax`.
// Class weights are those of the classes, or none. Of forms of the whole row positive_hessian is
// the Hessian.
RowLoss LossOfRow(const Problem& problem, const Softmax& softmax, const std::vector<Real>& targets,
                  const std::vector<double>& class_weights);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_ROW_LOSS_H_
