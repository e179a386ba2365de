#ifndef LOSSD_TESTS_SERVER_LOSS_AGREEMENT_H_
#define LOSSD_TESTS_SERVER_LOSS_AGREEMENT_H_

#include <string>

#include "tests/oracle/evaluate.h"
#include "tests/oracle/problem.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {

// The largest error seen, as a fraction of what was allowed, and where.
struct Worst {
  double ratio = 0;
  std::string where;
};

// Returns how fast a form's loss vanishes with 1 - p_t: loss ~ (1 - p_t)^order. An error in 1 - p_t
// comes back `order` times in the loss. It is 1 for cross entropy, 1 + γ for focal.
double Order(const oracle::Problem& problem);

// Compares losses, gradient, Hessian, probabilities, log-sum-exp and reduced results of the
// server's computation in T with the oracle's answer, and fails the test where one is off.
//
// A float loss may be off by 1.2e-6 · order of itself: a few roundings of 6e-8, and the rounding of
// z_j - z_m, up to 16 where the loss is above 1e-3, to half of 2⁻¹⁹. Below 1e-3 the difference
// reaches 128, whose half unit in the last place, 3.8e-6, is exp's relative error: 5e-6 · order.
// A double loss may be off by 1e-12. A gradient entry may be off by as much of its row's largest,
// the Hessian by one order more. Where labels are soft, terms of both signs meet: errors are then
// in proportion to the sum of the terms' absolute values.
template <typename T>
void ExpectAgrees(const oracle::Problem& problem, const oracle::Answer& expected,
                  const Computed<T>& actual, Worst* worst = nullptr);

// Computes the problem in T on one thread and compares it with the oracle.
template <typename T>
void ExpectAgrees(const oracle::Problem& problem, Worst* worst = nullptr);

// Does so in double, and, where every logit and target is a float, in float as well.
void ExpectAgreesInBothTypes(const oracle::Problem& problem, Worst* worst = nullptr);

// Compares class statistics, difficulty, top-k and vanishing with the oracle's.
template <typename T>
void ExpectStatisticsAgree(const oracle::Problem& problem);

// Rounds logits and targets to float values.
void RoundToFloat(oracle::Problem* problem);

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_AGREEMENT_H_
