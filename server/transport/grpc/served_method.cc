#include "server/transport/grpc/served_method.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "server/transport/grpc/raw_service.h"

namespace lossd::transport {
namespace {

using google::protobuf::MethodDescriptor;

std::string FullName(const MethodDescriptor& method) {
  return absl::StrCat(method.service()->full_name(), "/", method.name());
}

// A kind of method, in words.
struct Kind {
  bool client_streaming;
  bool server_streaming;
  absl::string_view words;
};

Kind KindOf(const rpc::Method& method) {
  if (std::holds_alternative<rpc::StreamMethod>(method)) return {true, true, "stream"};
  if (std::holds_alternative<rpc::AnswersMethod>(method)) return {false, true, "server stream"};
  return {false, false, "unary call"};
}

absl::Status CheckKind(const rpc::MethodRow& row, const MethodDescriptor& method) {
  const Kind kind = KindOf(row.method);
  if (kind.client_streaming == method.client_streaming() &&
      kind.server_streaming == method.server_streaming()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      absl::StrCat("the method table has ", row.name, " as a ", kind.words,
                   ", expected the kind that the .proto file gives it"));
}

}  // namespace

absl::StatusOr<std::vector<ServedMethod>> MatchMethods(std::vector<rpc::MethodRow> rows) {
  const std::vector<const MethodDescriptor*> methods = ServedMethods();
  std::vector<int> row_counts(methods.size());
  std::vector<ServedMethod> served;
  for (rpc::MethodRow& row : rows) {
    const auto method = std::find_if(methods.begin(), methods.end(),
                                     [&](const auto* one) { return FullName(*one) == row.name; });
    if (method == methods.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the method table has ", row.name, ", which the .proto file does not have"));
    }
    absl::Status fits = CheckKind(row, **method);
    if (!fits.ok()) return fits;
    const auto index = method - methods.begin();
    ++row_counts[static_cast<size_t>(index)];
    served.push_back({std::move(row.name), static_cast<int>(index), std::move(row.method)});
  }
  for (size_t i = 0; i < methods.size(); ++i) {
    if (row_counts[i] == 1) continue;
    return absl::FailedPreconditionError(absl::StrCat("the method table has ", row_counts[i],
                                                      " rows for ", FullName(*methods[i]),
                                                      ", expected 1"));
  }
  return served;
}

}  // namespace lossd::transport
