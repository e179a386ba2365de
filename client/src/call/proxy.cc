#include "client/src/call/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lossd::client {
namespace {

// Returns the first of these variables that is set, "" when none is.
std::string FirstSet(std::initializer_list<const char*> variables) {
  for (const char* variable : variables) {
    if (const char* value = std::getenv(variable)) return value;
  }
  return "";
}

// Returns the host of "host:port", "[v6]:port", a bare host or a bare IPv6 address.
std::string HostOf(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "[")) return std::string(address.substr(0, address.find(']')));
  const bool is_v6 = std::count(address.begin(), address.end(), ':') > 1;
  return std::string(is_v6 ? address : address.substr(0, address.find(':')));
}

// Returns the text with the brackets of IPv6 addresses, which a URI may have as codes.
std::string WithBrackets(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"%5b", "["}, {"%5B", "["}, {"%5d", "]"}, {"%5D", "]"}});
}

// Returns the hosts of a target as gRPC writes it, in lower case. There are none in a Unix
// socket's.
std::vector<std::string> HostsOf(absl::string_view target) {
  const std::string lower = WithBrackets(absl::AsciiStrToLower(target));
  absl::string_view addresses = lower;
  const absl::string_view scheme = addresses.substr(0, addresses.find(':'));
  if (scheme == "unix" || scheme == "unix-abstract" || scheme == "vsock") return {};
  if (scheme == "dns" || scheme == "ipv4" || scheme == "ipv6") {
    addresses.remove_prefix(std::min(addresses.size(), scheme.size() + 1));
  }
  // A URI may name the DNS server before the host.
  addresses.remove_prefix(addresses.rfind('/') + 1);  // npos + 1 is 0
  std::vector<std::string> hosts;
  for (const absl::string_view address : absl::StrSplit(addresses, ',')) {
    hosts.push_back(HostOf(address));
  }
  return hosts;
}

// Returns true if it is an address, and one of this machine.
bool IsOwnAddress(const std::string& host) {
  in_addr v4 = {};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET || v4.s_addr == htonl(INADDR_ANY);
  }
  in6_addr v6 = {};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    const bool is_mapped_loopback = IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&v6) || IN6_IS_ADDR_UNSPECIFIED(&v6) || is_mapped_loopback;
  }
  return false;
}

bool IsThisHost(const std::string& host) {
  if (IsOwnAddress(host)) return true;
  const absl::string_view name = absl::StripSuffix(host, ".");
  return name == "localhost" || absl::EndsWith(name, ".localhost");
}

// A target as gRPC reads it, which knows schemes in lower case alone.
struct Uri {
  absl::string_view scheme;     // "dns" for all that has none of those that are known here
  absl::string_view authority;  // for "dns": the DNS server to ask
  std::string path;
};

Uri UriOf(absl::string_view target) {
  Uri uri = {"dns", "", ""};
  absl::string_view rest = target;
  for (const absl::string_view scheme : {"dns", "ipv4", "ipv6", "unix", "unix-abstract"}) {
    if (target.substr(0, target.find(':')) != scheme) continue;
    uri.scheme = scheme;
    rest.remove_prefix(std::min(rest.size(), scheme.size() + 1));
    if (absl::ConsumePrefix(&rest, "//")) {
      uri.authority = rest.substr(0, rest.find('/'));
      rest.remove_prefix(uri.authority.size());
    }
    absl::ConsumePrefix(&rest, "/");
    break;
  }
  uri.path = WithBrackets(rest);
  return uri;
}

// Returns whether the host's name ends in one of the names, which commas separate.
bool IsListed(const std::string& host, absl::string_view names) {
  const std::vector<absl::string_view> entries = absl::StrSplit(names, ',');
  return std::any_of(entries.begin(), entries.end(), [&host](absl::string_view entry) {
    const absl::string_view name = absl::StripAsciiWhitespace(entry);
    return !name.empty() && absl::EndsWithIgnoreCase(host, name);
  });
}

}  // namespace

std::optional<std::string> ProxyFor(absl::string_view target) {
  const std::string proxy = FirstSet({"grpc_proxy", "https_proxy", "http_proxy"});
  absl::string_view authority = proxy;
  // gRPC knows no others.
  if (!absl::ConsumePrefix(&authority, "http://")) return std::nullopt;
  const std::string direct = FirstSet({"no_grpc_proxy", "no_proxy", "NO_PROXY"});
  const std::vector<std::string> hosts = HostsOf(target);
  if (std::all_of(hosts.begin(), hosts.end(), [&direct](const std::string& host) {
        return IsThisHost(host) || IsListed(host, direct);
      })) {
    return std::nullopt;
  }
  authority = authority.substr(0, authority.find('/'));
  return std::string(authority.substr(authority.rfind('@') + 1));  // npos + 1 is 0
}

bool IsThisMachine(absl::string_view target) {
  const std::vector<std::string> hosts = HostsOf(target);
  // What has more than hosts and ports may be read in several ways.
  if (absl::StrContains(target, '?') || absl::StrContains(target, '#') ||
      !std::all_of(hosts.begin(), hosts.end(), IsThisHost)) {
    return false;
  }
  const Uri uri = UriOf(target);
  if (uri.scheme == "unix" || uri.scheme == "unix-abstract") return true;
  if (!uri.authority.empty()) return false;
  if (uri.scheme == "ipv4" || uri.scheme == "ipv6") {
    return std::all_of(hosts.begin(), hosts.end(), IsOwnAddress);
  }
  const std::string host = HostOf(uri.path);
  return host == "localhost" || IsOwnAddress(host);
}

}  // namespace lossd::client
