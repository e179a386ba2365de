#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SUMMONS_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SUMMONS_H_

#include <atomic>
#include <memory>

#include "grpcpp/alarm.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"

namespace lossd::transport {

// Tells a call on its queue's thread what another thread has found out.
class Summons {
 public:
  using Reasons = unsigned;  // bits
  static constexpr Reasons kReserved = 1;
  static constexpr Reasons kTimeUp = 2;
  static constexpr Reasons kNeeded = 4;
  static constexpr Reasons kExceeded = 8;

  // Both outlive the summons.
  Summons(EventQueue& queue, CompletionTag& tag) : queue_(queue), tag_(tag) {}
  Summons(const Summons&) = delete;
  Summons& operator=(const Summons&) = delete;

  // Adds a reason. Returns true if an event follows for it, false if one is on its way already. One
  // thread at a time.
  bool Add(Reasons reason);

  // Sends the event, after Add() has returned true. The same thread.
  void Send();

  // Returns the reasons of the event that has come, of which there is one at least.
  Reasons Take() { return reasons_.exchange(0); }

 private:
  EventQueue& queue_;
  CompletionTag& tag_;
  std::atomic<Reasons> reasons_ = 0;
  std::unique_ptr<grpc::Alarm> alarm_;  // most calls need none
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SUMMONS_H_
