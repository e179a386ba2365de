#ifndef LOSSD_SERVER_WEB_RUNS_ASSET_H_
#define LOSSD_SERVER_WEB_RUNS_ASSET_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace lossd::web {

// A file of the live page, which the build takes into the program.
struct Asset {
  absl::string_view path;  // as a browser asks for it
  absl::string_view type;
  absl::string_view text;
};

// The files of server/web/runs/page/.
extern const absl::Span<const Asset> kAssets;

}  // namespace lossd::web

#endif  // LOSSD_SERVER_WEB_RUNS_ASSET_H_
