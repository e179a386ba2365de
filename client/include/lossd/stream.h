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
  // How many batches may be on their way at once, sent but not yet answered. At least 1. Unset, or
  // above the server's limit: the server's limit.
  std::optional<int32_t> window = std::nullopt;
};

// Many batches in flight to one server. Answers come in the order of the batches. Small batches
// gain much: the next one travels while one is computed.
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
// ends it: every later Send and Receive returns it, and status() too.
//
// Send and Receive wait as long as a call of the client may take. A longer wait for the server ends
// the stream with DEADLINE_EXCEEDED.
//
// One thread may send while another receives; no more threads may use it at once. Destroying the
// stream cancels the batches in flight. It must not be destroyed or moved while another thread uses
// it. T is float or double.
template <typename T>
class Stream {
 public:
  explicit Stream(std::unique_ptr<client::StreamSession<T>> session);
  Stream(Stream&&) noexcept;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();

  // Returns how many batches may be on their way at once.
  int32_t window() const;

  // Sends a batch, as Client::Compute does. Waits while the window is full, until another thread
  // receives. A caller with one thread must receive before the window is full, else this returns
  // DEADLINE_EXCEEDED. The arrays are not read after it has returned; `options.memory` must outlive
  // the batch's Receive. INVALID_ARGUMENT and RESOURCE_EXHAUSTED concern this batch alone, which
  // was not sent. FAILED_PRECONDITION: sending was closed.
  absl::Status Send(const ArrayView<T>& logits, const Labels& labels, const LossSpec& loss = {},
                    const ComputeOptions& options = {});

  // Returns the answer to the first batch that has none yet. Waits for it, and for the batch to be
  // sent. OUT_OF_RANGE: sending was closed, and every answer has been received.
  absl::StatusOr<Result<T>> Receive();

  // Tells the server that no further batch comes. Called by the sending thread.
  absl::Status CloseSending();

  // Closes sending, drops the answers that were not received, and waits for the server to end the
  // stream. Returns OK when it ended well. No other thread may send or receive meanwhile.
  absl::Status Finish();

  // Returns why the stream ended, OK while it goes on or when it ended well.
  absl::Status status() const;

 private:
  std::unique_ptr<client::StreamSession<T>> session_;
};

extern template class Stream<float>;
extern template class Stream<double>;

}  // namespace lossd

#endif  // LOSSD_STREAM_H_
