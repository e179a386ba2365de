#ifndef LOSSD_SERVER_TRANSPORT_WAITING_CHARGES_H_
#define LOSSD_SERVER_TRANSPORT_WAITING_CHARGES_H_

#include <array>
#include <cstddef>

#include "absl/functional/function_ref.h"
#include "server/transport/byte_charge.h"

namespace lossd::transport {

// Messages that wait to be read. Callers take turns, and in each turn of a caller its connections
// do, among those with short messages and among those with long ones; short ones pass long ones,
// but no long one more than a few times. Not thread-safe.
class WaitingCharges {
 public:
  enum class Length { kShort, kLong };

  // Whether a message can be read now.
  enum class Room {
    kThereIs,
    kNotForIts,  // not for its connection or its caller, which has its share already
    kNone,
  };

  void Add(ByteCharge& charge, Length length);
  void Remove(ByteCharge& charge);

  // Returns the next message to read, which it leaves among the others; null when it does not fit,
  // or there is none.
  ByteCharge* Next(absl::FunctionRef<Room(ByteCharge&)> room);
  // Takes the message that Next() returned from the others: the next turn is another caller's, and
  // another connection's of this one.
  void Take(ByteCharge& charge);

  // Returns the message that the others wait behind; null when none waits, or all that do only wait
  // for their own connection or caller.
  ByteCharge* Blocked(absl::FunctionRef<Room(ByteCharge&)> room);

  size_t size() const { return size_; }

 private:
  using Turn = CallerRecord::Turn;
  using Ring = LinkedList<Turn, &Turn::among_turns>;

  struct Found {
    ByteCharge* charge = nullptr;
    Room room = Room::kNone;
  };
  // Returns the first whose connection and caller have not their share already.
  static Found FirstOf(Ring& ring, absl::FunctionRef<Room(ByteCharge&)> room);
  Found First(absl::FunctionRef<Room(ByteCharge&)> room);

  std::array<Ring, 2> rings_;  // as ConnectionRecord::turns
  size_t size_ = 0;
  int passed_ = 0;  // short ones since a long one was taken, while one waited
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_WAITING_CHARGES_H_
