#ifndef LOSSD_TESTS_SERVER_LOSS_PROBLEM_BATCH_H_
#define LOSSD_TESTS_SERVER_LOSS_PROBLEM_BATCH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/loss/compute.h"
#include "tests/oracle/problem.h"

namespace lossd::loss {

// The form that the oracle knows under a catalogue name; fails the test for a name it does not
// know.
oracle::Form OracleForm(absl::string_view name);
oracle::SoftTargetRule OracleSoftTargetRule(absl::string_view name);
// The name of the problem's form in the catalogue.
absl::string_view FormName(const oracle::Problem& problem);

LossSpec SpecOf(const oracle::Problem& problem);
ComputeOptions OptionsOf(const oracle::Problem& problem);

// A problem's arrays in the server's own element type, and the batch that looks at them.
template <class T>
class ProblemBatch {
 public:
  explicit ProblemBatch(const oracle::Problem& problem);
  ProblemBatch(const ProblemBatch&) = delete;
  ProblemBatch& operator=(const ProblemBatch&) = delete;

  const Batch& batch() const { return batch_; }
  Batch& batch() { return batch_; }

 private:
  std::vector<T> logits_;
  std::vector<T> targets_;
  std::vector<int64_t> labels_;
  std::vector<double> sample_weights_;
  std::vector<double> upstream_;
  Batch batch_;
};

// Every output of one Compute.
template <class T>
struct Computed {
  std::vector<T> losses;
  std::vector<T> gradient;
  std::vector<T> hessian_diagonal;
  std::vector<T> probabilities;
  std::vector<T> log_sum_exp;  // softmax
  Result result;
};

// Computes everything there is, statistics included. A failure of Compute fails the test.
template <class T>
Computed<T> RunBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                     const Executor& executor);
template <class T>
Computed<T> RunProblem(const oracle::Problem& problem);
template <class T>
Computed<T> RunProblem(const oracle::Problem& problem, const Executor& executor);

// One line that says what a problem is.
std::string Describe(const oracle::Problem& problem);

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_PROBLEM_BATCH_H_
