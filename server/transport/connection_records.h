#ifndef LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_
#define LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/transport/byte_charge.h"

namespace lossd::transport {

// The records of the connections that have charges, of the last ones that had some (nobody says
// when a connection ends), of their callers, and of what comes on them. Not thread-safe.
class ConnectionRecords {
 public:
  // Returns the record for one charge more, until Release().
  ConnectionRecord& Use(const MessageSource& source);
  void Release(ConnectionRecord& record);

  // Returns what has come on a connection; nullptr where there is no record of it.
  WireRecord* FindWire(uintptr_t connection);

  size_t size() const { return records_.size(); }

  static constexpr size_t kMostUnused = 1024;

 private:
  using Key = std::pair<uint64_t, uintptr_t>;  // the caller and the connection

  ConnectionRecord& Make(const Key& key);
  void Remove(ConnectionRecord& record);

  absl::flat_hash_map<uint64_t, std::unique_ptr<CallerRecord>> callers_;
  absl::flat_hash_map<uintptr_t, std::unique_ptr<WireRecord>> wires_;
  absl::flat_hash_map<Key, std::unique_ptr<ConnectionRecord>> records_;
  LinkedList<ConnectionRecord, &ConnectionRecord::among_unused> unused_;  // the longest first
  size_t unused_count_ = 0;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_CONNECTION_RECORDS_H_
