#include "server/web/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/web/http_client.h"

namespace lossd::web {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Clock = std::chrono::steady_clock;

class HttpServerTest : public ::testing::Test {
 protected:
  explicit HttpServerTest(std::chrono::milliseconds patience = std::chrono::seconds(20)) {
    HttpBounds bounds;
    bounds.patience = patience;
    auto server = HttpServer::Listen("127.0.0.1:0", nullptr, bounds);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    server_->Start({{"/page",
                     [](const PageRequest&) {
                       return PageContent{200, "text/plain", "a page\n"};
                     }},
                    {"/large",
                     [](const PageRequest&) {
                       return PageContent{200, "text/plain", LargeText()};
                     }},
                    {"/away",
                     [](const PageRequest&) {
                       return PageContent{503, "text/plain", "not now\n"};
                     }},
                    {"/stream", [this](const PageRequest&) { return Stream(); }},
                    {"/asked", [](const PageRequest& request) { return Asked(request); }},
                    {"/fault", [](const PageRequest&) -> PageContent {
                       throw std::runtime_error("a secret");
                     }}});
  }

  // Counts up to three, and goes on for as long as nothing is said.
  PageContent Stream() {
    PageContent page;
    page.type = "text/event-stream";
    page.headers = {{"X-Of-The-Page", "yes"}};
    page.more = [this, next = 0]() mutable -> std::optional<std::string> {
      ++asked_;
      if (next == 3) return ended_ ? std::nullopt : std::optional<std::string>("");
      return absl::StrCat(++next, "\n");
    };
    return page;
  }

  static PageContent Asked(const PageRequest& request) {
    std::string text = absl::StrCat("at ", request.peer, ", ", request.HeaderCount("host"),
                                    " hosts, first ", request.Header("host").value_or("none"));
    for (const auto& [name, value] : request.parameters) {
      absl::StrAppend(&text, "; ", name, " is ", value);
    }
    return {200, "text/plain", text};
  }

  std::atomic<int> asked_ = 0;
  std::atomic<bool> ended_ = false;
  static std::string LargeText() { return std::string(4 << 20, 'x'); }
  std::string Ask(absl::string_view request) const { return HttpClient(address()).Ask(request); }
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
  HttpClient client(address());
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
  HttpClient client(address());
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

TEST_F(HttpServerTest, APageKnowsWhatIsAsked) {
  EXPECT_THAT(Ask("GET /asked?b=%26%20x&a=1+2 HTTP/1.1\r\nHOST: here\r\nhost: there\r\n\r\n"),
              AllOf(HasSubstr("at 127.0.0.1:"), HasSubstr(", 2 hosts, first here"),
                    EndsWith("; a is 1 2; b is & x")));
}

TEST_F(HttpServerTest, APageMayGoOnUntilItEnds) {
  HttpClient client(address());
  client.Send("GET /stream HTTP/1.1\r\n\r\n");
  const std::string begin = client.ReceiveUntil("3\n");
  EXPECT_THAT(begin, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("X-Of-The-Page: yes\r\n"),
                           HasSubstr("Content-Type: text/event-stream\r\n"),
                           HasSubstr("X-Content-Type-Options: nosniff\r\n"),
                           Not(HasSubstr("Content-Length")), EndsWith("\r\n\r\n1\n2\n3\n")));
  ended_ = true;
  EXPECT_THAT(client.Receive(), IsEmpty());
}

TEST_F(HttpServerTest, TheHeadOfAPageThatGoesOnHasNoBody) {
  EXPECT_THAT(Ask("HEAD /stream HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n")));
  EXPECT_EQ(asked_, 0);
}

TEST_F(HttpServerTest, APageDoesNotGoOnForAClientThatHasGone) {
  {
    HttpClient client(address());
    client.Send("GET /stream HTTP/1.1\r\n\r\n");
    client.ReceiveUntil("3\n");
  }
  // Once it is seen that the client has gone, nothing is asked any more.
  const auto give_up = Clock::now() + std::chrono::seconds(20);
  int before = -1;
  while (before != asked_ && Clock::now() < give_up) {
    before = asked_;
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
  }
  EXPECT_EQ(before, asked_);
}

TEST_F(ImpatientHttpServerTest, ASlowOrSilentClientIsLeft) {
  EXPECT_THAT(Ask("GET /page HTTP/1.1\r\n"), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(Ask(""), IsEmpty());
}

TEST_F(ImpatientHttpServerTest, SilentClientsKeepOthersOutForTheirTimeAtMost) {
  std::vector<std::unique_ptr<HttpClient>> silent;
  for (int i = 0; i < HttpBounds().max_connections; ++i) {
    silent.push_back(std::make_unique<HttpClient>(address()));
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
  (*server)->Start({{"/stream", [this](const PageRequest&) { return Stream(); }}});
  HttpClient silent((*server)->address());
  HttpClient slow((*server)->address());
  slow.Send("GET /");
  HttpClient watching((*server)->address());
  watching.Send("GET /stream HTTP/1.1\r\n\r\n");
  watching.ReceiveUntil("3\n");
  server->reset();
  EXPECT_THAT(watching.Receive(), IsEmpty());
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
