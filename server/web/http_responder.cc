#include "server/web/http_responder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "httplib.h"

namespace lossd::web {
namespace {

constexpr int kBadRequest = 400;
constexpr int kNotFound = 404;
constexpr int kMethodNotAllowed = 405;
constexpr int kRequestTimeout = 408;
constexpr int kUriTooLong = 414;
constexpr int kHeadTooLarge = 431;
constexpr int kInternalError = 500;

absl::string_view ReasonOf(int status) {
  switch (status) {
    case kBadRequest:
      return "Bad Request";
    case kNotFound:
      return "Not Found";
    case kMethodNotAllowed:
      return "Method Not Allowed";
    case kRequestTimeout:
      return "Request Timeout";
    case kUriTooLong:
      return "URI Too Long";
    case kHeadTooLarge:
      return "Request Header Fields Too Large";
    case kInternalError:
      return "Internal Server Error";
    default:
      return "Error";
  }
}

constexpr char kPlainText[] = "text/plain; charset=utf-8";

// A request that has been read, and the response to it.
class Exchange final : public httplib::Stream {
 public:
  explicit Exchange(std::string request) : request_(std::move(request)) {}

  const std::string& response() const { return response_; }

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* to, size_t size) override {
    const size_t count = std::min(size, request_.size() - read_);
    std::copy_n(request_.data() + read_, count, to);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* from, size_t size) override {
    response_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

 private:
  const std::string request_;
  size_t read_ = 0;
  std::string response_;
};

// Returns the head without the header Range: the library reads it with a regular expression that
// recurses for each character, and answers any number of ranges, each as large as the page.
std::string WithoutRanges(absl::string_view head) {
  std::string rest;
  for (absl::string_view line : absl::StrSplit(head, '\n')) {
    if (absl::StartsWithIgnoreCase(line, "range")) continue;
    absl::StrAppend(&rest, line, "\n");
  }
  rest.pop_back();
  return rest;
}

}  // namespace

// The library's server without its sockets and threads, of which neither number nor time is
// bounded.
class HttpResponder::Library final : private httplib::Server {
 public:
  explicit Library(const Pages& pages) {
    set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
    for (const auto& [path, page] : pages) {
      Get(path, [page = page](const httplib::Request&, httplib::Response& response) {
        PageContent content = page();
        response.status = content.status;
        response.set_content(content.text, content.type);
      });
    }
    set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      if (request.method == "GET" || request.method == "HEAD") return HandlerResponse::Unhandled;
      response.status = kMethodNotAllowed;
      response.set_header("Allow", "GET, HEAD");
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             const std::exception_ptr&) { response.status = kInternalError; });
    set_error_handler(Handler([](const httplib::Request&, httplib::Response& response) {
      // A page may say itself what is wrong.
      if (response.body.empty()) response.set_content(TextOf(response.status), kPlainText);
    }));
  }

  std::string Respond(std::string head) {
    Exchange exchange(std::move(head));
    bool closed = false;
    process_request(exchange, /*close_connection=*/true, closed, [](httplib::Request& request) {
      request.headers.erase("Accept-Encoding");
      request.headers.erase("Expect");
    });
    return exchange.response();
  }

  static std::string TextOf(int status) {
    return absl::StrCat(status, " ", ReasonOf(status), "\n");
  }
};

HttpResponder::HttpResponder(const Pages& pages) : library_(std::make_unique<Library>(pages)) {}

HttpResponder::~HttpResponder() = default;

std::string HttpResponder::Respond(absl::string_view head) const {
  std::string response = library_->Respond(WithoutRanges(head));
  return response.empty() ? StatusAlone(kBadRequest) : response;
}

std::string HttpResponder::StatusAlone(int status) {
  const std::string text = Library::TextOf(status);
  return absl::StrCat("HTTP/1.1 ", absl::string_view(text).substr(0, text.size() - 1),
                      "\r\nConnection: close\r\nContent-Type: ", kPlainText,
                      "\r\nContent-Length: ", text.size(), "\r\n\r\n", text);
}

}  // namespace lossd::web
