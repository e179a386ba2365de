#include "server/transport/byte_budget.h"

#include <algorithm>
#include <cmath>

namespace lossd::transport {
namespace {

// Small messages have this part of the budget, and one of them this part of that.
constexpr int64_t kSmallPart = 16;
constexpr int64_t kSmallOfPart = 16;
constexpr int64_t kLargestSmall = 1 << 20;
// A message of at most this part of the budget passes longer ones.
constexpr int64_t kShortPart = 64;
// What is held of all messages that wait is this part of the budget.
constexpr int64_t kUnreadPart = 16;
constexpr int64_t kLeastWaiting = 64;

// An answer in FLOAT64 to a request in bfloat16 has so many times its bytes, with all outputs.
constexpr int64_t kMostAnswered = 8;
// Less than this is not worth looking at.
constexpr int64_t kLittle = 64 << 10;

constexpr int64_t kSlowestBytesPerMillisecond = (1 << 20) / 1000;
// Clocks overflow far beyond it.
constexpr absl::Duration kLongestStall = absl::Hours(24 * 365);

int64_t SmallMax(const ByteBudget::Options& options) { return options.max_bytes / kSmallPart; }

}  // namespace

ByteBudget::ByteBudget(const Options& options)
    : options_(options),
      stall_time_(absl::ToChronoNanoseconds(std::min(options.stall_timeout, kLongestStall))),
      small_max_(SmallMax(options)),
      small_bytes_(std::min(SmallMax(options) / kSmallOfPart, kLargestSmall)),
      regular_max_(options.max_bytes - SmallMax(options)),
      most_waiting_(static_cast<size_t>(
          std::max(options.max_bytes / kUnreadPart / kUnreadBytes, kLeastWaiting))) {}

ByteBudget::Reservation ByteBudget::Reserve(ByteCharge& charge, SteadyTime now) {
  const MutexLock lock(&mutex_);
  now_ = std::max(now_, now);
  Begin(charge);
  if (RoomForExpected(charge) == Room::kThereIs && NobodyIsBefore(charge)) {
    Take(charge);
    if (charge.reader_ == Reader::kStream && !charge.small_) idle_.Append(charge);
    return Reservation::kReserved;
  }
  if (!MayWait(charge)) {
    charge.connection_->wire.seen.look = 0;  // Nobody knows how much of its message comes.
    End(charge);
    return Reservation::kRefused;
  }
  const bool is_short = !charge.known_ || charge.expected_.most <= regular_max_ / kShortPart;
  waiting_.Add(charge, is_short ? WaitingCharges::Length::kShort : WaitingCharges::Length::kLong);
  charge.state_ = ByteCharge::State::kWaiting;
  if (charge.reader_ == Reader::kCall) charge.SetLimit(now_ + TimeFor(0));
  return Reservation::kWaits;
}

bool ByteBudget::ReserveAhead(ByteCharge& charge) {
  const MutexLock lock(&mutex_);
  Begin(charge);
  const bool within_half =
      IsSmall(charge) || charge.expected_.most <= options_.max_bytes / 2 - small_ - regular_;
  if (within_half && RoomForExpected(charge) == Room::kThereIs && NobodyIsBefore(charge)) {
    Take(charge);
    return true;
  }
  End(charge);
  return false;
}

void ByteBudget::NoteIdle(ByteCharge& charge, SteadyTime now) {
  if (charge.small_) return;
  const MutexLock lock(&mutex_);
  if (charge.state_ != ByteCharge::State::kReading || charge.among_idle_.taken()) return;
  now_ = std::max(now_, now);
  charge.begun_ = now_;
  idle_.Append(charge);
}

bool ByteBudget::StopWaiting(ByteCharge& charge) {
  const MutexLock lock(&mutex_);
  if (charge.state_ != ByteCharge::State::kWaiting) return false;
  End(charge);
  ServeWaiting();
  return true;
}

absl::Status ByteBudget::Arrived(ByteCharge& charge, int64_t bytes) {
  charge.ClearLimit();
  if (charge.small_ && bytes <= charge.bytes_) {
    charge.message_ = charge.used_ = charge.peak_ = bytes;
    charge.state_ = ByteCharge::State::kArrived;
    return absl::OkStatus();
  }
  const MutexLock lock(&mutex_);
  charge.message_ = charge.used_ = charge.peak_ = bytes;
  if (const int64_t trusted = EndReading(charge); bytes <= trusted) {
    Count(charge, bytes);
  } else if (bytes > charge.bytes_) {
    absl::Status refused = CountIfRoom(charge, bytes);
    if (!refused.ok()) {
      Count(charge, 0);
      ServeWaiting();
      return refused;
    }
  } else {
    Count(charge, std::min(charge.bytes_, MostFor(charge, bytes)));
    ServeWaiting();
  }
  NoteUse(charge);
  return absl::OkStatus();
}

void ByteBudget::ArrivedToStay(ByteCharge& charge, int64_t bytes) {
  charge.ClearLimit();
  const MutexLock lock(&mutex_);
  charge.message_ = charge.used_ = charge.peak_ = bytes;
  EndReading(charge);
  if (bytes > charge.bytes_) Count(charge, bytes);
  NoteUse(charge);
}

absl::Status ByteBudget::Grow(ByteCharge& charge, int64_t bytes) {
  const int64_t used = charge.used_ + std::min(bytes, int64_t{1} << 60);
  if (used > charge.bytes_) {
    const MutexLock lock(&mutex_);
    absl::Status refused = CountIfRoom(charge, used);
    if (!refused.ok()) return refused;
    charge.used_ = used;
    NoteUse(charge);
  }
  charge.used_ = used;
  charge.peak_ = std::max(charge.peak_, used);
  return absl::OkStatus();
}

void ByteBudget::Settle(ByteCharge& charge, int64_t bytes) {
  charge.used_ = bytes;
  charge.peak_ = std::max(charge.peak_, charge.message_ + bytes);
  if (bytes <= charge.bytes_ && charge.bytes_ - bytes <= kLittle) return;
  const MutexLock lock(&mutex_);
  Count(charge, bytes);
  NoteUse(charge);
  ServeWaiting();
}

void ByteBudget::Return(ByteCharge& charge) {
  const MutexLock lock(&mutex_);
  if (charge.state_ == ByteCharge::State::kNone) return;
  if (charge.peak_ > 0) {
    auto& taken = charge.connection_->taken[charge.source_.method];
    taken = {charge.taken(), taken[0]};
  }
  End(charge);
  ServeWaiting();
}

std::chrono::nanoseconds ByteBudget::TimeFor(int64_t bytes) const {
  return stall_time_ + std::chrono::milliseconds(bytes / kSlowestBytesPerMillisecond);
}

ByteBudget::Use ByteBudget::use() const {
  const MutexLock lock(&mutex_);
  return {small_ + regular_, trusted_, waiting_.size(), busy_, begun_};
}

int64_t ByteBudget::MostFor(const ByteCharge& charge, int64_t bytes) const {
  if (!charge.known_) return kMostAnswered * bytes + small_bytes_;
  const MessageBytes& expected = charge.expected_;
  if (bytes >= expected.message) return expected.most;
  const double part = static_cast<double>(bytes) / static_cast<double>(expected.message);
  return static_cast<int64_t>(std::ceil(part * static_cast<double>(expected.most)));
}

void ByteBudget::Begin(ByteCharge& charge) {
  charge.connection_ = &connections_.Use(charge.source_);
  if (charge.expected_.most == 0) {
    const auto& taken = charge.connection_->taken[charge.source_.method];
    charge.expected_ = taken[0].most > taken[1].most ? taken[0] : taken[1];
  }
  charge.known_ = charge.expected_.most > 0;
  if (!charge.known_) charge.expected_ = {0, options_.largest_message};
  charge.begun_ = now_;
  all_.Append(charge);
}

void ByteBudget::End(ByteCharge& charge) {
  if (charge.state_ == ByteCharge::State::kWaiting) waiting_.Remove(charge);
  NoteGone(charge);
  EndReading(charge);
  Count(charge, 0);
  if (charge.busy_) --busy_;
  all_.Remove(charge);
  connections_.Release(*charge.connection_);
  charge.connection_ = nullptr;
  charge.expected_ = {};
  charge.message_ = charge.used_ = charge.peak_ = 0;
  charge.small_ = charge.busy_ = false;
  charge.ClearLimit();
  charge.state_ = ByteCharge::State::kNone;
}

bool ByteBudget::IsSmall(const ByteCharge& charge) const {
  return charge.expected_.most <= small_bytes_ && charge.expected_.most <= small_max_ - small_;
}

bool ByteBudget::MayWait(const ByteCharge& charge) const {
  const ConnectionRecord& connection = *charge.connection_;
  const auto leaves_places = [this](int waiting) {
    return static_cast<size_t>(waiting) < most_waiting_ / 2;
  };
  return waiting_.size() < most_waiting_ && leaves_places(connection.waiting) &&
         (connection.caller.number == 0 || leaves_places(connection.caller.waiting));
}

bool ByteBudget::NobodyIsBefore(const ByteCharge& charge) {
  if (IsSmall(charge) || waiting_.size() == 0) return true;
  return waiting_.Blocked([this](const ByteCharge& other) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return RoomForExpected(other);
  }) == nullptr;
}

