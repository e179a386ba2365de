#ifndef LOSSD_STREAM_H_
#define LOSSD_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lossd/array_view.h"
#include "lossd/compute.h"
#include "lossd/loss_spec.h"

namespace lossd {

namespace client {
template <typename T>
class StreamSession;
}  // namespace client

struct StreamOptions {
  // How many batches may be on their way at once: sent, and their answers not yet received. At
  // least
  // 1. Unset, or more than the server takes: what the server takes.
  std::optional<int32_t> window = std::nullopt;
};

// Many batches in flight to one server. Answers come in the order of the batches. Small batches
// gain much by it: the next one travels while one is computed.
//
//   absl::StatusOr<lossd::Stream<float>> stream = client->OpenStream<float>();
//   for (size_t i = 0; i < batches.size() + ahead; ++i) {
//     if (i < batches.size()) status = stream->Send(batches[i].logits, batches[i].labels, loss);
//     if (i >= ahead) result = stream->Receive();
//   }
//   status = stream->Finish();
//
// A batch that the server refuses is an error of its own Receive, and the stream goes on. An error
// of the stream itself (the connection fails, the server shuts down, an answer is not the one due)
// ends it: every later Send and Receive says so, and status() too.
//
// No wait is for ever: Send and Receive wait as long as a call of the client's may take. A wait for
// the server that takes longer ends the stream with DEADLINE_EXCEEDED.
//
// One thread may send while another receives, and no more than that. Destroying the stream cancels
// what is in flight; neither that nor moving it may happen beside another call. T is float or
// double.
template <typename T>
class Stream {
 public:
  explicit Stream(std::unique_ptr<client::StreamSession<T>> session);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // How many batches may be on their way at once.
  int32_t window() const;

  // Sends a batch, as Client::Compute does. While the window is full it waits for the other thread
  // to receive; where there is no other, a caller counts, and DEADLINE_EXCEEDED tells who forgot.
  // The arrays are the caller's again when it returns; `options.memory` is with Receive.
  // INVALID_ARGUMENT and RESOURCE_EXHAUSTED are of this batch, which was not sent.
  // FAILED_PRECONDITION: after CloseSending.
  absl::Status Send(const ArrayView<T>& logits, const Labels& labels, const LossSpec& loss = {},
                    const ComputeOptions& options = {});

  // The answer to the first batch that has none yet; waits for it, and for the batch to be sent.
  // OUT_OF_RANGE: sending was closed, and every answer has been received.
  absl::StatusOr<Result<T>> Receive();

  // Tells the server that no further batch comes. The sending thread's.
  absl::Status CloseSending();

  // Closes sending, drops the answers that were not received, and waits for the server to end the
  // stream. OK when it ended well. No other thread sends or receives.
  absl::Status Finish();

  // Why the stream ended; OK while it goes on, or when it ended well.
  absl::Status status() const;

 private:
  std::unique_ptr<client::StreamSession<T>> session_;
};

extern template class Stream<float>;
extern template class Stream<double>;

}  // namespace lossd

#endif  // LOSSD_STREAM_H_
