#ifndef LOSSD_TESTS_SERVER_WEB_HTTP_CLIENT_H_
#define LOSSD_TESTS_SERVER_WEB_HTTP_CLIENT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/transport/descriptor.h"

namespace lossd::web {

// A client's end of a connection to 127.0.0.1.
class HttpClient {
 public:
  // Connects to the port of `server`, an address with one.
  explicit HttpClient(const std::string& server);

  void Send(absl::string_view bytes);

  // Returns all that comes until the server closes its side.
  std::string Receive();

  // Returns what has come once `text` is in it, or the server has closed its side.
  std::string ReceiveUntil(absl::string_view text);

  std::string Ask(absl::string_view request) {
    Send(request);
    return Receive();
  }

 private:
  // Appends what comes next. Returns false when nothing comes any more.
  bool ReceiveMore(std::string& all);

  transport::Descriptor socket_;
};

}  // namespace lossd::web

#endif  // LOSSD_TESTS_SERVER_WEB_HTTP_CLIENT_H_
