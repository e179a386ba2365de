#include "server/transport/grpc/served_method.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "server/transport/grpc/raw_service.h"

namespace lossd::transport {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

std::string FullName(absl::string_view method) {
  return absl::StrCat(LossServiceDescriptor().full_name(), "/", method);
}

absl::Status CheckRow(const rpc::MethodRow& row, const MethodDescriptor* method) {
  if (method == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("the method table has ", FullName(row.name),
                                                      ", which the .proto file does not have"));
  }
  const bool is_stream = std::holds_alternative<rpc::StreamMethod>(row.method);
  if (is_stream == method->client_streaming() && is_stream == method->server_streaming()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the method table has ", FullName(row.name), " as a ", is_stream ? "stream" : "unary call",
      ", expected the kind that the .proto file gives it"));
}

}  // namespace

absl::StatusOr<std::vector<ServedMethod>> MatchMethods(std::vector<rpc::MethodRow> rows) {
  const ServiceDescriptor& service = LossServiceDescriptor();
  std::vector<ServedMethod> served;
  for (rpc::MethodRow& row : rows) {
    const MethodDescriptor* method = service.FindMethodByName(row.name);
    absl::Status fits = CheckRow(row, method);
    if (!fits.ok()) return fits;
    served.push_back({FullName(row.name), method->index(), std::move(row.method)});
  }
  for (int i = 0; i < service.method_count(); ++i) {
    const auto rows_of_method = std::count_if(
        served.begin(), served.end(), [i](const auto& method) { return method.index == i; });
    if (rows_of_method == 1) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("the method table has ", rows_of_method, " rows for ",
                     FullName(service.method(i)->name()), ", expected 1"));
  }
  return served;
}

}  // namespace lossd::transport
