#ifndef LOSSD_SERVER_LOSS_BATCH_H_
#define LOSSD_SERVER_LOSS_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/kernels.h"
#include "server/loss/float_view.h"

namespace lossd::loss {

using kernels::Piece;

// The class of each row, shape [rows]: in [0, classes), or ignore_index. Beside sigmoid it is read
// as one-hot, and `classes` itself means "negative for every class".
struct ClassIds {
  absl::Span<const int64_t> values;
};

// Sigmoid only, shape [rows, classes]: 0, 1 or ignore_index per element.
struct BinaryLabels {
  absl::Span<const int64_t> values;
};

// A target per class, shape [rows, classes]. Softmax: finite and >= 0. Sigmoid: in [0, 1].
struct Targets {
  FloatView values;
};

using Labels = std::variant<ClassIds, BinaryLabels, Targets>;

// One number per sample, or per group of `repeat` consecutive samples (a weight per row, where a
// row holds several samples). No values: 1 for every sample.
struct PerSample {
  absl::Span<const double> values;
  int64_t repeat = 1;

  bool empty() const { return values.empty(); }
  double operator[](int64_t sample) const {
    return values.empty() ? 1.0 : values[static_cast<size_t>(sample / repeat)];
  }
};

// Logits that do not lie in an array of their own, such as those of a message that came in pieces.
// They are read in place, or copied when they are computed: never held twice. Thread-safe.
class LogitReader {
 public:
  virtual ~LogitReader() = default;

  // Copies the elements from the `begin`th on, in the order that an array of them would have. The
  // one of the other element type is not called.
  virtual void Read(int64_t begin, absl::Span<float> out) const = 0;
  virtual void Read(int64_t begin, absl::Span<double> out) const = 0;

  // The bytes of the elements, where they lie as an array's would but in pieces; none where
  // elements have to be made. The list is valid as long as the reader, a piece until all of its
  // elements are released.
  virtual absl::Span<const Piece> pieces() const { return {}; }

  // The elements [begin, end) were read for the last time, and their memory may go to others: who
  // reads them again reads nothing of use. An element is released once.
  virtual void Release(int64_t /*begin*/, int64_t /*end*/) const {}
};

// The entries that class vectors (counts, weights, statistics) of one-logit rows beside sigmoid
// have.
enum class OneLogitClasses { kNegativeAndPositive, kOne };

// A batch as views; it owns nothing, and what it points at must outlive every call that takes it.
// Softmax: a sample is a row, and there are `rows` of them. Sigmoid: a sample is an element, and
// there are rows * classes. Values were checked where they entered; nothing here checks them again.
struct Batch {
  // [rows, classes], or as `inner` says; of the element type and empty where there is a reader.
  FloatView logits;
  const LogitReader* logit_reader = nullptr;
  int64_t rows = 0;
  int64_t classes = 0;  // ≥ 1
  OneLogitClasses one_logit_classes = OneLogitClasses::kNegativeAndPositive;
  // Above 1, which divides `rows`: logits, and the outputs gradient, hessian_diagonal and
  // probabilities, are [rows / inner, classes, inner]. Everything else stays as it is written, rows
  // in the order of [rows / inner, inner]; results are the same bits.
  int64_t inner = 1;
  Labels labels;
  PerSample sample_weights;     // finite, >= 0
  PerSample upstream_gradient;  // finite; scales gradient and Hessian, never the losses
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BATCH_H_
