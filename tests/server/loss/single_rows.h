#ifndef LOSSD_TESTS_SERVER_LOSS_SINGLE_ROWS_H_
#define LOSSD_TESTS_SERVER_LOSS_SINGLE_ROWS_H_

#include <cstdint>
#include <utility>

#include "tests/oracle/problem.h"

namespace lossd::loss {

// Return the problem of softmax logits that the test writes down, with a class or with targets.
inline oracle::Problem SoftmaxRow(oracle::Matrix logits, int64_t label) {
  oracle::Problem problem;
  problem.logits = std::move(logits);
  problem.class_ids = {label};
  return problem;
}

inline oracle::Problem SoftRow(oracle::Matrix logits, oracle::Matrix targets) {
  oracle::Problem problem;
  problem.logits = std::move(logits);
  problem.targets = std::move(targets);
  return problem;
}

// Returns the same problem with the focal loss.
inline oracle::Problem Focal(const oracle::Problem& source, double gamma) {
  oracle::Problem problem = source;
  problem.form = oracle::Form::kFocal;
  problem.parameters.gamma = gamma;
  return problem;
}

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_SINGLE_ROWS_H_
