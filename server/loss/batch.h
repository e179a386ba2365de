#ifndef LOSSD_SERVER_LOSS_BATCH_H_
#define LOSSD_SERVER_LOSS_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <variant>

#include "absl/types/span.h"
#include "server/kernels/float_format.h"
#include "server/kernels/piece.h"
#include "server/loss/float_view.h"
#include "server/loss/rollout.h"
#include "server/loss/sequences.h"

namespace lossd::loss {

using kernels::FloatFormat;
using kernels::Piece;

// The class of each row, shape [rows]: in [0, classes), or ignore_index. A sigmoid reads it as
// one-hot, and `classes` itself as "negative for every class". Log-probabilities, which are those
// of the truth, have none.
struct ClassIds {
  absl::Span<const int64_t> values;
};

// Sigmoid only, shape [rows, classes]: 0, 1 or ignore_index per element.
struct BinaryLabels {
  absl::Span<const int64_t> values;
};

// What Targets are made of. kTeacherLogits, softmax only: the targets are the softmax of a
// teacher's logits, which are below +∞ and not all −∞ in a row.
enum class TargetKind { kGiven, kTeacherLogits };

// A target per class, shape [rows, classes]. Softmax: finite and ≥ 0. Sigmoid: in [0, 1].
struct Targets {
  FloatView values;
  TargetKind kind = TargetKind::kGiven;
  double temperature = 1;  // of a teacher, > 0; Compute sets it to the loss's
};

using Labels = std::variant<ClassIds, BinaryLabels, Targets>;

// One number per sample, or per group of `repeat` consecutive samples (a weight per row, where a
// row holds several samples). Without values it is 1 for every sample.
struct PerSample {
  absl::Span<const double> values;
  int64_t repeat = 1;

  bool empty() const { return values.empty(); }
  double operator[](int64_t sample) const {
    if (values.empty()) return 1.0;
    return values[static_cast<size_t>(repeat == 1 ? sample : sample / repeat)];
  }
};

// Logits that do not lie in an array of their own, such as those of a message that came in pieces.
// They are read in place, or copied when they are computed, and never held twice. Thread-safe.
class LogitReader {
 public:
  virtual ~LogitReader() = default;

  // Copies the elements from the `begin`th on, in the order of an array. Only the function of the
  // batch's element type is called.
  virtual void Read(int64_t begin, absl::Span<float> out) const = 0;
  virtual void Read(int64_t begin, absl::Span<double> out) const = 0;

  // Returns the pieces of an array's bytes, or none when elements have to be converted. The list is
  // valid as long as the reader, a piece until all of its elements are released.
  virtual absl::Span<const Piece> pieces() const { return {}; }

  // Returns how numbers lie in the pieces.
  virtual FloatFormat format() const { return FloatFormat::kComputed; }

  // Tells that the elements [begin, end) were read for the last time: their memory may be used for
  // other things. An element is released once, and not read after that.
  virtual void Release(int64_t /*begin*/, int64_t /*end*/) const {}
};

// The entries that class vectors (counts, weights, statistics) of one-logit rows beside sigmoid
// have.
enum class OneLogitClasses { kNegativeAndPositive, kOne };

// A batch as views. It owns nothing, and what it points at must outlive every call that takes it.
// Softmax: a sample is a row, and there are `rows` of them. Sigmoid: a sample is an element, and
// there are rows · classes. Log-probabilities: rows of one class, which are samples. Values are
// checked where they enter the server, and not again here.
//
// A sample of weight 0 is ignored, as one with ignore_index is and one that mining drops: its
// outputs are 0, it counts nowhere, and its logits, label, targets and upstream gradient may be
// anything. The class id of a row is read when any sample of the row is.
struct Batch {
  // [rows, classes], or as `inner` says; of the element type and empty where there is a reader.
  FloatView logits;
  const LogitReader* logit_reader = nullptr;
  int64_t rows = 0;
  int64_t classes = 0;  // ≥ 1
  OneLogitClasses one_logit_classes = OneLogitClasses::kNegativeAndPositive;
  // When it is above 1, it divides `rows`, and logits and outputs of OutputExtent::kLogits are
  // [rows / inner, classes, inner]. Everything else keeps its layout, with rows in the order of
  // [rows / inner, inner]; results are the same bits.
  int64_t inner = 1;
  Labels labels;
  PerSample sample_weights;     // finite, ≥ 0
  PerSample upstream_gradient;  // finite; scales gradient and Hessian, never the losses
  Sequences sequences;
  Rollout rollout;  // for losses that read it; samples have one class id each then
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BATCH_H_
