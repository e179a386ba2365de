#ifndef LOSSD_TESTS_ORACLE_LOGIT_TRANSFORM_H_
#define LOSSD_TESTS_ORACLE_LOGIT_TRANSFORM_H_

#include <cstddef>
#include <vector>

#include "tests/oracle/problem.h"
#include "tests/oracle/row_loss.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {

// The logits that a softmax is taken of, and their derivatives by those of the request.
struct TransformedLogits {
  std::vector<Real> values;
  std::vector<Real> first;
  std::vector<Real> second;
};

// Returns what the problem's softcap, temperature, prior, margin and seesaw make of a row's logits,
// whose true class is `truth`.
TransformedLogits TransformLogits(const Problem& problem, const std::vector<Real>& logits,
                                  size_t truth);

// Adds z_loss logsumexp^2, and goes from the derivatives by the transformed logits to those by the
// request's.
void GoBack(const Problem& problem, const Softmax& softmax, const TransformedLogits& logits,
            RowLoss& row);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_LOGIT_TRANSFORM_H_
