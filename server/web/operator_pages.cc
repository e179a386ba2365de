#include "server/web/operator_pages.h"

#include <utility>

namespace lossd::web {
namespace {

constexpr int kServiceUnavailable = 503;

PageContent Readiness(bool serving) {
  PageContent page;
  if (!serving) page.status = kServiceUnavailable;
  page.text = serving ? "ready\n" : "not serving\n";
  return page;
}

}  // namespace

Pages OperatorPages(std::function<std::string()> metrics, std::string metrics_type,
                    std::function<bool()> serving) {
  return {{"/metrics",
           [metrics = std::move(metrics), type = std::move(metrics_type)](const PageRequest&) {
             return PageContent{200, type, metrics()};
           }},
          {"/healthz",
           [](const PageRequest&) {
             return PageContent{200, "text/plain", "ok\n"};
           }},
          {"/readyz",
           [serving = std::move(serving)](const PageRequest&) { return Readiness(serving()); }}};
}

}  // namespace lossd::web
