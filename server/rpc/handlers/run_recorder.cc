#include "server/rpc/handlers/run_recorder.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/loss/batch.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/handlers/run_access.h"
#include "server/runs/patience.h"

namespace lossd::rpc {
namespace {

// The samples of a batch one by one, in the core's order.
class Presented {
 public:
  Presented(const ComputeCall& call, const loss::PresentedSamples& presented)
      : samples_(presented),
        ids_(call.run->sample_ids),
        labels_(call.samples.labels),
        layout_(call.logits.layout),
        is_softmax_(call.spec.activation == loss::Activation::kSoftmax) {}

  void Read(int64_t begin, absl::Span<runs::Presentation> out) const {
    for (size_t j = 0; j < out.size(); ++j) {
      const size_t i = static_cast<size_t>(begin) + j;
      runs::Presentation& one = out[j];
      one.ignored = samples_.ignored[i] != 0;
      if (one.ignored) continue;
      one.id = ids_[i];
      one.true_probability = samples_.true_probability[i];
      one.loss = samples_.losses[i];
      one.margin = samples_.margins[i];
      one.gradient_l1 = samples_.gradient_l1[i];
      one.correct = samples_.correct[i] != 0;
      SetClass(static_cast<int64_t>(i), one);
    }
  }

 private:
  void SetClass(int64_t i, runs::Presentation& one) const {
    const auto* const ids = std::get_if<OwnedClassIds>(&labels_);
    if (is_softmax_) {
      one.label = ids->values[static_cast<size_t>(i)];
      one.class_id = one.label;
      return;
    }
    const int64_t column = i % layout_.classes;
    one.label = IsPositive(i, column) ? 1 : 0;
    // [N] logits have the classes 0, negative, and 1, positive.
    one.class_id = layout_.class_axis ? column : one.label;
  }

  // Returns whether the target of a sigmoid's element is ≥ ½.
  bool IsPositive(int64_t i, int64_t column) const {
    const auto at = static_cast<size_t>(i);
    if (const auto* ids = std::get_if<OwnedClassIds>(&labels_)) {
      return ids->values[static_cast<size_t>(i / layout_.classes)] == column;
    }
    if (const auto* binary = std::get_if<OwnedBinaryLabels>(&labels_)) {
      return binary->values[at] == 1;
    }
    const auto& targets = std::get<OwnedTargets>(labels_).values;
    return std::visit([&](const auto& array) { return array.data()[at] >= 0.5; }, targets);
  }

  const loss::PresentedSamples& samples_;
  const std::vector<int64_t>& ids_;
  const OwnedLabels& labels_;
  const LogitsLayout& layout_;
  bool is_softmax_;
};

absl::Status ToAnswer(const absl::Status& failed) {
  if (absl::IsResourceExhausted(failed)) {
    return LimitExceeded(absl::StrCat(failed.message(), " (--runs-max-bytes)"));
  }
  return Unavailable(absl::StrCat("the batch could not be recorded: ", failed.message()),
                     "RUN_NOT_RECORDED", kRunRetryDelay);
}

}  // namespace

absl::Status RunRecorder::CheckKept() const { return CheckRunsKept(store_); }

loss::Work RunRecorder::WorkOf(const ComputeCall& call) const {
  const auto samples = static_cast<int64_t>(call.run->sample_ids.size());
  return {0, static_cast<double>(store_->RecordingBytes(samples))};
}

std::string RunRecorder::LineOf(const ComputeCall& call, const Caller* caller) {
  return absl::StrCat(call.run->run, " ", OwnerOf(caller));
}

std::function<absl::Status()> RunRecorder::Recording(ComputeCall call,
                                                     loss::PresentedSamples presented,
                                                     const CallContext& context) const {
  struct Batch {
    ComputeCall call;
    loss::PresentedSamples presented;
  };
  const auto batch = std::make_shared<const Batch>(Batch{std::move(call), std::move(presented)});
  return [this, batch, caller = context.caller, cancelled = context.cancelled] {
    const runs::Patience patience(cancelled);
    return Record(batch->call, batch->presented, caller);
  };
}

absl::Status RunRecorder::Record(const ComputeCall& call, const loss::PresentedSamples& presented,
                                 const Caller* caller) const {
  const Presented samples(call, presented);
  const auto read = [&](int64_t begin, absl::Span<runs::Presentation> out) {
    samples.Read(begin, out);
  };
  const RunFields& run = *call.run;
  absl::Status recorded = store_->Record(
      {run.run, OwnerOf(caller), run.request_id, call.logits.layout.class_vector_length(),
       call.options.hard_threshold, run.step, run.epoch, run.learning_rate,
       static_cast<int64_t>(run.sample_ids.size()), read});
  if (recorded.ok()) return recorded;
  if (absl::IsFailedPrecondition(recorded)) return WithErrorInfo(recorded, "RUN_MISMATCH");
  if (absl::IsPermissionDenied(recorded)) return WithErrorInfo(recorded, "RUN_OF_ANOTHER");
  // Nobody is answered.
  if (absl::IsCancelled(recorded)) return recorded;
  if (on_failure_ == OnRunFailure::kRefuse) return ToAnswer(recorded);
  ++unrecorded_;
  return absl::OkStatus();
}

}  // namespace lossd::rpc
