#ifndef LOSSD_CLIENT_DEMO_DATASET_H_
#define LOSSD_CLIENT_DEMO_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lossd::demo {

inline constexpr size_t kFeatureCount = 9;
inline constexpr size_t kClassCount = 7;

// The classes of Statlog (Shuttle), in the order of the source's class numbers.
inline constexpr const char* kClassNames[kClassCount] = {
    "Rad.Flow", "Fpv.Close", "Fpv.Open", "High", "Bypass", "Bpv.Close", "Bpv.Open"};

// Samples: row i has features [9 i, 9 i + 9) and label i.
struct Samples {
  std::vector<float> features;  // [size, 9], row-major
  std::vector<int64_t> labels;  // [size], in [0, 7)

  size_t size() const { return labels.size(); }
};

struct Dataset {
  Samples train;
  Samples test;
};

// Reads the CSV text: a header line, then nine integers and a class name per line. Returns
// DATA_LOSS, naming the line, when one is wrong.
absl::StatusOr<Samples> ParseShuttle(absl::string_view text);

// Reads the gzip file at `path`, takes the last `test_size` rows for the test, and standardises all
// features with the mean and the standard deviation of the training rows.
absl::StatusOr<Dataset> LoadShuttle(const std::string& path, size_t test_size);

// Takes the last `test_size` rows off `samples`. Returns INVALID_ARGUMENT when no row would be
// left.
absl::StatusOr<Dataset> Split(Samples samples, size_t test_size);

// Replaces each feature x by (x − μ) / σ, μ and σ over the training rows. A constant one becomes 0.
void Standardise(Dataset& dataset);

}  // namespace lossd::demo

#endif  // LOSSD_CLIENT_DEMO_DATASET_H_
