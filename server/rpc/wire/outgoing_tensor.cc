#include "server/rpc/wire/outgoing_tensor.h"

namespace lossd::rpc {

size_t OutgoingTensor::data_size() const {
  size_t size = 0;
  for (const Buffer& buffer : data) size += buffer.size();
  return size;
}

}  // namespace lossd::rpc
