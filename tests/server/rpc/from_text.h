#ifndef LOSSD_TESTS_SERVER_RPC_FROM_TEXT_H_
#define LOSSD_TESTS_SERVER_RPC_FROM_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace lossd::rpc {

// Returns the message that `text`, in protobuf's text format, describes.
template <typename Message>
Message FromText(absl::string_view text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(std::string(text), &message)) << text;
  return message;
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_FROM_TEXT_H_
