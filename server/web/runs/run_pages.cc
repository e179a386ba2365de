#include "server/web/runs/run_pages.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lossd/v1/runs.pb.h"
#include "server/web/runs/asset.h"
#include "server/web/runs/run_feed.h"
#include "server/web/runs/run_json.h"

namespace lossd::web {
namespace {

// What the pages share.
class RunPages {
 public:
  explicit RunPages(RunPagesOptions options)
      : options_(std::move(options)), feed_(options_.calls) {}

  PageContent Show(const Asset& asset, const PageRequest& request) const {
    absl::Status from_here = CheckSite(request, options_.hosts);
    if (!from_here.ok()) return Guarded({403, kText, absl::StrCat(from_here.message(), "\n")});
    return Guarded({200, std::string(asset.type), std::string(asset.text)});
  }

  template <typename Request, typename Response>
  PageContent Call(absl::string_view method, const PageRequest& request) const {
    return Guarded(JsonPage(Answer<Request, Response>(method, request)));
  }

  PageContent Watch(const PageRequest& request) {
    const auto call = std::make_shared<AskedCall>("WatchRun", request, options_.around);
    const absl::Status admitted = Admit(*call, request);
    if (!admitted.ok()) return Guarded(JsonPage(admitted));
    auto more = feed_.Watch(call->shared_caller(), options_.serving);
    if (!more.ok()) {
      call->NoteAnswer(more.status(), 0, 0);
      return Guarded(JsonPage(more.status()));
    }
    PageContent page;
    page.type = "text/event-stream";
    // For proxies that would collect events.
    page.headers = {{"X-Accel-Buffering", "no"}};
    // The call ends with the stream.
    page.more = [call, more = *std::move(more)] { return more(); };
    return Guarded(std::move(page));
  }

 private:
  static constexpr char kText[] = "text/plain; charset=utf-8";

  static PageContent Guarded(PageContent page) {
    for (auto& header : SecurityHeaders()) page.headers.push_back(std::move(header));
    return page;
  }

  absl::Status Admit(AskedCall& call, const PageRequest& request) const {
    absl::Status from_here = CheckSite(request, options_.hosts);
    absl::Status admitted = call.Begin();
    if (from_here.ok()) return admitted;
    call.NoteAnswer(from_here, 0, 0);
    return from_here;
  }

  template <typename Request, typename Response>
  absl::StatusOr<std::string> Answer(absl::string_view method, const PageRequest& request) const {
    AskedCall call(method, request, options_.around);
    absl::Status admitted = Admit(call, request);
    if (!admitted.ok()) return admitted;
    Request message;
    const absl::Status read = ReadParameters(request.parameters, message);
    const auto answer = read.ok() ? options_.calls({method, message.SerializeAsString(),
                                                    call.shared_caller(), request.cancelled})
                                  : absl::StatusOr<std::string>(read);
    call.NoteAnswer(answer.status(), message.ByteSizeLong(), answer.ok() ? answer->size() : 0);
    if (!answer.ok()) return answer.status();
    Response response;
    if (!response.ParseFromString(*answer)) {
      return absl::InternalError("the answer is no message");
    }
    return ToJson(response);
  }

  const RunPagesOptions options_;
  RunFeed feed_;
};

}  // namespace

Pages MakeRunPages(RunPagesOptions options) {
  const auto shared = std::make_shared<RunPages>(std::move(options));
  Pages pages = {
      {"/api/runs",
       [shared](const PageRequest& request) {
         return shared->Call<v1::ListRunsRequest, v1::ListRunsResponse>("ListRuns", request);
       }},
      {"/api/run",
       [shared](const PageRequest& request) {
         return shared->Call<v1::GetRunRequest, v1::GetRunResponse>("GetRun", request);
       }},
      {"/api/samples",
       [shared](const PageRequest& request) {
         return shared->Call<v1::ListRunSamplesRequest, v1::ListRunSamplesResponse>(
             "ListRunSamples", request);
       }},
      {"/api/watch", [shared](const PageRequest& request) { return shared->Watch(request); }}};
  for (const Asset& asset : kAssets) {
    pages.emplace(asset.path, [shared, &asset](const PageRequest& request) {
      return shared->Show(asset, request);
    });
  }
  return pages;
}

}  // namespace lossd::web
