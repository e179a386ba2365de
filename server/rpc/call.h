#ifndef LOSSD_SERVER_RPC_CALL_H_
#define LOSSD_SERVER_RPC_CALL_H_

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/rpc/call_notes.h"
#include "server/rpc/call_work.h"
#include "server/rpc/caller.h"
#include "server/rpc/wire/received_bytes.h"
#include "server/rpc/wire/sent_bytes.h"

namespace lossd::rpc {

// A call as every transport makes it: the bytes of a request in, the bytes of a response out.

// The answer to a message.
struct StreamAnswer {
  // Of a stream, to be sent in any case: an error has a message of its own, and the stream goes on.
  SentBytes message;
  // How the message was answered, as the handler said it.
  absl::Status status;
};

// What is left of answering a message where that waits for others, such as a store of runs.
struct Rest {
  // The rests of one line are run one at a time, in the order in which they were left; those of
  // the empty one beside each other.
  std::string line = {};
  // Returns the answer. Empty: nothing is left. Never throws.
  std::function<StreamAnswer()> run = nullptr;
};

// The facts about a call that its method may ask for while it runs.
struct CallContext {
  // Returns true when nobody waits for the answer any more: the client cancelled the call or went
  // away, or its deadline passed. Cheap, callable from any thread while the method runs; never
  // empty when a transport makes the call.
  std::function<bool()> cancelled = [] { return false; };

  // Asks the transport whether the call may take `work` beside what it was given before, which adds
  // up to the end of the call. A method asks at the latest when it has decoded a message, before it
  // computes or takes memory for the answer; before that where decoding itself takes memory. On an
  // error it takes nothing, and answers with that error: the call does not fit now, or not on this
  // thread, and may be run again. Never empty. Called on the thread that runs the method.
  std::function<absl::Status(const CallWork& work)> admit = [](const CallWork&) {
    return absl::OkStatus();
  };

  // Where the method notes what it found in the request, once that is decoded; null if nobody asks.
  CallNotes* notes = nullptr;

  // Who makes the call; null if no filter knows. Lives as long as the method runs.
  const Caller* caller = nullptr;

  // Where the method leaves what waits for others, for a thread that may be held up. What it
  // returns then is not the answer; the context's functions and the caller live until the rest has
  // run. Null: the method waits itself.
  Rest* rest = nullptr;
};

// Answers a call with one message each way. Gives up the request's memory as soon as it was read.
// Never throws: an exception of a handler is an INTERNAL error. Called from several threads at
// once.
using UnaryMethod =
    std::function<absl::StatusOr<SentBytes>(ReceivedBytes request, const CallContext& context)>;

// Answers the messages of a stream one by one, under the conditions of UnaryMethod.
struct StreamMethod {
  std::function<StreamAnswer(ReceivedBytes request, const CallContext& context)> answer;
  // Returns the answer to a message that the transport does not let through, for reason `refused`.
  std::function<SentBytes(const ReceivedBytes& request, const absl::Status& refused)> refuse;
};

// Nothing is to be sent now: ask again after `delay`.
struct AskLater {
  absl::Duration delay;
};
// Everything was sent.
struct LastWasSent {};

// Makes the answers of one call, one after the other. It may be asked from another thread each
// time, and goes away on any.
class AnswerSource {
 public:
  using Next = std::variant<SentBytes, AskLater, LastWasSent>;

  virtual ~AnswerSource() = default;

  // Returns what comes next. Asked when the answer before it has left for the client, on a thread
  // that may be held up. An error ends the call, but for one of `context.admit`: it changes
  // nothing, and Make is called again.
  virtual absl::StatusOr<Next> Make(const CallContext& context) = 0;
};

// Answers one message with many, under the conditions of UnaryMethod, but on threads that may be
// held up.
struct AnswersMethod {
  std::function<absl::StatusOr<std::unique_ptr<AnswerSource>>(ReceivedBytes request,
                                                              const CallContext& context)>
      open;
};

// The kind of a method, and the function or functions that answer its messages.
using Method = std::variant<UnaryMethod, StreamMethod, AnswersMethod>;

// A method under its full name, such as "lossd.v1.LossService/Compute".
struct MethodRow {
  std::string name;
  Method method;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALL_H_
