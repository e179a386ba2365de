#ifndef LOSSD_TESTS_ORACLE_EVALUATE_H_
#define LOSSD_TESTS_ORACLE_EVALUATE_H_

#include <array>
#include <cstdint>
#include <vector>

#include "tests/oracle/problem.h"

namespace lossd::oracle {

struct ClassColumns {
  std::vector<int64_t> count;
  std::vector<double> frequency;
  std::vector<double> weight;
  std::vector<double> loss_sum;
  std::vector<double> loss_share;
  std::vector<double> gradient_share;
  std::vector<double> mean_true_probability;
  std::vector<int64_t> correct_count;
  std::vector<int64_t> predicted_count;
  std::vector<int64_t> empty_classes;
};

struct Hardness {
  std::array<int64_t, 10> count = {};
  std::array<double, 10> loss_share = {};
  std::array<double, 10> gradient_share = {};
  int64_t hard_count = 0;
  double hard_loss_share = 0;
  double hard_gradient_share = 0;
  double mean_true_probability = 0;
};

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

// Counts per class of the valid samples by unsmoothed target.
std::vector<double> CountClasses(const Problem& problem);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_EVALUATE_H_
