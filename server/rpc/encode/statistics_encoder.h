#ifndef LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_

#include "lossd/v1/statistics.pb.h"
#include "server/loss/statistics.h"

namespace lossd::rpc {

// The classes that have an entry in each column.
enum class ClassColumns { kAll, kPresentOnly };

// Both write to an empty message.
void EncodeClassStatistics(const loss::ClassStatistics& statistics, ClassColumns columns,
                           v1::ClassStatistics& message);
void EncodeDifficulty(const loss::Difficulty& difficulty, v1::Difficulty& message);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_STATISTICS_ENCODER_H_
