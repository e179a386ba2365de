#include "server/web/runs/run_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lossd/v1/runs.pb.h"
#include "server/rpc/call_filter.h"
#include "server/threads/mutex.h"
#include "server/transport/call_filters.h"
#include "server/transport/call_ids.h"
#include "server/web/http_server.h"
#include "server/web/runs/asset.h"
#include "tests/server/web/http_client.h"

namespace lossd::web {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Lets a token pass as TokenFilter does, and notes the calls.
class NotingFilter final : public rpc::CallFilter {
 public:
  absl::StatusOr<std::shared_ptr<const rpc::Caller>> Identify(const rpc::CallInfo& call) override {
    EXPECT_THAT(std::string(call.method()), StartsWith("lossd.v1.RunService/"));
    EXPECT_THAT(call.Peer(), StartsWith("http:127.0.0.1:"));
    if (wants_tokens && call.Metadata("authorization") != "Bearer secret") {
      return absl::UnauthenticatedError("the call has no token");
    }
    return std::make_shared<rpc::Caller>("gpu", 7);
  }
  void Ended(const rpc::CallInfo& call, const absl::Status& status,
             const rpc::CallCosts& costs) override {
    const MutexLock lock(&mutex_);
    ended_.push_back(absl::StrCat(call.method().substr(20), " ",
                                  absl::StatusCodeToString(status.code()), " ", costs.messages));
  }

  std::vector<std::string> ended() {
    const MutexLock lock(&mutex_);
    return ended_;
  }

  bool wants_tokens = false;

 private:
  Mutex mutex_;
  std::vector<std::string> ended_ ABSL_GUARDED_BY(mutex_);
};

class RunPagesTest : public ::testing::Test {
 protected:
  RunPagesTest() : server_(*HttpServer::Listen("127.0.0.1:0", nullptr)) {}

  void Start() {
    RunPagesOptions options = {[this](const RunCall& call) { return Answer(call); },
                               {filters_, ids_}};
    options.hosts = HostRule::kThisMachine;
    server_->Start(MakeRunPages(std::move(options)));
  }

  absl::StatusOr<std::string> Answer(const RunCall& call) {
    caller_ = call.caller;
    if (call.method == "ListRuns") {
      v1::ListRunsResponse response;
      response.add_runs()->set_name("a run");
      return response.SerializeAsString();
    }
    if (call.method == "ListRunSamples") {
      v1::ListRunSamplesRequest request;
      EXPECT_TRUE(request.ParseFromString(call.request));
      v1::ListRunSamplesResponse response;
      response.add_samples()->set_id(request.page_size());
      return response.SerializeAsString();
    }
    EXPECT_EQ(call.method, "GetRun");
    v1::GetRunRequest request;
    EXPECT_TRUE(request.ParseFromString(call.request));
    if (request.run() != "a run") return absl::NotFoundError("no such run");
    v1::GetRunResponse response;
    response.mutable_run()->set_name("</script><b>");
    return response.SerializeAsString();
  }

  std::string Ask(absl::string_view path, absl::string_view headers = "") const {
    return HttpClient(server_->address())
        .Ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", server_->address(), "\r\n", headers,
                          "\r\n"));
  }

  NotingFilter filter_;
  const transport::CallFilters filters_{{&filter_}};
  transport::CallIds ids_;
  std::shared_ptr<const rpc::Caller> caller_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(RunPagesTest, ShowsThePageAndAllThatItNames) {
  Start();
  const std::string page = Ask("/");
  EXPECT_THAT(page, AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Type: text/html"),
                          EndsWith("</html>\n")));
  int named = 0;
  for (const Asset& asset : kAssets) {
    EXPECT_THAT(Ask(asset.path), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                                       EndsWith(absl::StrCat("\r\n\r\n", asset.text))))
        << asset.path;
    named += absl::StrContains(page, absl::StrCat("\"", asset.path.substr(1), "\"")) ? 1 : 0;
  }
  EXPECT_GE(named, 3) << "style, script and icon";
}

