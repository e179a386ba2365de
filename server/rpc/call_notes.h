#ifndef LOSSD_SERVER_RPC_CALL_NOTES_H_
#define LOSSD_SERVER_RPC_CALL_NOTES_H_

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"

namespace lossd::rpc {

// What a method found in a valid request, for those who watch calls. Never a value of a tensor.
struct CallNotes {
  // The names of the losses, in the order in which they were asked for. Literals.
  absl::InlinedVector<absl::string_view, 1> losses;
  // Of the logits, or of what else the method computes on.
  absl::InlinedVector<int64_t, 4> shape;
  // The type of the logits' elements, as in "FLOAT32". A literal.
  absl::string_view data_type = {};
  // All places of the logits' shape but the classes.
  int64_t rows = 0;
  // Of all losses together; known once they are computed.
  int64_t non_finite_losses = 0;
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_CALL_NOTES_H_
