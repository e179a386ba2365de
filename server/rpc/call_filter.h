#ifndef LOSSD_SERVER_RPC_CALL_FILTER_H_
#define LOSSD_SERVER_RPC_CALL_FILTER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/call_notes.h"
#include "server/rpc/caller.h"

namespace lossd::rpc {

// The facts about a call that are known when it arrives. Those that take time to find are found
// when they are asked for. Valid as long as the filter's function runs.
class CallInfo {
 public:
  // Returns the method's full name, such as "lossd.v1.LossService/Compute".
  virtual absl::string_view method() const = 0;
  // Returns the client's address as the transport writes it, such as "ipv4:127.0.0.1:51234".
  virtual std::string Peer() const = 0;
  // Returns what the client sent beside the request under `key`, which is in lower case, such as
  // "authorization": the first value, if there are several; nullopt when it sent nothing there.
  virtual std::optional<absl::string_view> Metadata(absl::string_view key) const = 0;
  // Returns how many values the client sent under `key`.
  virtual size_t MetadataCount(absl::string_view key) const { return Metadata(key) ? 1 : 0; }
  // Returns who makes the call, as a filter's Identify() said; null if none knows.
  virtual const Caller* caller() const { return nullptr; }
  // Returns the call's name, which the client gets with its end; empty if no filter wants ids.
  virtual absl::string_view Id() const { return {}; }
  // Returns what the method noted of the request, or of the last valid message of a stream; empty
  // if no filter wants notes. In Ended() alone.
  virtual CallNotes Notes() const { return {}; }

 protected:
  ~CallInfo() = default;
};

// The sizes and times of a call, or of a message of a stream.
struct CallCosts {
  // Serialized messages; 0 for what was never read or never made.
  int64_t request_bytes = 0;
  int64_t response_bytes = 0;
  // Messages that were answered, and those of them that were answered with an error.
  int64_t messages = 0;
  int64_t failed_messages = 0;
  // From when a request had arrived until it began to be computed, and from then until its response
  // was made. Measured if one of the filters wants times, else 0.
  std::chrono::nanoseconds queued{};
  std::chrono::nanoseconds computing{};
  // From the call's arrival to its end; of a message 0. Measured as the others are.
  std::chrono::nanoseconds lasted{};

  CallCosts& operator+=(const CallCosts& other) {
    request_bytes += other.request_bytes;
    response_bytes += other.response_bytes;
    messages += other.messages;
    failed_messages += other.failed_messages;
    queued += other.queued;
    computing += other.computing;
    lasted += other.lasted;
    return *this;
  }
};

// Is asked when a call of the service, or of server reflection, arrives and told when it has ended:
// authentication, metrics and logs are filters. Every transport calls the filters that it was
// given, in their order, for each call:
//
//   Identify(), once, and then Arrived(), once;
//   MessageArrived(), once for each message of a stream whose caller is known, and before each
//     answer of a call that has many to one message;
//   MessageAnswered(), once for each message of a stream of the service, and each such answer;
//   Ended(), once.
//
// A transport may call a filter from several threads at once. What a filter does in its functions,
// the calls wait for. An exception of a function that may refuse a call refuses it with INTERNAL;
// those of the others are dropped.
class CallFilter {
 public:
  virtual ~CallFilter() = default;

  // Returns who makes the call, null if this filter cannot tell, or an error to refuse the call,
  // whose request is then not read. All filters are asked before any other function is called.
  virtual absl::StatusOr<std::shared_ptr<const Caller>> Identify(const CallInfo& /*call*/) {
    return nullptr;
  }

  // Returns an error to refuse the call, whose request is then not read. Every filter is asked,
  // also after one has refused; the client gets the first error.
  virtual absl::Status Arrived(const CallInfo& /*call*/) { return absl::OkStatus(); }

  // Returns an error to end a stream when a message of it has arrived, or is to be made. That one
  // is dropped; those before it are answered first.
  virtual absl::Status MessageArrived(const CallInfo& /*call*/) { return absl::OkStatus(); }

  // Is told of a message of a stream whose answer is made and about to be sent. `status` is what
  // the handler or the transport said, which may hold more than the client sees. Is not told of
  // messages whose stream was cancelled meanwhile: they end with the call. Nor of a message that is
  // read after the server has begun to drain, which is dropped. `notes` are what the method noted
  // of this message, as Notes() has them.
  virtual void MessageAnswered(const CallInfo& /*call*/, const absl::Status& /*status*/,
                               const CallCosts& /*costs*/, const CallNotes& /*notes*/) {}

  // Is told of every call that arrived, also one that was refused, when nothing more happens in it.
  // `status` is as above, OK if the call ended well; an error of one message of a stream is not one
  // of the call. The costs of a stream are the sums over its messages.
  virtual void Ended(const CallInfo& /*call*/, const absl::Status& /*status*/,
                     const CallCosts& /*costs*/) {}

  // Returns true if the filter reads the times of CallCosts, which take several looks at a clock.
  // Asked once, when the transport starts.
  virtual bool WantsTimes() const { return false; }

  // Returns true if the filter reads notes, which take time to make. Asked once, as well.
  virtual bool WantsNotes() const { return false; }

  // Returns true if the filter reads Id(), which takes time to make and to send. Asked once, too.
  virtual bool WantsIds() const { return false; }
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALL_FILTER_H_
