#ifndef LOSSD_SERVER_RUNS_RUN_VIEWER_H_
#define LOSSD_SERVER_RUNS_RUN_VIEWER_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace lossd::runs {

// Who looks at runs: everybody's, unless it is said whose.
struct RunViewer {
  std::optional<absl::string_view> owner = {};

  bool Sees(absl::string_view run_owner) const { return !owner || *owner == run_owner; }
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_RUN_VIEWER_H_
