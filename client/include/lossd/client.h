#ifndef LOSSD_CLIENT_H_
#define LOSSD_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "lossd/array_view.h"
#include "lossd/catalogue.h"
#include "lossd/chunks.h"
#include "lossd/class_weights.h"
#include "lossd/compare.h"
#include "lossd/compute.h"
#include "lossd/information.h"
#include "lossd/loss_spec.h"
#include "lossd/options.h"
#include "lossd/runs.h"
#include "lossd/stream.h"

namespace lossd {

namespace client {
class Connection;
}  // namespace client

// The connections to a lossd server: one for calls and one for streams, each made when it is first
// used.
//
//   absl::StatusOr<lossd::Client> client = lossd::Client::Create({"localhost:50051"});
//   if (!client.ok()) return client.status();
//   lossd::ComputeOptions options;
//   options.reduction = lossd::Reduction::kMean;
//   options.outputs.gradient = true;
//   auto result = client->Compute(logits, labels, lossd::LossSpec{lossd::Focal{2.0}}, options);
//
// Logits are xtensor containers of float or double, or ArrayViews of other memory, of shape
//   [N, C]            softmax or sigmoid
//   [N]               sigmoid
//   [N, d1, ..., C]   or [N, C, d1, ...] with class_axis 1
// and with Activation::kLogProbability log-probabilities of any shape.
// Results have the logits' element type, and are computed in it.
//
// Every call has a deadline. A failed call returns the server's code and message, and its details,
// which the functions of lossd/error.h read:
//   INVALID_ARGUMENT     the request breaks a rule; a shape that does not fit its values is found
//                        before anything is sent
//   UNIMPLEMENTED        this server does not know the loss or an option
//   UNAUTHENTICATED      the server asks for a token, and has not got one that it knows
//   RESOURCE_EXHAUSTED   the request or its answer is over a size limit, which the error names
//   UNAVAILABLE          no server there, or an overloaded one; the error names a proxy on the way.
//                        With TLS, a certificate that the other side does not take
//   DEADLINE_EXCEEDED    no answer in time; the server stops working on it
//   INTERNAL             the server failed, or its answer is not what was asked for
// The client repeats no call.
//
// Large arrays are sent without a copy. Nothing reads them after a call has returned, however it
// ended. When bytes are stuck in a TCP connection, a call may return as late as
// ClientOptions::stall_timeout after they got stuck, even if its deadline was earlier.
//
// Thread-safe: any number of threads may call one client at once. Calls block. The client must not
// be moved or destroyed during a call. A moved-from client may only be assigned to or destroyed.
class Client {
 public:
  // Makes a client. Returns INVALID_ARGUMENT when an option is outside its range. The client
  // connects at the first call, so that a server that is not there yet is no error here.
  static absl::StatusOr<Client> Create(const ClientOptions& options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // Returns the losses of one batch, and the outputs that `options.outputs` asks for beside them.
  absl::StatusOr<Result<float>> Compute(const ArrayView<float>& logits, const Labels& labels,
                                        const LossSpec& loss = {},
                                        const ComputeOptions& options = {},
                                        const CallOptions& call = {}) const;
  absl::StatusOr<Result<double>> Compute(const ArrayView<double>& logits, const Labels& labels,
                                         const LossSpec& loss = {},
                                         const ComputeOptions& options = {},
                                         const CallOptions& call = {}) const;

  // Does the same for a batch of any size. Cuts it into chunks of rows along the first axis and
  // sends them over one stream, several at once, from a thread that lives as long as the call. No
  // message is larger than a chunk, and the server computes one chunk while the next one travels.
  //
  // Per-sample arrays are the same bits as Compute's: a row's results depend on no other row, and
  // the divisor of a mean is that of the whole batch. `loss_sum` and `weight_sum` are those of the
  // chunks, added in double in the order of the rows, so that they may differ from Compute's in the
  // last bits and are always the same for the same chunks; `loss` is `loss_sum` over that divisor.
  // Counts are exact. Class statistics and difficulty are merged: their sums, shares and means
  // agree with Compute's as sums of doubles in another order do. Shares of the gradient come from
  // the gradient that was sent back; in float they agree to 2⁻²² where it does not underflow.
  // `applied` is that of each chunk, where a scheme without counts has those of the batch.
  // Sequences that are read stay whole: those of the last axis by themselves, those of a packed
  // batch because a chunk is cut where they end. One that is larger than a message is
  // RESOURCE_EXHAUSTED. Counts and extremes of policy statistics are exact, their means those of
  // the chunks' means.
  //
  // Returns INVALID_ARGUMENT, before anything is sent, for options that need the whole batch in one
  // request: mining; a scheme without counts beside other labels than softmax's integers;
  // statistics without `outputs.gradient`, or with an upstream gradient. The error names the
  // option. Errors about rows name the rows of the batch.
  absl::StatusOr<Result<float>> ComputeChunked(const ArrayView<float>& logits, const Labels& labels,
                                               const LossSpec& loss = {},
                                               const ComputeOptions& options = {},
                                               const ChunkOptions& chunks = {},
                                               const CallOptions& call = {}) const;
  absl::StatusOr<Result<double>> ComputeChunked(const ArrayView<double>& logits,
                                                const Labels& labels, const LossSpec& loss = {},
                                                const ComputeOptions& options = {},
                                                const ChunkOptions& chunks = {},
                                                const CallOptions& call = {}) const;

  // Opens a stream of batches of T, float or double. Asks the server for its largest window. `call`
  // sets how long each Send and Receive may wait; the stream itself has no deadline.
  template <typename T>
  absl::StatusOr<Stream<T>> OpenStream(const StreamOptions& options = {},
                                       const CallOptions& call = {}) const;

  // Compares 1 to 32 losses on the same batch.
  absl::StatusOr<CompareResult> Compare(const ArrayView<float>& logits, const Labels& labels,
                                        absl::Span<const LossSpec> losses,
                                        const CompareOptions& options = {},
                                        const CallOptions& call = {}) const;
  absl::StatusOr<CompareResult> Compare(const ArrayView<double>& logits, const Labels& labels,
                                        absl::Span<const LossSpec> losses,
                                        const CompareOptions& options = {},
                                        const CallOptions& call = {}) const;

  // Counts how often each class occurs, and computes the weights that follow. Integer labels are
  // classes ≥ 0, one per sample; floating-point ones are targets [N, C], which are summed.
  absl::StatusOr<ClassWeightsResult> ComputeClassWeights(const Labels& labels,
                                                         const ClassWeightsOptions& options = {},
                                                         const CallOptions& call = {}) const;

  // Does the same with known counts, one per class. `options.sample_weights` must be none.
  absl::StatusOr<ClassWeightsResult> ComputeClassWeightsFromCounts(
      absl::Span<const double> counts, const ClassWeightsOptions& options = {},
      const CallOptions& call = {}) const;

  // Returns the entropy of the rows of p, which has shape [N, K] or [K].
  absl::StatusOr<Information> MeasureInformation(const ArrayView<double>& p,
                                                 const InformationOptions& options = {},
                                                 const CallOptions& call = {}) const;

  // Returns the same, and how far the rows of q, which has p's shape, are from those of p.
  absl::StatusOr<Information> MeasureInformation(const ArrayView<double>& p,
                                                 const ArrayView<double>& q,
                                                 const InformationOptions& options = {},
                                                 const CallOptions& call = {}) const;

  // Returns a training run, with a curve of at most `max_points`, 1 to 512. NOT_FOUND: there is no
  // such run, as for the calls below. FAILED_PRECONDITION: the server keeps none.
  absl::StatusOr<Run> GetRun(const std::string& run, int32_t max_points = 512,
                             const CallOptions& call = {}) const;

  // Returns some of the runs, by their names.
  absl::StatusOr<RunPage> ListRuns(const PageOptions& page = {},
                                   const CallOptions& call = {}) const;

  // Forgets a run, with all of its samples.
  absl::Status DeleteRun(const std::string& run, const CallOptions& call = {}) const;

  // Returns some samples of a run, in an order.
  absl::StatusOr<RunSamplePage> ListRunSamples(const std::string& run,
                                               const RunSampleOptions& options = {},
                                               const CallOptions& call = {}) const;

  // Calls `take` with all samples of a run, each once, some thousands at a time. The deadline is
  // that of the whole call. After an error some samples may have been taken.
  absl::Status ExportRunSamples(const std::string& run,
                                const std::function<void(absl::Span<const RunSample>)>& take,
                                const CallOptions& call = {}) const;

  // Calls `see` with a run as it is, and again whenever it has changed, `min_interval` apart at
  // least, 100 ms to 1 h. Returns OK when `see` has returned false, else how the server ended the
  // watch: NOT_FOUND when the run is deleted, UNAVAILABLE when the server shuts down. There is no
  // deadline unless `call` sets one.
  absl::Status WatchRun(const std::string& run, absl::Duration min_interval,
                        const std::function<bool(const Run&)>& see,
                        const CallOptions& call = {}) const;

  // Returns the losses that the server computes.
  absl::StatusOr<std::vector<LossInfo>> ListLosses(const CallOptions& call = {}) const;

  // Returns the server's version and limits.
  absl::StatusOr<ServerInfo> GetServerInfo(const CallOptions& call = {}) const;

 private:
  explicit Client(std::shared_ptr<const client::Connection> connection);

  std::shared_ptr<const client::Connection> connection_;
};

}  // namespace lossd

#endif  // LOSSD_CLIENT_H_
