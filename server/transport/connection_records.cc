#include "server/transport/connection_records.h"

namespace lossd::transport {

ConnectionRecord& ConnectionRecords::Use(const MessageSource& source) {
  const Key key(source.caller, source.connection);
  const auto found = records_.find(key);
  ConnectionRecord& record = found == records_.end() ? Make(key) : *found->second;
  if (record.among_unused.taken()) {
    unused_.Remove(record);
    --unused_count_;
  }
  ++record.charges;
  ++record.wire.charges;
  return record;
}

void ConnectionRecords::Release(ConnectionRecord& record) {
  if (--record.wire.charges == 0) record.wire.counter = nullptr;
  if (--record.charges > 0) return;
  unused_.Append(record);
  ++unused_count_;
  if (unused_count_ > kMostUnused) Remove(*unused_.first());
}

WireRecord* ConnectionRecords::FindWire(uintptr_t connection) {
  const auto found = wires_.find(connection);
  return found == wires_.end() ? nullptr : found->second.get();
}

ConnectionRecord& ConnectionRecords::Make(const Key& key) {
  std::unique_ptr<CallerRecord>& caller = callers_[key.first];
  if (caller == nullptr) caller = std::make_unique<CallerRecord>(key.first);
  ++caller->connections;
  std::unique_ptr<WireRecord>& wire = wires_[key.second];
  if (wire == nullptr) wire = std::make_unique<WireRecord>(key.second);
  ++wire->records;
  return *(records_[key] = std::make_unique<ConnectionRecord>(*caller, *wire));
}

void ConnectionRecords::Remove(ConnectionRecord& record) {
  unused_.Remove(record);
  --unused_count_;
  const Key key(record.caller.number, record.wire.id);
  if (--record.caller.connections == 0) callers_.erase(key.first);
  if (--record.wire.records == 0) wires_.erase(key.second);
  records_.erase(key);
}

}  // namespace lossd::transport
