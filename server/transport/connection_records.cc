#include "server/transport/connection_records.h"

namespace lossd::transport {

ConnectionRecord& ConnectionRecords::Use(uintptr_t connection) {
  std::unique_ptr<ConnectionRecord>& record = records_[connection];
  if (record == nullptr) record = std::make_unique<ConnectionRecord>(connection);
  if (record->among_unused.taken()) {
    unused_.Remove(*record);
    --unused_count_;
  }
  ++record->charges;
  return *record;
}

void ConnectionRecords::Release(ConnectionRecord& record) {
  if (--record.charges > 0) return;
  unused_.Append(record);
  ++unused_count_;
  if (unused_count_ <= kMostUnused) return;
  ConnectionRecord& oldest = *unused_.first();
  unused_.Remove(oldest);
  --unused_count_;
  records_.erase(oldest.id);
}

}  // namespace lossd::transport
