#include "server/transport/grpc/summons.h"

#include <chrono>

namespace lossd::transport {

bool Summons::Add(Reasons reason) { return reasons_.fetch_or(reason) == 0; }

void Summons::Send() {
  // The one before it has brought its event.
  alarm_ = std::make_unique<grpc::Alarm>();
  alarm_->Set(&queue_.queue(), std::chrono::system_clock::time_point(), &tag_);
}

}  // namespace lossd::transport
