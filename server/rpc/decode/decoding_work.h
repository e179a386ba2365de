#ifndef LOSSD_SERVER_RPC_DECODE_DECODING_WORK_H_
#define LOSSD_SERVER_RPC_DECODE_DECODING_WORK_H_

#include "lossd/v1/class_weights.pb.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/information.pb.h"
#include "proto/wire/split_message.h"
#include "server/loss/work.h"

namespace lossd::rpc {

// Return what decoding a request takes: the copies of its tensors, in which an element takes up to
// eight times as much as in the message. Nothing of the request has been checked.
loss::Work DecodingWork(const v1::ComputeRequest& request, const wire::TensorPayloads& payloads);
loss::Work DecodingWork(const v1::CompareRequest& request, const wire::TensorPayloads& payloads);
loss::Work DecodingWork(const v1::ComputeClassWeightsRequest& request);
loss::Work DecodingWork(const v1::MeasureInformationRequest& request);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_DECODING_WORK_H_
