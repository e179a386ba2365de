#include "server/observe/call_metrics.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "server/rpc/errors/status.h"

namespace lossd::observe {
namespace {

std::vector<std::string> NamesOf(const std::vector<KnownValues::Method>& methods) {
  std::vector<std::string> names;
  for (const KnownValues::Method& method : methods) names.push_back(method.name);
  return names;
}

std::vector<bool> WhichAreStreams(const std::vector<KnownValues::Method>& methods) {
  std::vector<bool> are;
  for (const KnownValues::Method& method : methods) are.push_back(method.is_stream);
  return are;
}

// Returns the label of a status, whose indexes are the codes.
Label StatusLabel() {
  constexpr int kCodes = static_cast<int>(absl::StatusCode::kUnauthenticated) + 1;
  std::vector<std::string> names;
  for (int code = 0; code < kCodes; ++code) {
    names.push_back(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  }
  return {"grpc_status", std::move(names)};
}

size_t IndexOf(absl::StatusCode code) { return static_cast<size_t>(code); }

// The reasons for which the server refuses what it could answer: its limits, its load and its end,
// and what filters say.
Label ReasonLabel() {
  return {"reason",
          {"OVERLOADED", "SHUTTING_DOWN", "LIMIT_EXCEEDED", "OUT_OF_MEMORY", "MISSING_TOKEN",
           "WRONG_TOKEN_SCHEME", "UNKNOWN_TOKEN", "UNAUTHENTICATED", "PERMISSION_DENIED",
           "RUN_NOT_RECORDED"}};
}

uint64_t Nanoseconds(std::chrono::nanoseconds time) {
  return static_cast<uint64_t>(std::max(time.count(), int64_t{0}));
}

uint64_t Unsigned(int64_t count) { return static_cast<uint64_t>(count); }

}  // namespace

CallMetrics::CallMetrics(const KnownValues& known, CallerCounters* callers)
    : callers_(callers),
      method_("grpc_method", NamesOf(known.methods)),
      loss_("loss", known.losses),
      data_type_("data_type", known.data_types),
      reason_(ReasonLabel()),
      is_stream_(WhichAreStreams(known.methods)),
      started_(metrics::kCallsStarted, Labels(method_)),
      duration_(metrics::kCallDuration, kTimeBuckets, Labels(method_, StatusLabel())),
      received_(metrics::kCallReceived, kSizeBuckets, Labels(method_, StatusLabel())),
      sent_(metrics::kCallSent, kSizeBuckets, Labels(method_, StatusLabel())),
      messages_(metrics::kMessages, Labels(method_, StatusLabel())),
      request_bytes_(metrics::kRequestBytes, kSizeBuckets, Labels(method_)),
      response_bytes_(metrics::kResponseBytes, kSizeBuckets, Labels(method_)),
      queued_(metrics::kQueueTime, kTimeBuckets, Labels(method_)),
      computing_(metrics::kComputeTime, kTimeBuckets, Labels(method_)),
      batches_(metrics::kBatches, Labels(loss_, data_type_)),
      rows_(metrics::kRows, Labels(loss_, data_type_)),
      non_finite_(metrics::kNonFiniteLosses, Labels(data_type_)),
      refused_(metrics::kRefused, Labels(reason_)) {}

absl::Status CallMetrics::Arrived(const rpc::CallInfo& call) {
  started_.Add(method_.IndexOf(call.method()));
  return absl::OkStatus();
}

void CallMetrics::MessageAnswered(const rpc::CallInfo& call, const absl::Status& status,
                                  const rpc::CallCosts& costs, const rpc::CallNotes& notes) {
  AddMessage(method_.IndexOf(call.method()), status, costs, notes, call.caller());
  if (!status.ok()) AddRefusal(status);
}

void CallMetrics::Ended(const rpc::CallInfo& call, const absl::Status& status,
                        const rpc::CallCosts& costs) {
  const size_t method = method_.IndexOf(call.method());
  const size_t series = duration_.labels().Series(method, IndexOf(status.code()));
  duration_.Add(series, Nanoseconds(costs.lasted));
  received_.Add(series, Unsigned(costs.request_bytes));
  sent_.Add(series, Unsigned(costs.response_bytes));
  if (!status.ok()) AddRefusal(status);
  if (!IsStream(method) && costs.messages > 0) {
    AddMessage(method, status, costs, call.Notes(), call.caller());
  }
  if (callers_ != nullptr && call.caller() != nullptr) callers_->AddCall(*call.caller());
}

void CallMetrics::AddMessage(size_t method, const absl::Status& status, const rpc::CallCosts& costs,
                             const rpc::CallNotes& notes, const rpc::Caller* caller) {
  if (callers_ != nullptr && caller != nullptr) callers_->AddMessage(*caller, costs);
  messages_.Add(messages_.labels().Series(method, IndexOf(status.code())));
  request_bytes_.Add(method, Unsigned(costs.request_bytes));
  response_bytes_.Add(method, Unsigned(costs.response_bytes));
  queued_.Add(method, Nanoseconds(costs.queued));
  computing_.Add(method, Nanoseconds(costs.computing));
  if (status.ok() && !notes.losses.empty()) AddBatch(notes);
}

void CallMetrics::AddBatch(const rpc::CallNotes& notes) {
  const size_t data_type = data_type_.IndexOf(notes.data_type);
  for (const absl::string_view loss : notes.losses) {
    const size_t series = batches_.labels().Series(loss_.IndexOf(loss), data_type);
    batches_.Add(series);
    rows_.Add(series, Unsigned(notes.rows));
  }
  if (notes.non_finite_losses > 0) non_finite_.Add(data_type, Unsigned(notes.non_finite_losses));
}

void CallMetrics::AddRefusal(const absl::Status& status) {
  std::string reason = rpc::ErrorReason(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  const size_t index = reason_.IndexOf(reason);
  if (index != reason_.other()) refused_.Add(index);
}

std::vector<prometheus::MetricFamily> CallMetrics::Collect() const {
  return {started_.Collect(),        duration_.Collect(), received_.Collect(),
          sent_.Collect(),           messages_.Collect(), request_bytes_.Collect(),
          response_bytes_.Collect(), queued_.Collect(),   computing_.Collect(),
          batches_.Collect(),        rows_.Collect(),     non_finite_.Collect(),
          refused_.Collect()};
}

}  // namespace lossd::observe
