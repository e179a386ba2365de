#include "server/web/http_responder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
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

// Returns the head of a response whose end only the connection's tells.
std::string HeadOfStream(const PageContent& page, const httplib::Headers& defaults) {
  std::string head = absl::StrCat("HTTP/1.1 ", page.status,
                                  " OK\r\nConnection: close\r\nContent-Type: ", page.type, "\r\n");
  for (const auto& [name, value] : defaults) absl::StrAppend(&head, name, ": ", value, "\r\n");
  for (const auto& [name, value] : page.headers) absl::StrAppend(&head, name, ": ", value, "\r\n");
  return absl::StrCat(head, "\r\n");
}

std::string TextOf(int status) { return absl::StrCat(status, " ", ReasonOf(status), "\n"); }

// The library's server without its sockets and threads, of which neither number nor time is
// bounded. Answers one request.
class Library final : private httplib::Server {
 public:
  Library(const Pages& pages, PageRequest connection)
      : pages_(pages), asked_(std::move(connection)) {
    set_default_headers(defaults_);
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      Route(request, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             const std::exception_ptr&) { response.status = kInternalError; });
    set_error_handler(Handler([](const httplib::Request&, httplib::Response& response) {
      // A page may say itself what is wrong.
      if (response.body.empty()) response.set_content(TextOf(response.status), kPlainText);
    }));
  }

  HttpResponse Respond(std::string head) {
    Exchange exchange(std::move(head));
    bool closed = false;
    process_request(exchange, /*close_connection=*/true, closed, [](httplib::Request& request) {
      request.headers.erase("Accept-Encoding");
      request.headers.erase("Expect");
    });
    if (!more_) return {exchange.response()};
    return {std::move(head_of_stream_), std::move(more_)};
  }

 private:
  void Route(const httplib::Request& request, httplib::Response& response) {
    if (request.method != "GET" && request.method != "HEAD") {
      response.status = kMethodNotAllowed;
      response.set_header("Allow", "GET, HEAD");
      return;
    }
    const auto page = pages_.find(request.path);
    if (page == pages_.end()) {
      response.status = kNotFound;
      return;
    }
    asked_.parameters = {request.params.begin(), request.params.end()};
    for (const auto& [name, value] : request.headers) {
      asked_.headers.emplace(absl::AsciiStrToLower(name), value);
    }
    PageContent content = page->second(asked_);
    response.status = content.status;
    if (content.more && request.method == "GET") {
      head_of_stream_ = absl::StrCat(HeadOfStream(content, defaults_), content.text);
      more_ = std::move(content.more);
      return;
    }
    for (const auto& [name, value] : content.headers) response.set_header(name, value);
    response.set_content(content.text, content.type);
  }

  const httplib::Headers defaults_ = {{"Cache-Control", "no-store"},
                                      {"X-Content-Type-Options", "nosniff"}};
  const Pages& pages_;
  PageRequest asked_;
  std::string head_of_stream_;
  std::function<std::optional<std::string>()> more_;
};

}  // namespace

HttpResponder::HttpResponder(Pages pages) : pages_(std::move(pages)) {}

HttpResponse HttpResponder::Respond(absl::string_view head, PageRequest connection) const {
  Library library(pages_, std::move(connection));
  HttpResponse response = library.Respond(WithoutRanges(head));
  if (response.text.empty()) response.text = StatusAlone(kBadRequest);
  return response;
}

std::string HttpResponder::StatusAlone(int status) {
  const std::string text = TextOf(status);
  return absl::StrCat("HTTP/1.1 ", absl::string_view(text).substr(0, text.size() - 1),
                      "\r\nConnection: close\r\nContent-Type: ", kPlainText,
                      "\r\nContent-Length: ", text.size(), "\r\n\r\n", text);
}

}  // namespace lossd::web
