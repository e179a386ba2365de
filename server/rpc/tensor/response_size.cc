#include "server/rpc/tensor/response_size.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/rpc/errors/status.h"
#include "server/rpc/tensor/data_type.h"

namespace lossd::rpc {
namespace {

constexpr int64_t kSmallestLogitBytes = 2;

// A class of a batch without samples takes this much in vectors of doubles, and in the answer when
// statistics are asked for.
constexpr int64_t kBytesOfEmptyClass = 64;

// An entry of ClassStatistics: its doubles take 8 bytes each, its integers at least one.
constexpr int64_t kBytesOfClass = 6 * 8 + 3 * 1;

}  // namespace

void ResponseSize::Add(int64_t count, int64_t bytes_of_one) {
  bytes_ += static_cast<double>(count) * static_cast<double>(bytes_of_one);
}

void ResponseSize::AddTensor(int64_t elements, v1::DataType type, TensorStyle style) {
  Add(elements,
      style == TensorStyle::kData ? ElementSize(type) : static_cast<int64_t>(sizeof(double)));
}

void ResponseSize::AddClassStatistics(int64_t classes) { Add(classes, kBytesOfClass); }

absl::Status ResponseSize::Check(int64_t max_message_bytes) const {
  if (bytes_ <= static_cast<double>(max_message_bytes)) return absl::OkStatus();
  return LimitExceeded(absl::StrFormat(
      "the response would have at least %.0f bytes, more than the limit of %d bytes for a message "
      "(--max-message-bytes); ask for fewer outputs or send a smaller batch",
      bytes_, max_message_bytes));
}

absl::Status CheckClassesFitMessage(const LogitsLayout& layout, int64_t max_message_bytes) {
  const int64_t bytes_of_class = layout.rows == 0 ? kBytesOfEmptyClass : kSmallestLogitBytes;
  if (layout.classes <= max_message_bytes / bytes_of_class) return absl::OkStatus();
  return LimitExceeded(absl::StrCat("logits.shape = ", ShapeText(layout.shape), " has ",
                                    layout.classes, " classes, more than fit the limit of ",
                                    max_message_bytes,
                                    " bytes for a message (--max-message-bytes)"));
}

}  // namespace lossd::rpc
