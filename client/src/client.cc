#include "lossd/client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/call/ask.h"
#include "client/src/call/connection.h"
#include "client/src/call/stream_session.h"
#include "client/src/chunks/batch_completion.h"
#include "client/src/chunks/chunk.h"
#include "client/src/chunks/chunked_compute.h"
#include "client/src/chunks/whole_batch.h"
#include "client/src/convert/compute_decoding.h"
#include "client/src/convert/destinations.h"
#include "client/src/convert/request_encoding.h"
#include "client/src/convert/response_decoding.h"
#include "client/src/status.h"
#include "client/src/wire/message_pieces.h"
#include "client/src/wire/received_response.h"

namespace lossd {
namespace {

using client::Ask;
using client::Connection;
using client::MessagePieces;

template <typename T>
absl::StatusOr<Result<T>> ComputeOn(const Connection& connection, const ArrayView<T>& logits,
                                    const Labels& labels, const LossSpec& loss,
                                    const ComputeOptions& options, const CallOptions& call) {
  const auto request = client::EncodeCompute(logits, labels, loss, options);
  if (!request.ok()) return request.status();
  const auto destinations = client::FindDestinations<T>(logits.shape(), loss.activation, options);
  if (!destinations.ok()) return destinations.status();
  absl::StatusOr<grpc::ByteBuffer> bytes = connection.Call("Compute", *request, call);
  if (!bytes.ok()) return bytes.status();
  const auto response = client::ReadComputeResponse(*bytes);
  if (!response.ok()) return response.status();
  return client::DecodeCompute<T>(*response, options.outputs, *destinations);
}

template <typename T>
absl::StatusOr<CompareResult> CompareOn(const Connection& connection, const ArrayView<T>& logits,
                                        const Labels& labels, absl::Span<const LossSpec> losses,
                                        const CompareOptions& options, const CallOptions& call) {
  const auto response = Ask<v1::CompareResponse>(
      connection, "Compare", client::EncodeCompare(logits, labels, losses, options), call);
  if (!response.ok()) return response.status();
  return client::DecodeCompare(*response, losses.size(), options);
}

absl::StatusOr<ClassWeightsResult> ClassWeightsOn(const Connection& connection,
                                                  const absl::StatusOr<MessagePieces>& request,
                                                  const CallOptions& call) {
  const auto response =
      Ask<v1::ComputeClassWeightsResponse>(connection, "ComputeClassWeights", request, call);
  if (!response.ok()) return response.status();
  return client::DecodeClassWeights(*response);
}

absl::StatusOr<Information> InformationOn(const Connection& connection,
                                          const absl::StatusOr<MessagePieces>& request,
                                          const CallOptions& call) {
  const auto response =
      Ask<v1::MeasureInformationResponse>(connection, "MeasureInformation", request, call);
  if (!response.ok()) return response.status();
  return client::DecodeInformation(*response);
}

// Returns how many batches may be on their way at once: `asked`, or the server's limit if lower.
absl::StatusOr<int32_t> WindowOn(const Client& client, std::optional<int32_t> asked,
                                 const CallOptions& call) {
  if (asked && *asked < 1) {
    return client::InvalidField("window", absl::StrCat("= ", *asked, ", expected >= 1"));
  }
  const absl::StatusOr<ServerInfo> server = client.GetServerInfo(call);
  if (!server.ok()) return server.status();
  const int32_t most = std::max(1, server->max_stream_window);
  return std::min(asked.value_or(most), most);
}

// Returns the number of rows of a chunk. The batch must have rows.
int64_t ChunkRows(const Shape& logits, size_t bytes, const ChunkOptions& chunks) {
  const int64_t bytes_per_row = static_cast<int64_t>(bytes) / logits.front();
  return std::max<int64_t>(1, chunks.chunk_bytes / std::max<int64_t>(1, bytes_per_row));
}

// Returns INVALID_ARGUMENT for errors that can be found before anything is sent.
template <typename T>
absl::Status CheckChunkable(const ArrayView<T>& logits, const Labels& labels, const LossSpec& loss,
                            const ComputeOptions& options, const ChunkOptions& chunks) {
  if (chunks.chunk_bytes < 1) {
    return client::InvalidField("chunk_bytes",
                                absl::StrCat("= ", chunks.chunk_bytes, ", expected >= 1"));
  }
  absl::Status status = client::EncodeCompute(logits, labels, loss, options).status();
  return status.ok() ? client::CheckSplittable(logits.shape(), labels, loss, options) : status;
}

template <typename T>
absl::StatusOr<Result<T>> ComputeChunkedOn(const Client& client,
                                           const std::shared_ptr<const Connection>& connection,
                                           const ArrayView<T>& logits, const Labels& labels,
                                           LossSpec loss, ComputeOptions options,
                                           const ChunkOptions& chunks, const CallOptions& call) {
  const absl::Time start = absl::Now();
  absl::Status status = CheckChunkable(logits, labels, loss, options, chunks);
  if (!status.ok()) return status;
  const auto destinations = client::FindDestinations<T>(logits.shape(), loss.activation, options);
  if (!destinations.ok()) return destinations.status();
  const auto deadline = connection->DeadlineOf(call);
  if (!deadline.ok()) return deadline.status();
  const int64_t rows = logits.shape().front();
  const int64_t chunk_rows =
      rows == 0 ? 1 : ChunkRows(logits.shape(), logits.values().size() * sizeof(T), chunks);
  const auto cut = client::CutRows(rows, chunk_rows, options.sequence_lengths);
  if (!cut.ok()) return cut.status();
  if (cut->size() <= 1) return ComputeOn(*connection, logits, labels, loss, options, call);
  const absl::StatusOr<int32_t> window = WindowOn(client, chunks.window, call);
  if (!window.ok()) return window.status();
  status = client::CompleteForChunks(*connection, logits.shape(), labels, call, loss, options);
  if (!status.ok()) return status;
  const absl::Duration left = std::max(absl::Milliseconds(1), *deadline - (absl::Now() - start));
  return client::ComputeInChunks<T>(connection, {logits, labels, loss, options, *destinations},
                                    *cut, {*window, left});
}

}  // namespace

absl::StatusOr<Client> Client::Create(const ClientOptions& options) {
  if (absl::Status status = client::CheckOptions(options); !status.ok()) return status;
  return Client(std::make_shared<const Connection>(options));
}

Client::Client(std::shared_ptr<const Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

absl::StatusOr<Result<float>> Client::Compute(const ArrayView<float>& logits, const Labels& labels,
                                              const LossSpec& loss, const ComputeOptions& options,
                                              const CallOptions& call) const {
  return ComputeOn(*connection_, logits, labels, loss, options, call);
}

absl::StatusOr<Result<double>> Client::Compute(const ArrayView<double>& logits,
                                               const Labels& labels, const LossSpec& loss,
                                               const ComputeOptions& options,
                                               const CallOptions& call) const {
  return ComputeOn(*connection_, logits, labels, loss, options, call);
}

absl::StatusOr<Result<float>> Client::ComputeChunked(const ArrayView<float>& logits,
                                                     const Labels& labels, const LossSpec& loss,
                                                     const ComputeOptions& options,
                                                     const ChunkOptions& chunks,
                                                     const CallOptions& call) const {
  return ComputeChunkedOn(*this, connection_, logits, labels, loss, options, chunks, call);
}

absl::StatusOr<Result<double>> Client::ComputeChunked(const ArrayView<double>& logits,
                                                      const Labels& labels, const LossSpec& loss,
                                                      const ComputeOptions& options,
                                                      const ChunkOptions& chunks,
                                                      const CallOptions& call) const {
  return ComputeChunkedOn(*this, connection_, logits, labels, loss, options, chunks, call);
}

template <typename T>
absl::StatusOr<Stream<T>> Client::OpenStream(const StreamOptions& options,
                                             const CallOptions& call) const {
  const absl::StatusOr<absl::Duration> patience = connection_->DeadlineOf(call);
  if (!patience.ok()) return patience.status();
  const absl::StatusOr<int32_t> window = WindowOn(*this, options.window, call);
  if (!window.ok()) return window.status();
  typename client::StreamSession<T>::Limits limits;
  limits.window = *window;
  limits.patience = *patience;
  return Stream<T>(std::make_unique<client::StreamSession<T>>(connection_, limits));
}

template absl::StatusOr<Stream<float>> Client::OpenStream(const StreamOptions&,
                                                          const CallOptions&) const;
template absl::StatusOr<Stream<double>> Client::OpenStream(const StreamOptions&,
                                                           const CallOptions&) const;

absl::StatusOr<CompareResult> Client::Compare(const ArrayView<float>& logits, const Labels& labels,
                                              absl::Span<const LossSpec> losses,
                                              const CompareOptions& options,
                                              const CallOptions& call) const {
  return CompareOn(*connection_, logits, labels, losses, options, call);
}

absl::StatusOr<CompareResult> Client::Compare(const ArrayView<double>& logits, const Labels& labels,
                                              absl::Span<const LossSpec> losses,
                                              const CompareOptions& options,
                                              const CallOptions& call) const {
  return CompareOn(*connection_, logits, labels, losses, options, call);
}

absl::StatusOr<ClassWeightsResult> Client::ComputeClassWeights(const Labels& labels,
                                                               const ClassWeightsOptions& options,
                                                               const CallOptions& call) const {
  return ClassWeightsOn(*connection_, client::EncodeClassWeights(labels, options), call);
}

absl::StatusOr<ClassWeightsResult> Client::ComputeClassWeightsFromCounts(
    absl::Span<const double> counts, const ClassWeightsOptions& options,
    const CallOptions& call) const {
  return ClassWeightsOn(*connection_, client::EncodeClassWeightsFromCounts(counts, options), call);
}

absl::StatusOr<Information> Client::MeasureInformation(const ArrayView<double>& p,
                                                       const InformationOptions& options,
                                                       const CallOptions& call) const {
  return InformationOn(*connection_, client::EncodeInformation(p, nullptr, options), call);
}

absl::StatusOr<Information> Client::MeasureInformation(const ArrayView<double>& p,
                                                       const ArrayView<double>& q,
                                                       const InformationOptions& options,
                                                       const CallOptions& call) const {
  return InformationOn(*connection_, client::EncodeInformation(p, &q, options), call);
}

absl::StatusOr<std::vector<LossInfo>> Client::ListLosses(const CallOptions& call) const {
  const auto response =
      Ask<v1::ListLossesResponse>(*connection_, "ListLosses", MessagePieces(), call);
  if (!response.ok()) return response.status();
  return client::DecodeCatalogue(*response);
}

absl::StatusOr<ServerInfo> Client::GetServerInfo(const CallOptions& call) const {
  const auto response =
      Ask<v1::GetServerInfoResponse>(*connection_, "GetServerInfo", MessagePieces(), call);
  if (!response.ok()) return response.status();
  return client::DecodeServerInfo(*response);
}

}  // namespace lossd
