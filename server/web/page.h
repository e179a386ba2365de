#ifndef LOSSD_SERVER_WEB_PAGE_H_
#define LOSSD_SERVER_WEB_PAGE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace lossd::web {

// A request that asks for a page.
struct PageRequest {
  using Values = std::multimap<std::string, std::string>;

  // The client's address, host:port; empty where it is none of TCP.
  std::string peer;
  // What stands behind the path's question mark, decoded.
  Values parameters = {};
  // By their names in lower case.
  Values headers = {};
  // Returns true when nobody waits for the page any more. Cheap, any thread.
  std::function<bool()> cancelled = [] { return false; };

  // Returns the first header of that name, in lower case; nullopt if there is none.
  std::optional<absl::string_view> Header(absl::string_view name) const {
    const auto found = headers.find(std::string(name));
    if (found == headers.end()) return std::nullopt;
    return found->second;
  }
  size_t HeaderCount(absl::string_view name) const { return headers.count(std::string(name)); }
};

// The content of a page at one moment.
struct PageContent {
  int status = 200;  // of HTTP
  std::string type = "text/plain; charset=utf-8";
  std::string text;
  // Further headers, names and values.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // If set, the page goes on after `text` while the client reads: called four times a second, it
  // returns what follows, "" where there is nothing new, and nullopt at the end. Of one thread.
  std::function<std::optional<std::string>()> more = nullptr;
};

// Pages by their paths, such as "/metrics". Each is made anew for every request, on any thread.
using Pages = std::map<std::string, std::function<PageContent(const PageRequest&)>>;

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_PAGE_H_
