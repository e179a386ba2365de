#ifndef LOSSD_SERVER_RUNS_REQUEST_HASH_H_
#define LOSSD_SERVER_RUNS_REQUEST_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace lossd::runs {

// 128 bits that stand for a request's id. Two of a million ids are taken for one with a chance of
// 10^-27.
struct RequestHash {
  uint64_t low = 0;
  uint64_t high = 0;

  friend bool operator==(const RequestHash& a, const RequestHash& b) {
    return a.low == b.low && a.high == b.high;
  }
};

// Returns the hash of `request_id`: SipHash-2-4 with an output of 128 bits (Aumasson and Bernstein
// 2012, https://cr.yp.to/siphash/siphash-20120918.pdf), whose key is the bytes 0, 1, ..., 15. The
// same in every process, so that stores may keep it.
RequestHash HashRequest(absl::string_view request_id);

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_REQUEST_HASH_H_
