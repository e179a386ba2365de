#ifndef LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_
#define LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "server/transport/byte_charge.h"

namespace lossd::transport {

// The records of the connections that have charges, and of the last ones that had some: nobody says
// when a connection ends. Not thread-safe.
class ConnectionRecords {
 public:
  // Returns the record for one charge more, until Release().
  ConnectionRecord& Use(uintptr_t connection);
  void Release(ConnectionRecord& record);

  size_t size() const { return records_.size(); }

  static constexpr size_t kMostUnused = 1024;

 private:
  std::unordered_map<uintptr_t, std::unique_ptr<ConnectionRecord>> records_;
  LinkedList<ConnectionRecord, &ConnectionRecord::among_unused> unused_;  // the longest first
  size_t unused_count_ = 0;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_
