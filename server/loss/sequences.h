#ifndef LOSSD_SERVER_LOSS_SEQUENCES_H_
#define LOSSD_SERVER_LOSS_SEQUENCES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace lossd::loss {

// How the samples of a batch follow one another in sequences: all of `length` samples, or each up
// to its entry of `ends`, which ascend and end at the number of samples. None of either: the batch
// has no sequences.
struct Sequences {
  int64_t length = 0;
  int64_t uniform_count = 0;  // beside `length`
  absl::Span<const int64_t> ends;

  bool empty() const { return length == 0 && ends.empty(); }
  int64_t count() const { return ends.empty() ? uniform_count : static_cast<int64_t>(ends.size()); }

  int64_t begin(int64_t sequence) const {
    if (ends.empty()) return sequence * length;
    return sequence == 0 ? 0 : ends[static_cast<size_t>(sequence - 1)];
  }
  int64_t end(int64_t sequence) const {
    return ends.empty() ? (sequence + 1) * length : ends[static_cast<size_t>(sequence)];
  }

  // Returns the sequence that has `sample`.
  int64_t Of(int64_t sample) const {
    if (ends.empty()) return sample / length;
    return std::upper_bound(ends.begin(), ends.end(), sample) - ends.begin();
  }

  // Calls f(sequence, first, last) for the parts of sequences that samples [begin, end) have.
  template <typename F>
  void ForEachPart(int64_t begin, int64_t end, F f) const {
    int64_t first = begin;
    for (int64_t sequence = begin < end ? Of(begin) : 0; first < end; ++sequence) {
      const int64_t last = std::min(end, this->end(sequence));
      if (first < last) f(sequence, first, last);
      first = std::max(first, last);
    }
  }
};

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_SEQUENCES_H_
