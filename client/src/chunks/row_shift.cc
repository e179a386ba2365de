#include "client/src/chunks/row_shift.h"

#include <cstddef>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/src/status.h"
#include "google/rpc/error_details.pb.h"

namespace lossd::client {
namespace {

struct Array {
  absl::string_view prefix;
  int64_t ChunkStart::*first;
};

constexpr Array kArrays[] = {{"labels[", &ChunkStart::row},
                             {"teacher_logits[", &ChunkStart::row},
                             {"sample_weights[", &ChunkStart::row},
                             {"upstream_gradient[", &ChunkStart::row},
                             {"sample_ids[", &ChunkStart::row},
                             {"rollout.advantages[", &ChunkStart::advantage},
                             {"rollout.old_log_probs[", &ChunkStart::row},
                             {"rollout.reference_log_probs[", &ChunkStart::row},
                             {"rollout.sampler_log_probs[", &ChunkStart::row},
                             {"sequence_lengths[", &ChunkStart::sequence}};

// Returns the array whose name and bracket the text begins with, null when there is none.
const Array* ArrayAtBegin(absl::string_view text) {
  for (const Array& array : kArrays) {
    if (absl::StartsWith(text, array.prefix)) return &array;
  }
  return nullptr;
}

bool IsWithinName(char before) {
  return absl::ascii_isalnum(static_cast<unsigned char>(before)) || before == '_' || before == '.';
}

std::string ShiftText(absl::string_view text, const ChunkStart& start) {
  std::string shifted;
  while (!text.empty()) {
    const bool name_begins = shifted.empty() || !IsWithinName(shifted.back());
    const Array* const array = name_begins ? ArrayAtBegin(text) : nullptr;
    const size_t prefix = array == nullptr ? 0 : array->prefix.size();
    size_t end = prefix;
    while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
    int64_t row = 0;
    if (array != nullptr && absl::SimpleAtoi(text.substr(prefix, end - prefix), &row)) {
      absl::StrAppend(&shifted, text.substr(0, prefix), row + start.*array->first);
      text.remove_prefix(end);
    } else {
      shifted.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return shifted;
}

}  // namespace

absl::Status ShiftRows(const absl::Status& error, const ChunkStart& start) {
  absl::Status shifted(error.code(), ShiftText(error.message(), start));
  error.ForEachPayload([&shifted](absl::string_view url, const absl::Cord& payload) {
    shifted.SetPayload(url, payload);
  });
  const auto payload = error.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest bad_request;
  if (payload && bad_request.ParseFromString(std::string(*payload))) {
    for (auto& violation : *bad_request.mutable_field_violations()) {
      violation.set_field(ShiftText(violation.field(), start));
    }
    shifted.SetPayload(kBadRequestUrl, absl::Cord(bad_request.SerializeAsString()));
  }
  return shifted;
}

}  // namespace lossd::client
