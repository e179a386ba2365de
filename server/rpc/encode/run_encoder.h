#ifndef LOSSD_SERVER_RPC_ENCODE_RUN_ENCODER_H_
#define LOSSD_SERVER_RPC_ENCODE_RUN_ENCODER_H_

#include "absl/types/span.h"
#include "lossd/v1/runs.pb.h"
#include "server/runs/run.h"

namespace lossd::rpc {

void EncodeRun(const runs::Run& run, v1::Run& message);

void EncodeRunSample(const runs::RunSample& sample, v1::RunSample& message);

// Returns the samples as columns.
v1::ExportRunSamplesResponse EncodeColumns(absl::Span<const runs::RunSample> samples);

// Serialized, a message takes at most so many bytes: of EncodeRun without points and findings, of
// EncodeRunSample, both with what comes before them in a list, and of EncodeColumns for each sample
// and beside those.
inline constexpr int kMostRunBytes = 6 << 10;
inline constexpr int kMostRunSampleBytes = 192;
inline constexpr int kColumnBytesOfSample = 15 * 8;
inline constexpr int kMostColumnBytesBeside = 512;

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_ENCODE_RUN_ENCODER_H_
