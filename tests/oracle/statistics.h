#ifndef LOSSD_TESTS_ORACLE_STATISTICS_H_
#define LOSSD_TESTS_ORACLE_STATISTICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tests/oracle/term.h"

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

// A sample as the statistics see it.
struct Sample {
  size_t owner = 0;      // the class that it belongs to
  size_t column = 0;     // where its loss and gradient are counted
  bool counts = true;    // it is one of the samples of its class
  Real loss = 0;         // sample weight times loss
  Real gradient = 0;     // sum of |g_j|, with the sample weight
  Real probability = 0;  // p_t
  bool is_correct = false;
  bool has_prediction = true;
  size_t predicted = 0;
};

ClassColumns Tabulate(const std::vector<Sample>& samples, const std::vector<double>& weights,
                      size_t columns);
Hardness Histogram(const std::vector<Sample>& samples, double threshold);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_STATISTICS_H_
