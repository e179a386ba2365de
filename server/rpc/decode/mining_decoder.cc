#include "server/rpc/decode/mining_decoder.h"

#include <cstdint>

#include "server/rpc/decode/range_check.h"

namespace lossd::rpc {
namespace {

// Each bin takes memory, even when the batch is small.
constexpr int32_t kMaxBins = 10000;

loss::HardestMining DecodeHardest(const v1::HardestMining& hardest, const Field& field) {
  loss::HardestMining decoded;
  switch (hardest.keep_case()) {
    case v1::HardestMining::kKeepFraction:
      decoded.keep_fraction = hardest.keep_fraction();
      CheckRange(hardest.keep_fraction(), Range::AboveUpTo(0, 1), field["keep_fraction"]);
      break;
    case v1::HardestMining::kKeepCount:
      decoded.keep_count = hardest.keep_count();
      if (hardest.keep_count() < 1) {
        field["keep_count"].Refuse("= ", hardest.keep_count(), ", expected >= 1");
      }
      break;
    case v1::HardestMining::KEEP_NOT_SET:
      field.Refuse("sets neither keep_fraction nor keep_count");
      break;
  }
  return decoded;
}

loss::ThresholdMining DecodeBelow(const v1::ThresholdMining& below, const Field& field) {
  loss::ThresholdMining decoded;
  if (below.has_probability()) decoded.probability = below.probability();
  CheckRange(decoded.probability, Range::AboveUpTo(0, 1), field["probability"]);
  decoded.min_kept = below.min_kept();
  if (decoded.min_kept < 0) {
    field["min_kept"].Refuse("= ", decoded.min_kept, ", expected >= 0");
  }
  return decoded;
}

loss::GradientHarmonizing DecodeHarmonizing(const v1::GradientHarmonizing& harmonizing,
                                            const Field& field) {
  loss::GradientHarmonizing decoded;
  if (harmonizing.has_bins()) decoded.bins = harmonizing.bins();
  if (decoded.bins < 1 || decoded.bins > kMaxBins) {
    field["bins"].Refuse("= ", decoded.bins, " is not in [1, ", kMaxBins, "]");
  }
  return decoded;
}

}  // namespace

loss::Mining DecodeMining(const v1::Mining& mining, const Field& field) {
  switch (mining.method_case()) {
    case v1::Mining::kHardest:
      return DecodeHardest(mining.hardest(), field["hardest"]);
    case v1::Mining::kBelow:
      return DecodeBelow(mining.below(), field["below"]);
    case v1::Mining::kGradientHarmonizing:
      return DecodeHarmonizing(mining.gradient_harmonizing(), field["gradient_harmonizing"]);
    case v1::Mining::METHOD_NOT_SET:
      break;
  }
  field.Refuse("sets none of hardest, below and gradient_harmonizing");
  return {};
}

}  // namespace lossd::rpc
