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

// Returns the oracle's form of a catalogue name; fails the test for a name that it does not know.
oracle::Form OracleForm(absl::string_view name);
// Returns parameters whose options pick the row of that name; the numbers are the oracle's
// defaults.
oracle::Parameters OracleOptions(absl::string_view name);
// Returns the name of the problem's form in the catalogue.
absl::string_view FormName(const oracle::Problem& problem);

LossSpec SpecOf(const oracle::Problem& problem);
ComputeOptions OptionsOf(const oracle::Problem& problem);

// Returns where each loss is, for Compare. The losses outlive the result.
inline std::vector<const LossSpec*> PointersTo(const std::vector<LossSpec>& specs) {
  std::vector<const LossSpec*> pointers;
  for (const LossSpec& spec : specs) pointers.push_back(&spec);
  return pointers;
}

// A problem's arrays in the server's own element type, and the batch of their views.
template <typename T>
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
template <typename T>
struct Computed {
  std::vector<T> losses;
  std::vector<T> gradient;
  std::vector<T> hessian_diagonal;
  std::vector<T> probabilities;
  std::vector<T> log_sum_exp;  // softmax
  std::vector<T> margin;
  Result result;
};

enum class Wanted {
  kEveryOutput,
  kKernelOutputs,  // those of OutputSource::kKernels
};

// Computes the outputs that are wanted, and every statistic. A failure of Compute fails the test.
template <typename T>
Computed<T> ComputeBatch(const Batch& batch, const LossSpec& spec, const ComputeOptions& options,
                         const Executor& executor, Wanted wanted = Wanted::kEveryOutput);
template <typename T>
Computed<T> ComputeProblem(const oracle::Problem& problem);
template <typename T>
Computed<T> ComputeProblem(const oracle::Problem& problem, const Executor& executor);

// Returns one line that describes the problem.
std::string Describe(const oracle::Problem& problem);

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_PROBLEM_BATCH_H_
