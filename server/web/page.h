#ifndef LOSSD_SERVER_WEB_PAGE_H_
#define LOSSD_SERVER_WEB_PAGE_H_

#include <functional>
#include <map>
#include <string>

namespace lossd::web {

// The content of a page at one moment.
struct PageContent {
  int status = 200;  // of HTTP
  std::string type = "text/plain; charset=utf-8";
  std::string text;
};

// Pages by their paths, of letters, digits and slashes, such as "/metrics". Each is made anew for
// every request, on any thread.
using Pages = std::map<std::string, std::function<PageContent()>>;

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_PAGE_H_
