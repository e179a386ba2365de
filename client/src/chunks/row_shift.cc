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

constexpr absl::string_view kArrays[] = {"labels[", "sample_weights[", "upstream_gradient["};

// Returns the length of the array's name and its bracket when the text begins with them, else 0.
size_t ArrayPrefix(absl::string_view text) {
  for (const absl::string_view array : kArrays) {
    if (absl::StartsWith(text, array)) return array.size();
  }
  return 0;
}

bool IsWithinName(char before) {
  return absl::ascii_isalnum(static_cast<unsigned char>(before)) || before == '_' || before == '.';
}

std::string ShiftText(absl::string_view text, int64_t first_row) {
  std::string shifted;
  while (!text.empty()) {
    const bool name_begins = shifted.empty() || !IsWithinName(shifted.back());
    const size_t prefix = name_begins ? ArrayPrefix(text) : 0;
    size_t end = prefix;
    while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
    int64_t row = 0;
    if (prefix > 0 && absl::SimpleAtoi(text.substr(prefix, end - prefix), &row)) {
      absl::StrAppend(&shifted, text.substr(0, prefix), row + first_row);
      text.remove_prefix(end);
    } else {
      shifted.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return shifted;
}

}  // namespace

absl::Status ShiftRows(const absl::Status& error, int64_t first_row) {
  absl::Status shifted(error.code(), ShiftText(error.message(), first_row));
  error.ForEachPayload([&shifted](absl::string_view url, const absl::Cord& payload) {
    shifted.SetPayload(url, payload);
  });
  const auto payload = error.GetPayload(kBadRequestUrl);
  google::rpc::BadRequest bad_request;
  if (payload && bad_request.ParseFromString(std::string(*payload))) {
    for (auto& violation : *bad_request.mutable_field_violations()) {
      violation.set_field(ShiftText(violation.field(), first_row));
    }
    shifted.SetPayload(kBadRequestUrl, absl::Cord(bad_request.SerializeAsString()));
  }
  return shifted;
}

}  // namespace lossd::client
