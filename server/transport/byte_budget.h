#ifndef LOSSD_SERVER_TRANSPORT_BYTE_BUDGET_H_
#define LOSSD_SERVER_TRANSPORT_BYTE_BUDGET_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/threads/mutex.h"
#include "server/transport/byte_charge.h"
#include "server/transport/connection_records.h"
#include "server/transport/waiting_charges.h"

namespace lossd::transport {

// What a transport holds of a message that is not read yet; the client keeps the rest.
inline constexpr int64_t kUnreadBytes = 64 << 10;

// Bounds the bytes of all messages and their answers, from before a message is read until its
// answer is written. Thread-safe.
//
//   ByteCharge charge(source, Reader::kCall, owner);
//   Reserve(charge, now)         before the message is read: while it is not, the client keeps it
//   Arrived(charge, bytes)       it has been read
//   Grow(charge, more)           before memory is taken for its answer, and for what leads there
//   Settle(charge, bytes)        the answer is made, and the message gone
//   Return(charge)               the answer is written, or the call has failed before
//
// A message's size is not known before it is read. What its connection's last messages of the
// method took is reserved; for a connection without any, as much as the largest message has. What
// turns out to take more is refused if there is no room.
//
// Small messages have a part of their own. Others wait for their turn while there is no room (see
// WaitingCharges). A connection has half of the budget at most while others have some of it, and
// so has a caller, with all its connections, while other callers have some. One message alone has
// room whatever it takes.
//
// A stream that waits for its client holds what it has reserved, for a second. Then its message is
// trusted to take no more than those before it, and counted when it has come. All together are
// trusted with as much as the budget once more. What is not trusted gives way when others wait.
class ByteBudget {
 public:
  struct Options {
    int64_t max_bytes = 0;
    int64_t largest_message = 0;
    // For messages to wait, and to arrive.
    absl::Duration stall_timeout = absl::InfiniteDuration();
  };
  explicit ByteBudget(const Options& options);
  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  enum class Reservation {
    kReserved,
    kWaits,    // ChargeOwner::OnReserved() follows
    kRefused,  // too many wait; Overloaded() is the status
  };
  Reservation Reserve(ByteCharge& charge, SteadyTime now);
  // Reserves bytes for a message of a stream that has others in flight: within half of the budget,
  // so that others find room however much one stream sends ahead. Returns false where they do not
  // fit; the stream tries again when it has one in flight less.
  bool ReserveAhead(ByteCharge& charge);
  // The stream has no message in flight any more; what it reserved ahead, it holds as an idle one.
  void NoteIdle(ByteCharge& charge, SteadyTime now);
  // Takes back a reservation that waits. Returns false if OnReserved() was called.
  bool StopWaiting(ByteCharge& charge);

  // The message has been read. Refuses it where it is larger than was reserved and finds no room;
  // nothing is counted for it then.
  absl::Status Arrived(ByteCharge& charge, int64_t bytes);
  // The same for one that is kept in any case.
  void ArrivedToStay(ByteCharge& charge, int64_t bytes);
  // Counts `bytes` more beside the message, as far as less was reserved. Refuses them where there
  // is no room; what was counted before stays so.
  absl::Status Grow(ByteCharge& charge, int64_t bytes);
  // Counts `bytes` and no other from here on, which are there already.
  void Settle(ByteCharge& charge, int64_t bytes);
  // Counts nothing from here on, tells the owner nothing more, and remembers what the message took.
  // The charge may be reserved anew.
  void Return(ByteCharge& charge);

  // Ends what has taken too long, and finds room for what waits. To be called several times a
  // second.
  void Tick(SteadyTime now);

  // Asks those about it of whose messages more has come than was reserved, where that is much in
  // all. To be called several times a second while the process has much memory, by one thread at a
  // time.
  void FindExcess(SteadyTime now);
  // Reserves as much as the largest message takes for one of which more came than was reserved.
  // Refuses it where there is no room, and what the connection's last messages took counts no more.
  absl::Status ReserveMore(ByteCharge& charge);