TEST_F(RunPagesTest, NothingOfThePageIsInline) {
  for (const Asset& asset : kAssets) {
    EXPECT_FALSE(absl::StrContains(asset.text, "innerHTML")) << asset.path;
    EXPECT_FALSE(absl::StrContains(asset.text, "style=")) << asset.path;
    EXPECT_FALSE(absl::StrContains(asset.text, "<script>")) << asset.path;
    EXPECT_FALSE(absl::StrContains(asset.text, "onclick=")) << asset.path;
  }
}

TEST_F(RunPagesTest, EveryAnswerKeepsBrowsersSafe) {
  Start();
  for (const char* path : {"/", "/page.js", "/api/runs", "/api/run?run=none"}) {
    EXPECT_THAT(
        Ask(path),
        AllOf(HasSubstr("Content-Security-Policy: default-src 'none'; "), Not(HasSubstr("unsafe")),
              HasSubstr("Referrer-Policy: no-referrer"),
              HasSubstr("X-Content-Type-Options: nosniff"), HasSubstr("Cache-Control: no-store")))
        << path;
  }
}

TEST_F(RunPagesTest, AnswersInProtobufsJson) {
  Start();
  EXPECT_THAT(Ask("/api/runs"), AllOf(HasSubstr("Content-Type: application/json\r\n"),
                                      EndsWith("\r\n\r\n{\"runs\":[{\"name\":\"a run\"}]}")));
  EXPECT_THAT(Ask("/api/samples?run=a&page_size=3"), EndsWith("{\"samples\":[{\"id\":\"3\"}]}"));
  EXPECT_THAT(Ask("/api/run?run=a+run"), AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("<"))));
  EXPECT_THAT(Ask("/api/run?run=b"), AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("NOT_FOUND")));
  EXPECT_THAT(Ask("/api/run?max_points=x"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Ask("/api/delete?run=a"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(RunPagesTest, AnotherSiteGetsNothing) {
  Start();
  EXPECT_THAT(Ask("/api/runs", "Origin: http://evil.example\r\n"),
              AllOf(StartsWith("HTTP/1.1 403 "), Not(HasSubstr("a run"))));
  const auto of_host = [this](absl::string_view path) {
    return HttpClient(server_->address())
        .Ask(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
  };
  for (const char* path :
       {"/", "/page.js", "/api/runs", "/api/run", "/api/samples", "/api/watch"}) {
    EXPECT_THAT(of_host(path), StartsWith("HTTP/1.1 403 ")) << path;
  }
}

TEST_F(RunPagesTest, WithTokensOnlyThePageItselfNeedsNone) {
  filter_.wants_tokens = true;
  Start();
  EXPECT_THAT(Ask("/"), StartsWith("HTTP/1.1 200 "));
  for (const char* path : {"/api/runs", "/api/run?run=a+run", "/api/samples?run=a", "/api/watch"}) {
    EXPECT_THAT(Ask(path), AllOf(StartsWith("HTTP/1.1 401 "),
                                 HasSubstr("WWW-Authenticate: Bearer\r\n"), HasSubstr("no token")))
        << path;
  }
  EXPECT_THAT(Ask("/api/runs", "Authorization: Bearer secret\r\n"), HasSubstr("a run"));
  EXPECT_EQ(caller_->number, 7);
  EXPECT_THAT(filter_.ended(), ElementsAre("ListRuns UNAUTHENTICATED 0", "GetRun UNAUTHENTICATED 0",
                                           "ListRunSamples UNAUTHENTICATED 0",
                                           "WatchRun UNAUTHENTICATED 0", "ListRuns OK 1"));
}

TEST_F(RunPagesTest, StreamsEvents) {
  Start();
  HttpClient client(server_->address());
  client.Send(absl::StrCat("GET /api/watch HTTP/1.1\r\nHost: ", server_->address(), "\r\n\r\n"));
  EXPECT_THAT(
      client.ReceiveUntil("\n\n"),
      AllOf(HasSubstr("Content-Type: text/event-stream\r\n"), HasSubstr("Content-Security-Policy"),
            EndsWith("\r\n\r\nevent: runs\ndata: "
                     "{\"runs\":[{\"name\":\"a run\"}]}\n\n")));
}

}  // namespace
}  // namespace lossd::web