ByteBudget::Room ByteBudget::RoomFor(const ByteCharge& charge, int64_t bytes) const {
  const int64_t own = charge.small_ ? 0 : charge.bytes_;
  const int64_t others = regular_ - own;
  if (others == 0) return Room::kThereIs;
  if (bytes > regular_max_ - others) return Room::kNone;
  const auto fits_share = [&](int64_t others_of_its) {
    return others_of_its == others || bytes <= options_.max_bytes / 2 - others_of_its;
  };
  const ConnectionRecord& connection = *charge.connection_;
  return fits_share(connection.bytes - own) && fits_share(connection.caller.bytes - own)
             ? Room::kThereIs
             : Room::kNotForIts;
}

ByteBudget::Room ByteBudget::RoomForExpected(const ByteCharge& charge) const {
  return IsSmall(charge) ? Room::kThereIs : RoomFor(charge, charge.expected_.most);
}

void ByteBudget::Take(ByteCharge& charge) {
  charge.small_ = IsSmall(charge);
  if (charge.small_) {
    charge.bytes_ = charge.expected_.most;
    small_ += charge.bytes_;
  } else {
    Count(charge, charge.expected_.most);
  }
  charge.begun_ = now_;
  charge.state_ = ByteCharge::State::kReading;
  if (charge.reader_ == Reader::kCall) charge.SetLimit(now_ + TimeFor(charge.expected_.most));
}

