#ifndef LOSSD_CLIENT_SRC_CONVERT_RESPONSE_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_RESPONSE_DECODING_H_

#include <vector>

#include "absl/status/statusor.h"
#include "lossd/catalogue.h"
#include "lossd/class_weights.h"
#include "lossd/compare.h"
#include "lossd/information.h"
#include "lossd/v1/catalogue.pb.h"
#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/information.pb.h"

namespace lossd::client {

// Read responses other than Compute's. Return INTERNAL, naming the field, when something is missing
// that was asked for, or the data of an array do not fit its type and shape.

absl::StatusOr<CompareResult> DecodeCompare(const v1::CompareResponse& response, size_t loss_count,
                                            const CompareOptions& asked);

absl::StatusOr<ClassWeightsResult> DecodeClassWeights(
    const v1::ComputeClassWeightsResponse& response);

absl::StatusOr<Information> DecodeInformation(const v1::MeasureInformationResponse& response);

std::vector<LossInfo> DecodeCatalogue(const v1::ListLossesResponse& response);

ServerInfo DecodeServerInfo(const v1::GetServerInfoResponse& response);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_RESPONSE_DECODING_H_
