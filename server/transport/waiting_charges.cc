#include "server/transport/waiting_charges.h"

namespace lossd::transport {
namespace {

constexpr size_t kShortRing = 0;
constexpr size_t kLongRing = 1;
// So many short messages pass one long one.
constexpr int kMostPassed = 8;

}  // namespace

void WaitingCharges::Add(ByteCharge& charge, Length length) {
  charge.ring_ = length == Length::kShort ? kShortRing : kLongRing;
  ConnectionRecord& connection = *charge.connection_;
  ConnectionRecord::Turn& own = connection.turns[charge.ring_];
  Turn& turn = connection.caller.turns[charge.ring_];
  if (turn.connections.empty()) rings_[charge.ring_].Append(turn);
  if (own.charges.empty()) turn.connections.Append(own);
  own.charges.Append(charge);
  ++connection.waiting;
  ++connection.caller.waiting;
  ++size_;
}

void WaitingCharges::Remove(ByteCharge& charge) {
  ConnectionRecord& connection = *charge.connection_;
  ConnectionRecord::Turn& own = connection.turns[charge.ring_];
  Turn& turn = connection.caller.turns[charge.ring_];
  own.charges.Remove(charge);
  if (own.charges.empty()) turn.connections.Remove(own);
  if (turn.connections.empty()) rings_[charge.ring_].Remove(turn);
  --connection.waiting;
  --connection.caller.waiting;
  --size_;
}

ByteCharge* WaitingCharges::Next(absl::FunctionRef<Room(ByteCharge&)> room) {
  const Found found = First(room);
  return found.room == Room::kThereIs ? found.charge : nullptr;
}

void WaitingCharges::Take(ByteCharge& charge) {
  const bool passes = charge.ring_ == kShortRing && !rings_[kLongRing].empty();
  passed_ = passes ? passed_ + 1 : 0;
  Remove(charge);
  ConnectionRecord::Turn& own = charge.connection_->turns[charge.ring_];
  Turn& turn = charge.connection_->caller.turns[charge.ring_];
  if (turn.connections.empty()) return;
  rings_[charge.ring_].Remove(turn);
  rings_[charge.ring_].Append(turn);
  if (own.charges.empty()) return;
  turn.connections.Remove(own);
  turn.connections.Append(own);
}

ByteCharge* WaitingCharges::Blocked(absl::FunctionRef<Room(ByteCharge&)> room) {
  const Found found = First(room);
  return found.room == Room::kNone ? found.charge : nullptr;
}

WaitingCharges::Found WaitingCharges::First(absl::FunctionRef<Room(ByteCharge&)> room) {
  const bool long_first = passed_ >= kMostPassed;
  const Found found = FirstOf(rings_[long_first ? kLongRing : kShortRing], room);
  // What is found and does not fit holds up the others: they would take from it what it waits for.
  if (found.charge != nullptr) return found;
  return FirstOf(rings_[long_first ? kShortRing : kLongRing], room);
}

WaitingCharges::Found WaitingCharges::FirstOf(Ring& ring,
                                              absl::FunctionRef<Room(ByteCharge&)> room) {
  for (Turn* turn = ring.first(); turn != nullptr; turn = ring.after(*turn)) {
    auto& connections = turn->connections;
    for (auto* own = connections.first(); own != nullptr; own = connections.after(*own)) {
      ByteCharge& charge = *own->charges.first();
      const Room found = room(charge);
      if (found != Room::kNotForIts) return {&charge, found};
    }
  }
  return {};
}

}  // namespace lossd::transport
