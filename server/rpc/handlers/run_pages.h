#ifndef LOSSD_SERVER_RPC_HANDLERS_RUN_PAGES_H_
#define LOSSD_SERVER_RPC_HANDLERS_RUN_PAGES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "lossd/v1/runs.pb.h"
#include "server/rpc/errors/field.h"
#include "server/runs/sample_order.h"

namespace lossd::rpc {

// What a client asks for, page by page. A token says where the next page begins, and is refused
// beside another request than the one before.

// Returns how many entries a page has: `asked`, at least 0, or `usual` where that is 0, and no more
// than `most` and than fit `max_message_bytes`. Adds a violation of `field` where it is negative.
int64_t PageSize(int32_t asked, int64_t usual, int64_t most, int64_t bytes_of_entry,
                 int64_t max_message_bytes, const Field& field);

// Returns the token of the page of runs behind the one with this name.
std::string RunPageToken(absl::string_view last);
// Returns that name, or "" after adding a violation; "" for the first page.
std::string DecodeRunPageToken(absl::string_view token, const Field& field);

// Returns the token of the page of samples behind this place.
std::string SamplePageToken(const v1::ListRunSamplesRequest& request,
                            const runs::SamplePlace& last);
// Returns that place, nothing for the first page, and after adding a violation.
std::optional<runs::SamplePlace> DecodeSamplePageToken(const v1::ListRunSamplesRequest& request,
                                                       const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HANDLERS_RUN_PAGES_H_
