#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/loss/work.h"
#include "server/rpc/decode/run_decoder.h"
#include "server/rpc/encode/run_encoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/errors/unknown_value.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/handlers/run_access.h"
#include "server/rpc/handlers/run_pages.h"
#include "server/runs/patience.h"

namespace lossd::rpc {
namespace {

constexpr int64_t kUsualSamples = 100;
constexpr int64_t kMostSamples = 10'000;
// As a store selects it, as it is and as its message is.
constexpr double kBytesOfListed = 600;

// An export's message has at most so many samples, which take a megabyte.
constexpr int64_t kMostExported = 8192;
// As the store has it, as columns and serialized.
constexpr double kBytesOfExported = sizeof(runs::RunSample) + 2.0 * kColumnBytesOfSample;

std::optional<runs::SampleOrder> OrderOf(v1::SampleOrder order) {
  switch (order) {
    case v1::SAMPLE_ORDER_UNSPECIFIED:
    case v1::SAMPLE_ORDER_HARDEST:
      return runs::SampleOrder::kHardest;
    case v1::SAMPLE_ORDER_EASIEST:
      return runs::SampleOrder::kEasiest;
    case v1::SAMPLE_ORDER_MOST_FORGOTTEN:
      return runs::SampleOrder::kMostForgotten;
    case v1::SAMPLE_ORDER_MOST_VARIABLE:
      return runs::SampleOrder::kMostVariable;
    case v1::SAMPLE_ORDER_LOWEST_MARGIN:
      return runs::SampleOrder::kLowestMargin;
    case v1::SAMPLE_ORDER_MOST_TURNED:
      return runs::SampleOrder::kMostTurned;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<runs::SampleQuery> DecodeQuery(const v1::ListRunSamplesRequest& request,
                                              int64_t max_message_bytes) {
  FieldViolations violations;
  const Field root(violations);
  CheckRunName(request.run(), root["run"]);
  runs::SampleQuery query;
  const auto order = OrderOf(request.order_by());
  if (!order) RefuseUnknownValue(request.order_by(), root["order_by"]);
  query.order = order.value_or(runs::SampleOrder::kHardest);
  if (request.has_class_id()) query.class_id = request.class_id();
  query.limit = PageSize(request.page_size(), kUsualSamples, kMostSamples, kMostRunSampleBytes,
                         max_message_bytes, root["page_size"]);
  query.after = DecodeSamplePageToken(request, root["page_token"]);
  if (!violations.empty()) return violations.ToStatus();
  return query;
}

// Returns how many samples a message of an export has.
int64_t ExportedAtOnce(int64_t max_message_bytes) {
  return std::clamp<int64_t>((max_message_bytes - kMostColumnBytesBeside) / kColumnBytesOfSample, 1,
                             kMostExported);
}

// Reads a run from its first sample to its last.
class RunExport final : public AnswerSource {
 public:
  RunExport(std::unique_ptr<runs::SampleReader> reader, const Limits& limits)
      : reader_(std::move(reader)), limits_(limits) {}

  absl::StatusOr<Next> Make(const CallContext& context) override {
    const runs::Patience patience(context.cancelled);
    const int64_t limit = ExportedAtOnce(limits_.max_message_bytes);
    absl::Status admitted =
        AskedWork(limits_, context).Ask({0, kBytesOfExported * static_cast<double>(limit)});
    if (!admitted.ok()) return admitted;
    const auto samples = reader_->Read(limit);
    if (!samples.ok()) return RunError(samples.status());
    if (samples->empty()) return LastWasSent();
    auto message = SerializeMessage(EncodeColumns(*samples), limits_.max_message_bytes);
    if (!message.ok()) return message.status();
    return *std::move(message);
  }

 private:
  const std::unique_ptr<runs::SampleReader> reader_;
  const Limits& limits_;
};

}  // namespace

absl::StatusOr<v1::ListRunSamplesResponse> Handlers::ListRunSamples(
    const v1::ListRunSamplesRequest& request, const CallContext& context) const {
  const auto query = DecodeQuery(request, options_.limits.max_message_bytes);
  if (!query.ok()) return query.status();
  absl::Status may = CheckRunsKept(options_.runs.get());
  const double bytes = kBytesOfListed * static_cast<double>(query->limit);
  if (may.ok()) {
    may = AskedWork(options_.limits, context).Ask({kSlowStoreOperations + bytes, bytes});
  }
  if (!may.ok()) return may;
  const auto page = options_.runs->ListSamples(request.run(), ViewerOf(context.caller), *query);
  if (!page.ok()) return RunError(page.status());
  v1::ListRunSamplesResponse response;
  for (const runs::RunSample& sample : page->samples) {
    EncodeRunSample(sample, *response.add_samples());
  }
  if (page->next) response.set_next_page_token(SamplePageToken(request, *page->next));
  return response;
}

absl::StatusOr<std::unique_ptr<AnswerSource>> Handlers::ExportRunSamples(
    const v1::ExportRunSamplesRequest& request, const CallContext& context) const {
  FieldViolations violations;
  CheckRunName(request.run(), Field(violations)["run"]);
  if (!violations.empty()) return violations.ToStatus();
  absl::Status kept = CheckRunsKept(options_.runs.get());
  if (!kept.ok()) return kept;
  const runs::Patience patience(context.cancelled);
  auto reader = options_.runs->OpenSamples(request.run(), ViewerOf(context.caller));
  if (!reader.ok()) return RunError(reader.status());
  return std::make_unique<RunExport>(*std::move(reader), options_.limits);
}

}  // namespace lossd::rpc
