#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_WEIGHED_CASE_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_WEIGHED_CASE_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "lossd/v1/compute.pb.h"
#include "tests/oracle/problem.h"

namespace lossd::rpc {

// Where the classes lie, and how many rows an entry of axis 0 has.
struct Layout {
  size_t outer = 1;
  size_t inner = 1;
  size_t classes = 2;
  bool has_inner = false;
  bool classes_second = false;

  size_t rows() const { return outer * inner; }

  // Returns where the request has the core's element.
  size_t Sent(size_t row, size_t k) const {
    if (!classes_second) return row * classes + k;
    return (row / inner * classes + k) * inner + row % inner;
  }
  std::vector<int64_t> RowShape() const;
  std::vector<int64_t> Shape() const;
};

// What a request holds of samples that are ignored.
enum class IgnoredValues {
  kOrdinary,  // what other samples could have
  kGarbage,   // NaN, infinities, sentinels: but for a label that is ignore_index
};

// A problem drawn at random: a form, weights of classes and samples, smoothing, ignored samples, a
// kind of labels, a reduction, a layout and an element type; and its request.
class WeighedCase {
 public:
  explicit WeighedCase(unsigned seed);

  const oracle::Problem& problem() const { return problem_; }
  const Layout& layout() const { return layout_; }
  v1::DataType type() const { return type_; }
  bool softmax() const { return problem_.activation == oracle::Activation::kSoftmax; }

  // Returns the request for losses, gradient and Hessian.
  v1::ComputeRequest Request(IgnoredValues ignored) const;

 private:
  size_t rows() const { return layout_.rows(); }
  size_t Below(size_t end) { return random_() % end; }
  double Uniform() { return static_cast<double>(Below(1001)) / 1000; }
  std::vector<double> Uniforms(size_t count);

  void DrawLayout();
  void DrawLogits();
  void DrawForm();
  void DrawTargets();
  void DrawLabels();
  void DrawClassWeights();
  void DrawSampleWeights();
  void DrawReduction();

  bool WeighsNothing(size_t row, size_t k) const;
  bool WholeRowWeighsNothing(size_t row) const;
  bool IsIgnored(size_t row, size_t k) const;

  void AddLoss(v1::LossSpec& loss) const;
  v1::Tensor SentFloats(const oracle::Matrix& matrix, IgnoredValues ignored) const;
  v1::Tensor SentLabels(IgnoredValues ignored) const;
  v1::Tensor SentPerSample(std::vector<double> values, IgnoredValues ignored) const;

  std::mt19937 random_;
  oracle::Problem problem_;
  Layout layout_;
  v1::DataType type_ = v1::DATA_TYPE_FLOAT64;
  v1::DataType label_type_ = v1::DATA_TYPE_INT64;
  bool labels_in_values_ = false;
  bool per_outer_ = false;
};

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_WEIGHED_CASE_H_
