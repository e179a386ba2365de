#ifndef LOSSD_SERVER_RPC_CALL_NOTES_H_
#define LOSSD_SERVER_RPC_CALL_NOTES_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace lossd::rpc {

// What a method found in a valid request, for those who watch calls. Never a value of a tensor.
struct CallNotes {
  // The names of the losses, in the order in which they were asked for. Literals.
  std::vector<absl::string_view> losses;
  // Of the logits, or of what else the method computes on.
  std::vector<int64_t> shape;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALL_NOTES_H_
