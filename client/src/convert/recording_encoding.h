#ifndef LOSSD_CLIENT_SRC_CONVERT_RECORDING_ENCODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_RECORDING_ENCODING_H_

#include "lossd/recording.h"
#include "lossd/v1/compute.pb.h"

namespace lossd::client {

// Sets the fields of a recording but the array. Makes a name for a request of a run that has none.
void EncodeRecording(const Recording& recording, v1::ComputeRequest& request);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_RECORDING_ENCODING_H_