void ByteBudget::Count(ByteCharge& charge, int64_t bytes) {
  if (charge.small_) {
    small_ -= charge.bytes_;
    charge.small_ = bytes <= charge.bytes_;
    charge.bytes_ = 0;
    if (charge.small_) {
      small_ += bytes;
      charge.bytes_ = bytes;
      return;
    }
  }
  regular_ += bytes - charge.bytes_;
  charge.connection_->bytes += bytes - charge.bytes_;
  charge.connection_->caller.bytes += bytes - charge.bytes_;
  charge.bytes_ = bytes;
}

absl::Status ByteBudget::CountIfRoom(ByteCharge& charge, int64_t bytes) {
  const Room room = RoomFor(charge, bytes);
  if (room != Room::kThereIs) return OverloadedNow(bytes, room);
  Count(charge, bytes);
  return absl::OkStatus();
}

int64_t ByteBudget::EndReading(ByteCharge& charge) {
  idle_.Remove(charge);
  const int64_t trusted = charge.trusted_;
  trusted_ -= trusted;
  charge.trusted_ = 0;
  charge.state_ = ByteCharge::State::kArrived;
  return trusted;
}

void ByteBudget::NoteUse(ByteCharge& charge) {
  if (charge.busy_ || charge.used_ <= small_bytes_) return;
  charge.busy_ = true;
  ++busy_;
  ++begun_;
}

}  // namespace lossd::transport
