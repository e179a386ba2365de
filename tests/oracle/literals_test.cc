#include "tests/oracle/literals.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/oracle/close.h"
#include "tests/oracle/evaluate.h"

namespace lossd::oracle {
namespace {

Problem RowProblem(const Literal& literal) {
  Problem problem;
  problem.form = literal.form;
  problem.activation = literal.activation;
  literal.set(problem.parameters);
  problem.logits = Matrix::from_shape({1, literal.logits.size()});
  problem.targets = Matrix::from_shape({1, literal.targets.size()});
  for (size_t k = 0; k < literal.logits.size(); ++k) {
    problem.logits(0, k) = literal.logits[k];
    (*problem.targets)(0, k) = literal.targets[k];
  }
  return problem;
}

class LiteralsTest : public ::testing::TestWithParam<std::vector<Literal>> {};
INSTANTIATE_TEST_SUITE_P(Softmax, LiteralsTest, ::testing::Values(SoftmaxLiterals()));
INSTANTIATE_TEST_SUITE_P(Sigmoid, LiteralsTest, ::testing::Values(SigmoidLiterals()));

TEST_P(LiteralsTest, OfArithmeticIn120DigitsAreTheAnswers) {
  for (const Literal& literal : GetParam()) {
    const Problem problem = RowProblem(literal);
    const Answer answer = Evaluate(problem);
    const std::string what = "form " + std::to_string(static_cast<int>(literal.form)) +
                             " at z_0 = " + std::to_string(literal.logits[0]);
    Real loss = 0;
    for (const Real value : answer.losses) loss += value;
    ExpectClose(loss, literal.loss, what + ", loss");
    for (size_t j = 0; j < literal.logits.size(); ++j) {
      ExpectClose(answer.gradient(0, j), literal.gradient[j], what + ", gradient");
      ExpectClose(answer.hessian_diagonal(0, j), literal.hessian[j], what + ", hessian");
    }
  }
}

}  // namespace
}  // namespace lossd::oracle
