#include "server/rpc/decode/compare_request_decoder.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/rpc/decode/requests.h"
#include "tests/server/rpc/errors/refusals.h"

namespace lossd::rpc {
namespace {

absl::Status Decode(const v1::CompareRequest& request) {
  const auto pool = BufferPool::Create(0);
  return DecodeCompareRequest(request, {}, *pool, kMaxMessageBytes).status();
}

TEST(CompareRequestDecoder, RefusesWhatIsWrong) {
  std::string many_losses = absl::StrCat(kLogits, kLabels);
  for (int i = 0; i < 33; ++i) absl::StrAppend(&many_losses, " losses {}");
  ExpectRefusals<v1::CompareRequest>(
      {
          {absl::StrCat(kLogits, kLabels), "losses has 0 entries, expected 1 to 32"},
          {many_losses, "losses has 33 entries, expected 1 to 32"},
          {absl::StrCat(kLogits, kLabels, "losses {} losses { focal { gamma: -2 } }"),
           "losses[1].focal.gamma = -2, expected a finite number >= 0"},
          {absl::StrCat(kLogits, kLabels, "losses {} hard_threshold: 2"),
           "hard_threshold = 2 is not in (0, 1)"},
          {absl::StrCat(kLogits, kTargets, "losses {} losses { ignore_index: 0 }"),
           "losses[1].ignore_index = 0 beside float labels, expected integer labels; "
           "sample_weights of the losses' shape ignore where they are 0"},
          {absl::StrCat(kLogits, kBinaryLabels, "losses {", kSigmoid, " } losses {}"),
           "labels.shape = [2, 3], expected [2] for integer labels, the class of each sample"},
          // Softmax takes the classes of one column, all 0; a sigmoid beside it guesses nothing.
          {absl::StrCat("logits { shape: [2, 1] float_values: [4, -4] } labels { int_values: [0, "
                        "0] } losses {} losses {",
                        kSigmoid, " }"),
           "labels.shape = [2], expected the logits' shape [2, 1] for 0/1 labels: as classes of "
           "one column, label 0 would be the yes"},
          // It is told once, although both losses see it.
          {absl::StrCat(kLogits, " labels { int_values: [0, 5] } ",
                        "losses {} losses { focal {} }"),
           "labels[1] = 5 is not in [0, 3)"},
          {absl::StrCat(kLogits, kLabels, "losses {} reduction: -1"),
           "reduction = -1 is not a Reduction"},
      },
      Decode);
  EXPECT_TRUE(
      Decode(FromText<v1::CompareRequest>(absl::StrCat(kLogits, kLabels, "losses {}"))).ok());
}

}  // namespace
}  // namespace lossd::rpc
