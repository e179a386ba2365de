#ifndef LOSSD_TESTS_ORACLE_EVALUATE_H_
#define LOSSD_TESTS_ORACLE_EVALUATE_H_

#include <cstdint>
#include <vector>

#include "tests/oracle/problem.h"
#include "tests/oracle/statistics.h"

namespace lossd::oracle {

// Every result of a Problem. A magnitude is the sum of the absolute values of the parts that its
// namesake is the sum of: a right computation's error is a few roundings of it, no matter how the
// parts cancel.
struct Answer {
  std::vector<long double> losses;       // [samples], sample weight times loss
  std::vector<double> losses_magnitude;  // [samples]
  double loss = 0;
  double loss_sum = 0;
  double weight_sum = 0;
  int64_t valid_count = 0;
  int64_t non_finite_count = 0;
  Matrix gradient;
  Matrix gradient_magnitude;
  Matrix hessian_diagonal;
  Matrix hessian_magnitude;
  Matrix probabilities;
  std::vector<double> log_sum_exp;       // [rows], softmax
  std::vector<long double> margin;       // [samples], 0 where ignored
  std::vector<double> true_probability;  // [samples], p_t; NaN where ignored
  std::vector<double> class_weights;     // [classes], empty when there were none
  std::vector<int64_t> top_k_correct;
  int64_t vanishing_count = 0;
  ClassColumns class_statistics;
  Hardness difficulty;
};

Answer Evaluate(const Problem& problem);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_EVALUATE_H_
