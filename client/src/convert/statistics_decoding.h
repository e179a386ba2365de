#ifndef LOSSD_CLIENT_SRC_CONVERT_STATISTICS_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_STATISTICS_DECODING_H_

#include "lossd/statistics.h"
#include "lossd/v1/statistics.pb.h"

namespace lossd::client {

// Read statistics, column by column.
ClassStatistics DecodeClassStatistics(const v1::ClassStatistics& message);
PolicyStatistics DecodePolicyStatistics(const v1::PolicyStatistics& message);
Difficulty DecodeDifficulty(const v1::Difficulty& message);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_STATISTICS_DECODING_H_
