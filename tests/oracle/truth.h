#ifndef LOSSD_TESTS_ORACLE_TRUTH_H_
#define LOSSD_TESTS_ORACLE_TRUTH_H_

#include <cstddef>
#include <vector>

#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {

// The labels of a whole batch as targets before smoothing, whatever way they were given; 0 where
// the sample is ignored.
struct Truth {
  Matrix targets;                 // [rows, classes], t
  xt::xtensor<bool, 2> is_valid;  // [rows, classes]
};

Truth ReadLabels(const Problem& problem);

// Returns the softmax of a row of the teacher's logits, which there are, at its temperature.
std::vector<Real> TeacherTargets(const Problem& problem, size_t row);

// Returns the value of a sample, of values for each sample or each row; 1 of none.
double PerSample(const std::vector<double>& values, size_t sample, size_t samples);

// For one-logit rows a class vector has the entries {negative, positive}.
bool HasOneLogit(const Problem& problem);

// Counts per class of the valid samples by unsmoothed target.
std::vector<double> CountClasses(const Problem& problem);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_TRUTH_H_
