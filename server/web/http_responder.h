#ifndef LOSSD_SERVER_WEB_HTTP_RESPONDER_H_
#define LOSSD_SERVER_WEB_HTTP_RESPONDER_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/web/page.h"

namespace lossd::web {

// A response as it is written, and what its page says of the rest.
struct HttpResponse {
  std::string text;
  // As PageContent has it.
  std::function<std::optional<std::string>()> more = nullptr;
};

// Makes HTTP/1.1 responses of pages, each the last one of its connection. Thread-safe.
class HttpResponder {
 public:
  explicit HttpResponder(Pages pages);

  // Returns the response to a request of which `head` is all up to the empty line: the page, or
  // 400, 404, 405 for a method other than GET and HEAD, and 500 if the page throws. Bodies are not
  // read. What costs much and serves nobody here, ranges and compression, is not offered.
  // `connection` has what is known without the head.
  HttpResponse Respond(absl::string_view head, PageRequest connection = {}) const;

  // Returns a response without a page, which says no more than its status.
  static std::string StatusAlone(int status);

 private:
  const Pages pages_;
};

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_HTTP_RESPONDER_H_
