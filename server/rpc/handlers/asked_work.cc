#include "server/rpc/handlers/asked_work.h"

#include <cstdint>

#include "absl/strings/str_format.h"
#include "server/rpc/errors/status.h"

namespace lossd::rpc {
namespace {

// Less memory is taken before it is asked for.
constexpr double kLittleBytes = 64 << 10;

int64_t Saturated(double value) {
  constexpr double kMost = 0x1p62;
  return static_cast<int64_t>(value < kMost ? value : kMost);
}

}  // namespace

absl::Status AskedWork::AskBefore(const loss::Work& work) {
  if (pending_.bytes + work.bytes > kLittleBytes) return Ask(work);
  pending_ += work;
  bytes_ += work.bytes;
  return absl::OkStatus();
}

absl::Status AskedWork::Ask(const loss::Work& work) {
  bytes_ += work.bytes;
  if (bytes_ > static_cast<double>(limits_.max_in_flight_bytes)) {
    return LimitExceeded(absl::StrFormat(
        "the call would take about %.0f bytes of memory for its answer and for computing it, more "
        "than the limit of %d bytes for all calls together (--max-in-flight-bytes); ask for fewer "
        "losses or outputs, or send a smaller batch",
        bytes_, limits_.max_in_flight_bytes));
  }
  pending_ += work;
  const CallWork asked = {Saturated(pending_.operations), Saturated(pending_.bytes)};
  pending_ = loss::Work();
  return context_.admit(asked);
}

AdmitParsing ParsingAdmission(const Limits& limits, const CallContext& context) {
  return [&limits, &context](double bytes) {
    return AskedWork(limits, context).Ask({bytes, bytes});
  };
}

}  // namespace lossd::rpc
