#ifndef LOSSD_CLIENT_SRC_CONVERT_RUN_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_RUN_DECODING_H_

#include <vector>

#include "absl/status/statusor.h"
#include "lossd/runs.h"
#include "lossd/v1/runs.pb.h"

namespace lossd::client {

v1::SampleOrder EncodeSampleOrder(SampleOrder order);

Run DecodeRun(const v1::Run& message);
RunSample DecodeRunSample(const v1::RunSample& message);

// Returns the samples whose columns these are. Returns INTERNAL when one is missing, is of another
// type, or has another length than the ids.
absl::StatusOr<std::vector<RunSample>> DecodeColumns(const v1::ExportRunSamplesResponse& response);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_RUN_DECODING_H_