  // Returns the status of a message that was not read, for want of room: UNAVAILABLE, with
  // RetryInfo.
  absl::Status Overloaded() const;
  // Returns how long a message of so many bytes may take to arrive, or an answer to be written: the
  // stall timeout and a second for each MiB, for a client that is slow and moves on.
  std::chrono::nanoseconds TimeFor(int64_t bytes) const;

  struct Use {
    int64_t bytes = 0;    // counted
    int64_t trusted = 0;  // beside those
    size_t waiting = 0;   // messages
    int busy = 0;         // messages, but small ones and those that idle streams wait for
    uint64_t begun = 0;   // messages, the same, ever
  };
  Use use() const;

 private:
  using Room = WaitingCharges::Room;

  // Begin makes a charge one of the connection's, End makes it none.
  void Begin(ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns the most that a message of `bytes` is expected to take.
  int64_t MostFor(const ByteCharge& charge, int64_t bytes) const;
  bool IsSmall(const ByteCharge& charge) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says whether a message may wait, too: one connection, and one caller, leaves the others places.
  bool MayWait(const ByteCharge& charge) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool NobodyIsBefore(const ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says whether a charge has room for `bytes` in all.
  Room RoomFor(const ByteCharge& charge, int64_t bytes) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Room RoomForExpected(const ByteCharge& charge) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes what is expected of a charge, which has room.
  void Take(ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts `bytes` in the place of what was counted.
  void Count(ByteCharge& charge, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The same; refuses what has no room.
  absl::Status CountIfRoom(ByteCharge& charge, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the wait for a message. Returns the bytes that it was trusted with.
  int64_t EndReading(ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUse(ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OverloadedNow(int64_t bytes, Room room) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Tells those whose turn it is that their bytes are there.
  void ServeWaiting() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes bytes back from those that hold them and do not use them, for one that waits.
  void Reclaim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Counts nothing any more for streams that have been idle for some time.
  void TrustIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Returns how many bytes are missing still.
  int64_t ReclaimFromIdle(int64_t missing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ReclaimFromSlow(int64_t missing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A connection that messages come on.
  struct LookedAt {
    uintptr_t connection = 0;
    std::shared_ptr<const ReceivedBytesCounter> counter;
    std::optional<int64_t> received;
  };
  // Returns those, and collects what there is to know of them, whoever calls there.
  std::vector<LookedAt> LookAtCharges() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says how much more has come on such a connection, since the last look at least, than was
  // reserved.
  void MeasureExcess(WireRecord& wire, int64_t received, SteadyTime last_look)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Asks about the largest excesses, where all of them are too much.
  void AskAboutExcess(std::vector<WireRecord*> wires) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Notes that the bytes of a charge that ends have come, or may have.
  void NoteGone(const ByteCharge& charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::chrono::nanoseconds stall_time_;
  const int64_t small_max_;    // of all small messages
  const int64_t small_bytes_;  // of one at most
  const int64_t regular_max_;  // of the others
  const size_t most_waiting_;

  mutable Mutex mutex_;
  // As the last caller said that knew: soon enough, with many ticks a second.
  SteadyTime now_ ABSL_GUARDED_BY(mutex_);
  ConnectionRecords connections_ ABSL_GUARDED_BY(mutex_);
  WaitingCharges waiting_ ABSL_GUARDED_BY(mutex_);
  LinkedList<ByteCharge, &ByteCharge::among_all_> all_ ABSL_GUARDED_BY(mutex_);
  LinkedList<ByteCharge, &ByteCharge::among_idle_> idle_ ABSL_GUARDED_BY(mutex_);  // longest first
  int64_t small_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t regular_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t trusted_ ABSL_GUARDED_BY(mutex_) = 0;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t begun_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t look_ ABSL_GUARDED_BY(mutex_) = 1;
  SteadyTime last_look_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_BYTE_BUDGET_H_
