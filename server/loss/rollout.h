#ifndef LOSSD_SERVER_LOSS_ROLLOUT_H_
#define LOSSD_SERVER_LOSS_ROLLOUT_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "server/loss/float_view.h"

namespace lossd::loss {

// Floats of samples that do not lie in an array, such as those of a message that came in pieces.
// They are copied a block at a time, each when it is computed with. Thread-safe.
class ColumnReader {
 public:
  virtual ~ColumnReader() = default;

  // Returns the number of samples.
  virtual int64_t size() const = 0;

  // Copies the numbers from that of sample `begin` on.
  virtual void Read(int64_t begin, absl::Span<float> out) const = 0;
};

// A number for each sample, or for each sequence, which are in an array always.
using Column = std::variant<absl::Span<const float>, absl::Span<const double>, const ColumnReader*>;

inline int64_t SizeOf(const Column& column) {
  return std::visit(
      [](auto numbers) {
        if constexpr (std::is_same_v<decltype(numbers), const ColumnReader*>) {
          return numbers->size();
        } else {
          return static_cast<int64_t>(numbers.size());
        }
      },
      column);
}

// Returns f(span) of all numbers, which are copied where a reader has them.
template <typename F>
auto VisitWhole(const Column& column, F f) {
  return std::visit(
      [&](auto numbers) {
        if constexpr (std::is_same_v<decltype(numbers), const ColumnReader*>) {
          std::vector<float> read(static_cast<size_t>(numbers->size()));
          numbers->Read(0, absl::MakeSpan(read));
          return f(absl::MakeConstSpan(read));
        } else {
          return f(numbers);
        }
      },
      column);
}

enum class AdvantageExtent { kSamples, kSequences };

// What policy losses need beside u, each one per sample and empty where it is not given. All are
// finite but for samples that are ignored; what a reader gives may be anything, and whoever made it
// then throws the results away.
struct Rollout {
  Column advantages;  // A; 1 without
  AdvantageExtent advantage_extent = AdvantageExtent::kSamples;
  Column old_log_probs;        // o, of the policy whose ratio is taken
  Column reference_log_probs;  // f
  Column sampler_log_probs;    // q, of the policy that drew the samples

  bool has_advantages() const { return SizeOf(advantages) > 0; }
  bool of_sequences() const {
    return has_advantages() && advantage_extent == AdvantageExtent::kSequences;
  }
  bool has_old() const { return SizeOf(old_log_probs) > 0; }
  bool has_reference() const { return SizeOf(reference_log_probs) > 0; }
  bool has_sampler() const { return SizeOf(sampler_log_probs) > 0; }
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_ROLLOUT_H_
