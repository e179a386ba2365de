#include "server/web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/transport/descriptor.h"

namespace lossd::web {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Clock = std::chrono::steady_clock;

// A client's end of a connection.
class Client {
 public:
  explicit Client(const std::string& server)
      : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(server.substr(server.rfind(':') + 1), &port));
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the API's way
    EXPECT_EQ(connect(socket_.number(), generic, sizeof(address)), 0);
  }

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }

  // Returns all that comes until the server closes its side.
  std::string Receive() {
    std::string all;
    std::array<char, 4096> bytes;
    while (true) {
      const ssize_t count = recv(socket_.number(), bytes.data(), bytes.size(), 0);
      if (count <= 0) return all;
      all.append(bytes.data(), static_cast<size_t>(count));
    }
  }

  std::string Ask(absl::string_view request) {
    Send(request);
    return Receive();
  }

 private:
  transport::Descriptor socket_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  explicit HttpServerTest(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    HttpBounds bounds;
    bounds.patience = patience;
    auto server = HttpServer::Listen("127.0.0.1:0", nullptr, bounds);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start({{"/page",
                     [] {
                       return PageContent{200, "text/plain", "a page\n"};
                     }},
                    {"/large",
                     [] {
                       return PageContent{200, "text/plain", LargeText()};
                     }},
                    {"/away",
                     [] {
                       return PageContent{503, "text/plain", "not now\n"};
                     }},
                    {"/fault", []() -> PageContent { throw std::runtime_error("a secret"); }}});
  }

  static std::string LargeText() { return std::string(4 << 20, 'x'); }
  std::string Ask(absl::string_view request) const { return Client(address()).Ask(request); }
  const std::string& address() const { return server_->address(); }

  std::unique_ptr<HttpServer> server_;
};

class ImpatientHttpServerTest : public HttpServerTest {
 protected:
  ImpatientHttpServerTest() : HttpServerTest(std::chrono::milliseconds(300)) {}
};

TEST_F(HttpServerTest, ShowsAPage) {
  EXPECT_THAT(Ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 7\r\n"),
                    HasSubstr("Content-Type: text/plain\r\n"), HasSubstr("Connection: close\r\n"),
                    EndsWith("\r\n\r\na page\n")));
  EXPECT_THAT(Ask("GET /page?x=y HTTP/1.0\r\n\r\n"), EndsWith("\r\n\r\na page\n"));
  EXPECT_THAT(Ask("HEAD /page HTTP/1.1\r\n\r\n"),
              AllOf(HasSubstr("Content-Length: 7\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpServerTest, APageSaysItsStatus) {
  EXPECT_THAT(Ask("GET /away HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 503 "), EndsWith("\r\n\r\nnot now\n")));
}

TEST_F(HttpServerTest, WhatIsNoRequestOfAPageGetsAnError) {
  EXPECT_THAT(Ask("GET /other HTTP/1.1\r\n\r\n"), EndsWith("\r\n\r\n404 Not Found\n"));
  EXPECT_THAT(Ask("GET /page/ HTTP/1.1\r\n\r\n"), EndsWith("404 Not Found\n"));
  EXPECT_THAT(Ask("POST /page HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n"),
                    EndsWith("405 Method Not Allowed\n")));
  EXPECT_THAT(Ask("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("nonsense\r\n\r\n"), EndsWith("400 Bad Request\n"));
}

TEST_F(HttpServerTest, LinesThatEndWithANewlineAloneAreRefusedAtOnce) {
  const auto begin = Clock::now();
  for (const char* request :
       {"GET /page HTTP/1.1\n\n", "GET /page HTTP/1.1\r\nHost: x\n\r\n",
        "GET /page HTTP/1.1\nHost: x\r\n\r\n", "\n", "GET /page HTTP/1.1\r\n\n"}) {
    EXPECT_THAT(Ask(request), EndsWith("400 Bad Request\n")) << request;
  }
  Client client(address());
  client.Send("GET /page HTTP/1.1");
  client.Send("\n");
  EXPECT_THAT(client.Receive(), EndsWith("400 Bad Request\n"));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10)) << "it has 20 for a request";
  EXPECT_THAT(Ask("GET /page HTTP/1.1\r\n\r\nnot\nread\n"), EndsWith("a page\n"));
}

TEST_F(HttpServerTest, AFaultOfAPageIsNotTold) {
  EXPECT_THAT(Ask("GET /fault HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 500 "), Not(HasSubstr("secret"))));
}

TEST_F(HttpServerTest, RangesAndCompressionAreNotOffered) {
  std::string ranges;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&ranges, ",0-");
  EXPECT_THAT(Ask(absl::StrCat("GET /page HTTP/1.1\r\nrange: bytes=0-", ranges,
                               "\r\nAccept-Encoding: br, gzip\r\n\r\n")),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\na page\n")));
}

TEST_F(HttpServerTest, ARequestMayComeInPiecesAndALargePageArrivesWhole) {
  Client client(address());
  for (const char* piece : {"GE", "T /large HTT", "P/1.1\r\n\r", "\n"}) {
    client.Send(piece);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(client.Receive(), EndsWith(absl::StrCat("\r\n\r\n", LargeText())));
}

TEST_F(HttpServerTest, ARequestOfMoreThanEightKibibytesIsRefused) {
  EXPECT_THAT(Ask(absl::StrCat("GET /page HTTP/1.1\r\nX: ", std::string(20000, 'x'), "\r\n\r\n")),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(absl::StrCat("GET /", std::string(20000, 'x'), " HTTP/1.1\r\n\r\n")),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(Ask(absl::StrCat("GET /page HTTP/1.1\r\nX: ", std::string(8000, 'x'), "\r\n\r\n")),
              EndsWith("a page\n"));
}

TEST_F(ImpatientHttpServerTest, ASlowOrSilentClientIsLeft) {
  EXPECT_THAT(Ask("GET /page HTTP/1.1\r\n"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Ask(""), IsEmpty());
}

TEST_F(ImpatientHttpServerTest, SilentClientsKeepOthersOutForTheirTimeAtMost) {
  std::vector<std::unique_ptr<Client>> silent;
  for (int i = 0; i < HttpServer::kMostConnections; ++i) {
    silent.push_back(std::make_unique<Client>(address()));
  }
  const auto give_up = Clock::now() + std::chrono::seconds(20);
  std::string answer;
  while (answer.empty() && Clock::now() < give_up) answer = Ask("GET /page HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("a page\n"));
}

TEST_F(HttpServerTest, StopsThoughClientsAreConnected) {
  HttpBounds bounds;
  bounds.patience = std::chrono::hours(1);
  auto server = HttpServer::Listen("127.0.0.1:0", nullptr, bounds);
  ASSERT_TRUE(server.ok());
  (*server)->Start({});
  Client silent((*server)->address());
  Client slow((*server)->address());
  slow.Send("GET /");
  server->reset();
  EXPECT_THAT(silent.Receive(), IsEmpty());
}

TEST(HttpServerListenTest, AnErrorNamesTheAddress) {
  const auto first = HttpServer::Listen("127.0.0.1:0", nullptr);
  ASSERT_TRUE(first.ok());
  const auto second = HttpServer::Listen((*first)->address(), nullptr);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("cannot listen at " + (*first)->address()));
}

}  // namespace
}  // namespace lossd::web
