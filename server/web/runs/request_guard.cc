#include "server/web/runs/request_guard.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lossd::web {
namespace {

// Returns the name of `host`, which may have a port.
absl::string_view NameOf(absl::string_view host) {
  const size_t colon = host.rfind(':');
  const size_t bracket = host.rfind(']');
  const bool has_port =
      colon != host.npos && (bracket == absl::string_view::npos || colon > bracket);
  return has_port ? host.substr(0, colon) : host;
}

bool IsThisMachine(absl::string_view host) {
  const absl::string_view name = NameOf(host);
  return absl::EqualsIgnoreCase(name, "localhost") || name == "127.0.0.1" || name == "[::1]";
}

// Returns the origin's host and port; "" where it has none, as "null".
absl::string_view HostOf(absl::string_view origin) {
  if (!absl::ConsumePrefix(&origin, "http://") && !absl::ConsumePrefix(&origin, "https://")) {
    return "";
  }
  return origin;
}

}  // namespace

absl::Status CheckSite(const PageRequest& request, HostRule rule) {
  const absl::string_view host = request.Header("host").value_or("");
  if (rule == HostRule::kThisMachine && !host.empty() && !IsThisMachine(host)) {
    return absl::PermissionDeniedError(
        "the header Host names another machine, expected localhost, 127.0.0.1 or [::1]: the page "
        "is shown to this machine alone");
  }
  const std::optional<absl::string_view> origin = request.Header("origin");
  const bool is_foreign = origin && !absl::EqualsIgnoreCase(HostOf(*origin), host);
  if (is_foreign || request.Header("sec-fetch-site") == "cross-site") {
    return absl::PermissionDeniedError("another site asks, expected the page itself");
  }
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> SecurityHeaders() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
           "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
           "require-trusted-types-for 'script'; trusted-types 'none'"},
          {"Referrer-Policy", "no-referrer"},
          {"Cross-Origin-Resource-Policy", "same-origin"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"X-Frame-Options", "DENY"}};
}

}  // namespace lossd::web
