#include "server/web/runs/method_calls.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/rpc/wire/received_bytes.h"
#include "server/rpc/wire/sent_bytes.h"

namespace lossd::web {
namespace {

using UnaryMethods = std::map<std::string, rpc::UnaryMethod, std::less<>>;

rpc::ReceivedBytes Received(const std::string& request) {
  const auto memory = std::make_shared<std::string>(request);
  return {wire::BytePieces(*memory), memory};
}

std::string Joined(const rpc::SentBytes& sent) {
  std::string text;
  text.reserve(sent.size());
  for (const rpc::SentBytes::Piece& piece : sent.pieces()) {
    std::visit(
        [&text](const auto& bytes) {
          text.append(static_cast<const char*>(bytes.data()), bytes.size());
        },
        piece);
  }
  return text;
}

}  // namespace

RunCalls MethodCalls(const std::vector<rpc::MethodRow>& methods) {
  UnaryMethods found;
  for (const rpc::MethodRow& row : methods) {
    absl::string_view name = row.name;
    const auto* const unary = std::get_if<rpc::UnaryMethod>(&row.method);
    if (unary == nullptr || !absl::ConsumePrefix(&name, "lossd.v1.RunService/")) continue;
    found.emplace(std::string(name), *unary);
  }
  return [found = std::move(found)](const RunCall& call) -> absl::StatusOr<std::string> {
    const auto method = found.find(call.method);
    if (method == found.end()) {
      return absl::UnimplementedError(absl::StrCat("there is no method ", call.method));
    }
    rpc::CallContext context;
    context.cancelled = call.cancelled;
    context.caller = call.caller.get();
    const auto answer = method->second(Received(call.request), context);
    if (!answer.ok()) return answer.status();
    return Joined(*answer);
  };
}

}  // namespace lossd::web
