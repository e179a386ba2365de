#ifndef LOSSD_SERVER_WEB_OPERATOR_PAGES_H_
#define LOSSD_SERVER_WEB_OPERATOR_PAGES_H_

#include <functional>
#include <string>

#include "server/web/page.h"

namespace lossd::web {

// Returns /metrics, which `metrics` writes in the format `metrics_type`; /healthz, 200 while the
// process lives; and /readyz, 200 while `serving` returns true, else 503.
Pages OperatorPages(std::function<std::string()> metrics, std::string metrics_type,
                    std::function<bool()> serving);

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_OPERATOR_PAGES_H_
