#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "client/src/call/answers.h"
#include "client/src/call/ask.h"
#include "client/src/call/connection.h"
#include "client/src/convert/run_decoding.h"
#include "client/src/wire/message_pieces.h"
#include "client/src/wire/received_response.h"
#include "google/protobuf/message_lite.h"
#include "lossd/client.h"
#include "lossd/v1/runs.pb.h"

namespace lossd {
namespace {

using client::Ask;
using client::Connection;
using client::MessagePieces;

MessagePieces Pieces(const google::protobuf::MessageLite& request) {
  MessagePieces pieces;
  pieces.AppendFields(request);
  return pieces;
}

// Calls `take` with each answer, which returns whether another one is wanted.
template <typename Response, typename Take>
absl::Status AskForMany(const Connection& connection, const char* method,
                        const MessagePieces& request, absl::Duration deadline, const Take& take) {
  return client::ForEachAnswer(connection, method, request, deadline,
                               [&](const grpc::ByteBuffer& bytes) -> absl::StatusOr<bool> {
                                 Response response;
                                 absl::Status status = client::ParseResponse(bytes, response);
                                 if (!status.ok()) return status;
                                 return take(response);
                               });
}

}  // namespace

absl::StatusOr<Run> Client::GetRun(const std::string& run, int32_t max_points,
                                   const CallOptions& call) const {
  v1::GetRunRequest request;
  request.set_run(run);
  request.set_max_points(max_points);
  const auto response =
      Ask<v1::GetRunResponse>(*connection_, "RunService/GetRun", Pieces(request), call);
  if (!response.ok()) return response.status();
  return client::DecodeRun(response->run());
}

absl::StatusOr<RunPage> Client::ListRuns(const PageOptions& page, const CallOptions& call) const {
  v1::ListRunsRequest request;
  request.set_page_size(page.size);
  request.set_page_token(page.token);
  auto response =
      Ask<v1::ListRunsResponse>(*connection_, "RunService/ListRuns", Pieces(request), call);
  if (!response.ok()) return response.status();
  RunPage found;
  for (const v1::Run& run : response->runs()) found.runs.push_back(client::DecodeRun(run));
  found.next_page_token = std::move(*response->mutable_next_page_token());
  return found;
}

absl::Status Client::DeleteRun(const std::string& run, const CallOptions& call) const {
  v1::DeleteRunRequest request;
  request.set_run(run);
  return Ask<v1::DeleteRunResponse>(*connection_, "RunService/DeleteRun", Pieces(request), call)
      .status();
}

absl::StatusOr<RunSamplePage> Client::ListRunSamples(const std::string& run,
                                                     const RunSampleOptions& options,
                                                     const CallOptions& call) const {
  v1::ListRunSamplesRequest request;
  request.set_run(run);
  request.set_order_by(client::EncodeSampleOrder(options.order));
  if (options.class_id) request.set_class_id(*options.class_id);
  request.set_page_size(options.page.size);
  request.set_page_token(options.page.token);
  auto response = Ask<v1::ListRunSamplesResponse>(*connection_, "RunService/ListRunSamples",
                                                  Pieces(request), call);
  if (!response.ok()) return response.status();
  RunSamplePage found;
  for (const v1::RunSample& sample : response->samples()) {
    found.samples.push_back(client::DecodeRunSample(sample));
  }
  found.next_page_token = std::move(*response->mutable_next_page_token());
  return found;
}

absl::Status Client::ExportRunSamples(const std::string& run,
                                      const std::function<void(absl::Span<const RunSample>)>& take,
                                      const CallOptions& call) const {
  const absl::StatusOr<absl::Duration> deadline = connection_->DeadlineOf(call);
  if (!deadline.ok()) return deadline.status();
  v1::ExportRunSamplesRequest request;
  request.set_run(run);
  return AskForMany<v1::ExportRunSamplesResponse>(
      *connection_, "RunService/ExportRunSamples", Pieces(request), *deadline,
      [&](const v1::ExportRunSamplesResponse& response) -> absl::StatusOr<bool> {
        const auto samples = client::DecodeColumns(response);
        if (!samples.ok()) return samples.status();
        take(*samples);
        return true;
      });
}

absl::Status Client::WatchRun(const std::string& run, absl::Duration min_interval,
                              const std::function<bool(const Run&)>& see,
                              const CallOptions& call) const {
  absl::StatusOr<absl::Duration> deadline = absl::InfiniteDuration();
  if (call.deadline) deadline = connection_->DeadlineOf(call);
  if (!deadline.ok()) return deadline.status();
  v1::WatchRunRequest request;
  request.set_run(run);
  request.mutable_min_interval()->set_seconds(absl::ToInt64Seconds(min_interval));
  request.mutable_min_interval()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(min_interval % absl::Seconds(1))));
  return AskForMany<v1::WatchRunResponse>(
      *connection_, "RunService/WatchRun", Pieces(request), *deadline,
      [&](const v1::WatchRunResponse& response) -> absl::StatusOr<bool> {
        return see(client::DecodeRun(response.run()));
      });
}

}  // namespace lossd
