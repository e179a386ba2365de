#ifndef LOSSD_TESTS_ORACLE_TERM_H_
#define LOSSD_TESTS_ORACLE_TERM_H_

#include <vector>

#include "tests/oracle/problem.h"

namespace lossd::oracle {

using Real = long double;

// One class's probability three times over, each with full relative accuracy, however close to 0
// or 1 it is: nothing downstream ever has to form 1 - p or log p.
struct Probability {
  Real log = 0;         // log p
  Real value = 0;       // p
  Real complement = 0;  // 1 - p
};

// The softmax of one row. Only sums of positive numbers: the largest logit's class is held out.
struct Softmax {
  std::vector<Probability> probabilities;
  Real log_sum_exp = 0;
};
Softmax SoftmaxOf(const std::vector<Real>& logits);

// sigma(logit): the probability of a positive. The negative's is SigmoidOf(-logit).
Probability SigmoidOf(Real logit);

// One class's part of a loss, phi(u), as a function of u = log p, with the sums of its parts'
// absolute values: what rounding errors are proportional to where the parts cancel.
struct Term {
  Real value = 0;
  Real first = 0;   // d/du
  Real second = 0;  // d^2/du^2
  Real value_magnitude = 0;
  Real first_magnitude = 0;
  Real second_magnitude = 0;
};
// `factor` times `term`; exactly 0 for a factor of 0, whatever the term.
Term Scaled(const Term& term, Real factor);

// Forms whose per-class part is a_k phi(log p_k), with phi the same for every class.
bool IsWeightedPerClass(Form form);
Term WeightedTerm(Form form, const Parameters& parameters, const Probability& p);
// a_k log y_k, which kl_divergence adds.
Real KlConstant(Real weight, Real target);

// The other forms that are sums over classes of functions of p_k and the smoothed target y_k:
// squared_error, symmetric_cross_entropy, jensen_shannon, reverse_kl_divergence.
// Their derivatives by u hold only up to a constant times p_k, which no derivative by a logit sees.
std::vector<Term> TargetTerms(Form form, const Parameters& parameters,
                              const std::vector<Probability>& probabilities,
                              const std::vector<Real>& targets);

// A loss of one sigmoid element as a function of its logit.
struct Element {
  Real value = 0;
  Real gradient = 0;
  Real hessian = 0;
  Real positive_hessian = 0;
  Real value_magnitude = 0;
  Real gradient_magnitude = 0;
  Real hessian_magnitude = 0;
};
struct ElementWeights {
  Real positive = 1;  // a_1
  Real negative = 1;  // a_0
  Real whole = 1;     // of the forms that are not weighted per class
};
// `target` is the smoothed one, `given` the one before smoothing.
Element SigmoidElement(Form form, const Parameters& parameters, Real logit, Real target, Real given,
                       const ElementWeights& weights);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_TERM_H_
