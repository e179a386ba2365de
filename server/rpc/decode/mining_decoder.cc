#include "server/rpc/decode/mining_decoder.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/range_check.h"

namespace lossd::rpc {
namespace {

// What a bin holds takes memory, whatever the batch.
constexpr int32_t kMaxBins = 10000;

loss::HardestMining DecodeHardest(const v1::HardestMining& hardest, absl::string_view path,
                                  FieldViolations& violations) {
  loss::HardestMining decoded;
  switch (hardest.keep_case()) {
    case v1::HardestMining::kKeepFraction:
      decoded.keep_fraction = hardest.keep_fraction();
      CheckRange(hardest.keep_fraction(), Range::AboveUpTo(0, 1),
                 absl::StrCat(path, ".keep_fraction"), violations);
      break;
    case v1::HardestMining::kKeepCount:
      decoded.keep_count = hardest.keep_count();
      if (hardest.keep_count() < 1) {
        violations.Add(absl::StrCat(path, ".keep_count"),
                       absl::StrCat("= ", hardest.keep_count(), ", expected >= 1"));
      }
      break;
    case v1::HardestMining::KEEP_NOT_SET:
      violations.Add(path, "says not what to keep, expected keep_fraction or keep_count");
      break;
  }
  return decoded;
}

loss::ThresholdMining DecodeBelow(const v1::ThresholdMining& below, absl::string_view path,
                                  FieldViolations& violations) {
  loss::ThresholdMining decoded;
  if (below.has_probability()) decoded.probability = below.probability();
  CheckRange(decoded.probability, Range::AboveUpTo(0, 1), absl::StrCat(path, ".probability"),
             violations);
  decoded.min_kept = below.min_kept();
  if (decoded.min_kept < 0) {
    violations.Add(absl::StrCat(path, ".min_kept"),
                   absl::StrCat("= ", decoded.min_kept, ", expected >= 0"));
  }
  return decoded;
}

loss::GradientHarmonizing DecodeHarmonizing(const v1::GradientHarmonizing& harmonizing,
                                            absl::string_view path, FieldViolations& violations) {
  loss::GradientHarmonizing decoded;
  if (harmonizing.has_bins()) decoded.bins = harmonizing.bins();
  if (decoded.bins < 1 || decoded.bins > kMaxBins) {
    violations.Add(absl::StrCat(path, ".bins"),
                   absl::StrCat("= ", decoded.bins, " is not in [1, ", kMaxBins, "]"));
  }
  return decoded;
}

}  // namespace

loss::Mining DecodeMining(const v1::Mining& mining, absl::string_view path,
                          FieldViolations& violations) {
  switch (mining.method_case()) {
    case v1::Mining::kHardest:
      return DecodeHardest(mining.hardest(), absl::StrCat(path, ".hardest"), violations);
    case v1::Mining::kBelow:
      return DecodeBelow(mining.below(), absl::StrCat(path, ".below"), violations);
    case v1::Mining::kGradientHarmonizing:
      return DecodeHarmonizing(mining.gradient_harmonizing(),
                               absl::StrCat(path, ".gradient_harmonizing"), violations);
    case v1::Mining::METHOD_NOT_SET:
      break;
  }
  violations.Add(path, "names no method, expected hardest, below or gradient_harmonizing");
  return {};
}

}  // namespace lossd::rpc
