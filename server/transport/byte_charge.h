#ifndef LOSSD_SERVER_TRANSPORT_BYTE_CHARGE_H_
#define LOSSD_SERVER_TRANSPORT_BYTE_CHARGE_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "server/transport/linked_list.h"

namespace lossd::transport {

using SteadyTime = std::chrono::steady_clock::time_point;

struct ConnectionRecord;
struct CallerRecord;

// Where a message comes from.
struct MessageSource {
  uintptr_t connection = 0;  // no other open connection has it
  size_t method = 0;         // below kMostMethods
  uint64_t caller = 0;       // as rpc::Caller::number; 0 where nobody asked who calls
};
inline constexpr size_t kMostMethods = 16;

// What a message takes.
struct MessageBytes {
  int64_t message = 0;  // itself
  int64_t most = 0;     // with its answer, and what is between them
};

// Who waits for a message: a call for its only one, or a stream for its next one.
enum class Reader { kCall, kStream };

// Returns how many bytes have come on a connection; nullopt where nobody knows. Any thread, and
// after the charge's end, too.
using ReceivedBytesCounter = std::function<std::optional<int64_t>()>;

// What is told of a charge, with the budget locked: it returns at once, and calls nothing of the
// budget.
class ChargeOwner {
 public:
  // The bytes for which ByteBudget::Reserve() said kWaits are there.
  virtual void OnReserved() = 0;
  // The charge's time limit has passed.
  virtual void OnTimeUp() = 0;
  // Others wait for bytes that this message holds and does not use: it comes slowly, or not at all.
  virtual void OnNeeded() = 0;
  // More has come on the connection than was reserved, of this message most likely:
  // ByteBudget::ReserveMore() is to be called where its events are.
  virtual void OnExceeded() = 0;
  // Returns what counts the bytes that come on the message's connection.
  virtual ReceivedBytesCounter CounterOfConnection() const = 0;

 protected:
  ~ChargeOwner() = default;
};

// The bytes of one message and its answer, from before the message is read until the answer is
// written. ByteBudget's; the owner has the memory, and reads what is said here to be its own.
class ByteCharge {
 public:
  ByteCharge(const MessageSource& source, Reader reader, ChargeOwner& owner)
      : source_(source), reader_(reader), owner_(owner) {}

  // Counted now. Of the owner, or with the budget locked.
  int64_t bytes() const { return bytes_; }
  // What the message turned out to take.
  MessageBytes taken() const { return {message_, peak_}; }

  // Says what to expect, instead of what the connection's last messages took. Before a reservation.
  void Expect(const MessageBytes& bytes) { expected_ = bytes; }

  // Sets the time limit of what the owner does now; none at first. Any thread.
  void SetLimit(SteadyTime limit) {
    limit_.store(limit.time_since_epoch().count(), std::memory_order_relaxed);
  }
  void ClearLimit() { SetLimit(SteadyTime::max()); }
  bool LimitPassed(SteadyTime now) const {
    return now.time_since_epoch().count() >= limit_.load(std::memory_order_relaxed);
  }

 private:
  friend class ByteBudget;
  friend class WaitingCharges;
  friend struct ConnectionRecord;

  enum class State { kNone, kWaiting, kReading, kArrived };

  const MessageSource source_;
  const Reader reader_;
  ChargeOwner& owner_;

  std::atomic<State> state_{State::kNone};
  ConnectionRecord* connection_ = nullptr;
  MessageBytes expected_;
  bool known_ = false;  // `expected_` is from earlier messages
  bool small_ = false;  // `bytes_` are of the part for small messages
  int64_t bytes_ = 0;
  int64_t trusted_ = 0;  // expected and not counted: of a stream that has been idle for some time
  int64_t message_ = 0;  // its size, which others read once it has arrived
  int64_t used_ = 0;     // by the message, and what it was given beside
  int64_t peak_ = 0;
  bool busy_ = false;  // in ByteBudget::Use
  SteadyTime begun_;   // waiting, then reading
  size_t ring_ = 0;    // in which it waits
  std::atomic<SteadyTime::rep> limit_{SteadyTime::max().time_since_epoch().count()};

  ListPlace among_all_;
  ListPlace among_waiting_;
  ListPlace among_idle_;
};

// What has come on a connection, whoever calls there, while there are records of it.
struct WireRecord {
  explicit WireRecord(uintptr_t connection) : id(connection) {}

  const uintptr_t id;
  int records = 0;  // of the connection
  int charges = 0;
  // Once somebody asked, while there are charges: a later connection may get the number of one
  // without any.
  std::shared_ptr<const ReceivedBytesCounter> counter;

  // The bytes of messages that have come whole and are gone, and about what came with them.
  int64_t arrived = 0;
  // What the last look for excess saw (see ByteBudget::FindExcess).
  struct Seen {
    uint64_t look = 0;
    int64_t received = 0;
    int64_t arrived = 0;
    int64_t unread = 0;  // that came since the look before and belongs to no whole message
  };
  Seen seen;
  // What a look sees while it lasts.
  struct View {
    uint64_t look = 0;
    int64_t arrived = 0;
    int64_t reserved = 0;  // for messages that come
    int reading = 0;       // of them
    int64_t excess = 0;
    ByteCharge* suspect = nullptr;  // the message that has taken the longest to come
  };
  View view;
};

// What is known of a caller's connection while it has charges, and for some time after. A
// connection that carries the calls of several callers, as a proxy's does, is one of each.
struct ConnectionRecord {
  ConnectionRecord(CallerRecord& its_caller, WireRecord& its_wire)
      : caller(its_caller), wire(its_wire) {}

  CallerRecord& caller;
  WireRecord& wire;
  int64_t bytes = 0;  // counted, but those of small messages
  int charges = 0;
  int waiting = 0;
  // What the last two messages of each method took; 0 before there were any.
  std::array<std::array<MessageBytes, 2>, kMostMethods> taken{};

  // The charges that wait, and the connection's turn among others that have some.
  struct Turn {
    LinkedList<ByteCharge, &ByteCharge::among_waiting_> charges;
    ListPlace among_turns;
  };
  std::array<Turn, 2> turns;  // short ones, long ones
  ListPlace among_unused;
};

// What is known of a caller while it has connections.
struct CallerRecord {
  explicit CallerRecord(uint64_t caller) : number(caller) {}

  const uint64_t number;
  int64_t bytes = 0;  // counted, of all its connections
  int waiting = 0;
  int connections = 0;

  // Its connections with charges that wait, and its turn among others that have some.
  struct Turn {
    LinkedList<ConnectionRecord::Turn, &ConnectionRecord::Turn::among_turns> connections;
    ListPlace among_turns;
  };
  std::array<Turn, 2> turns;  // as ConnectionRecord::turns
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_BYTE_CHARGE_H_
