#include "client/demo/dataset.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/demo/gzip_file.h"

namespace lossd::demo {
namespace {

constexpr char kHeader[] = "V1,V2,V3,V4,V5,V6,V7,V8,V9,Class";

absl::Status LineError(size_t number, absl::string_view problem) {
  return absl::DataLossError(absl::StrCat("line ", number, ": ", problem));
}

absl::Status ParseRow(absl::string_view line, size_t number, Samples* samples) {
  const std::vector<absl::string_view> columns = absl::StrSplit(line, ',');
  if (columns.size() != kFeatureCount + 1) {
    return LineError(
        number, absl::StrCat("has ", columns.size(), " columns; expected ", kFeatureCount + 1));
  }
  for (size_t i = 0; i < kFeatureCount; ++i) {
    float value = 0.0f;
    if (!absl::SimpleAtof(columns[i], &value) || !std::isfinite(value)) {
      return LineError(number, absl::StrCat("V", i + 1, " is '", columns[i], "', not a number"));
    }
    samples->features.push_back(value);
  }
  const auto* const name =
      std::find(std::begin(kClassNames), std::end(kClassNames), columns.back());
  if (name == std::end(kClassNames)) {
    return LineError(number, absl::StrCat("unknown class '", columns.back(), "'"));
  }
  samples->labels.push_back(name - std::begin(kClassNames));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Samples> ParseShuttle(absl::string_view text) {
  Samples samples;
  size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    absl::ConsumeSuffix(&line, "\r");
    if (number == 1) {
      if (line != kHeader) {
        return LineError(number, absl::StrCat("is '", line, "'; expected '", kHeader, "'"));
      }
      continue;
    }
    if (line.empty()) continue;
    if (absl::Status status = ParseRow(line, number, &samples); !status.ok()) return status;
  }
  return samples;
}

absl::StatusOr<Dataset> Split(Samples samples, size_t test_size) {
  if (test_size >= samples.size()) {
    return absl::InvalidArgumentError(absl::StrCat("cannot take ", test_size, " test rows of ",
                                                   samples.size(), " and have some to train on"));
  }
  const auto first_test_row = static_cast<std::ptrdiff_t>(samples.size() - test_size);
  const auto first_feature =
      samples.features.begin() + first_test_row * static_cast<std::ptrdiff_t>(kFeatureCount);
  Dataset dataset;
  dataset.test.features.assign(first_feature, samples.features.end());
  dataset.test.labels.assign(samples.labels.begin() + first_test_row, samples.labels.end());
  samples.features.erase(first_feature, samples.features.end());
  samples.labels.erase(samples.labels.begin() + first_test_row, samples.labels.end());
  dataset.train = std::move(samples);
  return dataset;
}

void Standardise(Dataset& dataset) {
  const size_t rows = dataset.train.size();
  for (size_t feature = 0; feature < kFeatureCount; ++feature) {
    double sum = 0.0;
    for (size_t row = 0; row < rows; ++row) {
      sum += dataset.train.features[row * kFeatureCount + feature];
    }
    const double mean = sum / static_cast<double>(rows);
    double squares = 0.0;
    for (size_t row = 0; row < rows; ++row) {
      const double deviation = dataset.train.features[row * kFeatureCount + feature] - mean;
      squares += deviation * deviation;
    }
    const double deviation = std::sqrt(squares / static_cast<double>(rows));
    const double scale = deviation > 0.0 ? 1.0 / deviation : 0.0;
    for (Samples* samples : {&dataset.train, &dataset.test}) {
      for (size_t row = 0; row < samples->size(); ++row) {
        float& value = samples->features[row * kFeatureCount + feature];
        value = static_cast<float>((value - mean) * scale);
      }
    }
  }
}

absl::StatusOr<Dataset> LoadShuttle(const std::string& path, size_t test_size) {
  const absl::StatusOr<std::string> text = ReadGzipFile(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Samples> samples = ParseShuttle(*text);
  if (!samples.ok()) {
    return absl::Status(samples.status().code(),
                        absl::StrCat(path, ": ", samples.status().message()));
  }
  absl::StatusOr<Dataset> dataset = Split(*std::move(samples), test_size);
  if (dataset.ok()) Standardise(*dataset);
  return dataset;
}

}  // namespace lossd::demo
