#ifndef LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_

#include "lossd/v1/statistics.pb.h"
#include "server/loss/policy_statistics.h"
#include "server/loss/statistics.h"
#include "server/loss/work.h"

namespace lossd::rpc {

// Returns what the columns take in a message, and once more when that is serialized.
loss::Work ClassStatisticsWork(double entries);

// Write to an empty message.
void EncodeClassStatistics(const loss::ClassStatistics& statistics, v1::ClassStatistics& message);
void EncodePolicyStatistics(const loss::PolicyStatistics& statistics,
                            v1::PolicyStatistics& message);
void EncodeDifficulty(const loss::Difficulty& difficulty, v1::Difficulty& message);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_
