#ifndef LOSSD_SERVER_RUNS_REQUEST_IDS_H_
#define LOSSD_SERVER_RUNS_REQUEST_IDS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/hash/hash.h"
#include "server/runs/position_index.h"
#include "server/runs/request_hash.h"

namespace lossd::runs {

// The newest requests of a run. A request that is here has been counted.
class RequestIds {
 public:
  // Remembers `most` requests, at least 1.
  explicit RequestIds(int64_t most) : most_(static_cast<size_t>(most)) {}

  bool Has(const RequestHash& request) const;

  // Takes memory for one more.
  void ReserveOne();
  // Adds a request that is not there, in place of the oldest where there are too many. Memory must
  // have been reserved for it.
  void Add(const RequestHash& request);

  int64_t bytes() const;
  // Returns what they take once one more is reserved.
  int64_t BytesWithOne() const;

 private:
  // Not its own bits, of which a client could choose many that are alike.
  static size_t IndexHash(const RequestHash& request) {
    return absl::Hash<std::pair<uint64_t, uint64_t>>()({request.low, request.high});
  }

  size_t most_;
  std::vector<RequestHash> requests_;  // a ring once there are `most_`
  size_t oldest_ = 0;
  PositionIndex index_;
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REQUEST_IDS_H_
