// How ByteBudget finds messages that are larger than their connections let expect, while they come.
#include <algorithm>
#include <utility>

#include "server/transport/byte_budget.h"

namespace lossd::transport {
namespace {

// Returns about what comes with a message: its headers, the frames that it is cut into, encrypted
// or not, and those about the answer before it.
int64_t WithFrames(int64_t message) { return message + message / 256 + 256; }

// So much of the budget may have come beyond what is reserved before somebody is asked about it.
constexpr int64_t kExcessPart = 16;
// Each look forgets this part of what came before: what comes with messages is known about only,
// and adds up on a connection whose stream is idle for days.
constexpr int64_t kForgottenPart = 64;

}  // namespace

void ByteBudget::FindExcess(SteadyTime now) {
  SteadyTime last_look;
  std::vector<LookedAt> looked_at;
  {
    const MutexLock lock(&mutex_);
    now_ = std::max(now_, now);
    last_look = std::exchange(last_look_, now_);
    ++look_;
    looked_at = LookAtCharges();
  }
  // Asks the system about thousands of connections, perhaps, while messages come and go.
  for (LookedAt& one : looked_at) {
    if (*one.counter) one.received = (*one.counter)();
  }
  const MutexLock lock(&mutex_);
  std::vector<WireRecord*> wires;
  for (const LookedAt& one : looked_at) {
    WireRecord* const wire = connections_.FindWire(one.connection);
    if (wire == nullptr || !one.received) continue;
    MeasureExcess(*wire, *one.received, last_look);
    if (wire->view.excess > 0) wires.push_back(wire);
  }
  AskAboutExcess(std::move(wires));
}

std::vector<ByteBudget::LookedAt> ByteBudget::LookAtCharges() {
  std::vector<WireRecord*> wires;
  for (ByteCharge* charge = all_.first(); charge != nullptr; charge = all_.after(*charge)) {
    WireRecord& wire = charge->connection_->wire;
    WireRecord::View& view = wire.view;
    if (view.look != look_) {
      view = {};
      view.look = look_;
      view.arrived = wire.arrived;
    }
    view.reserved += kUnreadBytes;
    const ByteCharge::State state = charge->state_;
    if (state == ByteCharge::State::kArrived) view.arrived += WithFrames(charge->message_);
    if (state != ByteCharge::State::kReading) continue;
    view.reserved += charge->bytes_ + charge->trusted_;
    if (view.suspect == nullptr) wires.push_back(&wire);
    ++view.reading;
    // A stream may wait for its client; a call has sent what it has to send.
    const auto innocence = [](const ByteCharge& other) {
      return std::make_pair(other.reader_ == Reader::kStream, other.begun_);
    };
    if (view.suspect == nullptr || innocence(*charge) < innocence(*view.suspect)) {
      view.suspect = charge;
    }
  }
  std::vector<LookedAt> looked_at;
  looked_at.reserve(wires.size());
  for (WireRecord* wire : wires) {
    if (wire->counter == nullptr) {
      wire->counter = std::make_shared<const ReceivedBytesCounter>(
          wire->view.suspect->owner_.CounterOfConnection());
    }
    looked_at.push_back({wire->id, wire->counter, std::nullopt});
  }
  return looked_at;
}

void ByteBudget::MeasureExcess(WireRecord& wire, int64_t received, SteadyTime last_look) {
  WireRecord::View& view = wire.view;
  WireRecord::Seen& seen = wire.seen;
  // The message has ended meanwhile; the next look begins anew.
  if (view.look != look_ || view.suspect == nullptr) return;
  int64_t unread = 0;
  if (seen.look + 1 == look_) {
    const int64_t came = received - seen.received;
    const int64_t before = seen.unread - seen.unread / kForgottenPart;
    unread = std::max<int64_t>(0, before + came - (view.arrived - seen.arrived));
    // What came before that has been read.
    if (view.suspect->begun_ > last_look) unread = std::clamp<int64_t>(came, 0, unread);
  }
  seen = {look_, received, view.arrived, unread};
  // Which of several messages it is, and not one that came this moment, shows at the next look.
  if (view.reading > 1 && view.suspect->begun_ > last_look) return;
  view.excess = std::max<int64_t>(0, unread - view.reserved);
}

void ByteBudget::AskAboutExcess(std::vector<WireRecord*> wires) const {
  int64_t excess = 0;
  for (const WireRecord* wire : wires) excess += wire->view.excess;
  const int64_t most = options_.max_bytes / kExcessPart;
  if (excess <= most) return;
  std::sort(wires.begin(), wires.end(), [](const WireRecord* a, const WireRecord* b) {
    return a->view.excess > b->view.excess;
  });
  for (const WireRecord* wire : wires) {
    if (excess <= most / 2) return;
    excess -= wire->view.excess;
    wire->view.suspect->owner_.OnExceeded();
  }
}

void ByteBudget::NoteGone(const ByteCharge& charge) {
  WireRecord& wire = charge.connection_->wire;
  if (wire.view.suspect == &charge) wire.view.suspect = nullptr;
  switch (charge.state_) {
    case ByteCharge::State::kArrived:
      wire.arrived += WithFrames(charge.message_);
      return;
    case ByteCharge::State::kWaiting:
    case ByteCharge::State::kReading:
      wire.seen.look = 0;  // Nobody knows how much of it has come.
      return;
    case ByteCharge::State::kNone:
      return;
  }
}

absl::Status ByteBudget::ReserveMore(ByteCharge& charge) {
  const MutexLock lock(&mutex_);
  if (charge.state_ != ByteCharge::State::kReading) return absl::OkStatus();
  const int64_t most = std::max(charge.bytes_, options_.largest_message);
  if (const Room room = RoomFor(charge, most); room != Room::kThereIs) {
    charge.connection_->taken[charge.source_.method] = {};
    return OverloadedNow(most, room);
  }
  trusted_ -= charge.trusted_;
  charge.trusted_ = 0;
  charge.known_ = false;
  Count(charge, most);
  if (charge.reader_ == Reader::kCall) {
    charge.SetLimit(charge.begun_ + TimeFor(most));
  } else if (!charge.among_idle_.taken()) {
    idle_.Append(charge);
  }
  return absl::OkStatus();
}

}  // namespace lossd::transport
