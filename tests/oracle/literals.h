#ifndef LOSSD_TESTS_ORACLE_LITERALS_H_
#define LOSSD_TESTS_ORACLE_LITERALS_H_

#include <vector>

#include "tests/oracle/problem.h"
#include "tests/oracle/term.h"

namespace lossd::oracle {

// One row whose loss, gradient and diagonal Hessian were computed in 120-digit arithmetic from the
// defining formula in terms of p alone, differentiated numerically with steps of 1e-18.
struct Literal {
  Form form;
  Activation activation;
  void (*set)(Parameters&);
  std::vector<double> logits;
  std::vector<double> targets;
  Real loss;
  std::vector<Real> gradient;
  std::vector<Real> hessian;
};

std::vector<Literal> SoftmaxLiterals();
std::vector<Literal> SigmoidLiterals();

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_LITERALS_H_
