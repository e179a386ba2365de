#include <cstddef>
#include <cstdint>
#include <deque>
#include <numeric>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "lossd/v1/compute.pb.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/wire/message_codec.h"

namespace lossd::rpc {
namespace {

// A piece that counts its releases, and spoils its bytes.
class CountedPiece final : public wire::BytesOwner {
 public:
  explicit CountedPiece(std::string bytes) : bytes_(std::move(bytes)) {}

  const std::string& bytes() const { return bytes_; }
  int releases() const { return releases_; }
  void Release() override {
    ++releases_;
    bytes_.assign(bytes_.size(), '!');
  }

 private:
  std::string bytes_;
  int releases_ = 0;
};

TEST(PieceReleaseTest, APieceIsGivenUpWhenItsLogitsWereRead) {
  for (const v1::DataType type :
       {v1::DATA_TYPE_FLOAT32, v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_BFLOAT16}) {
    const int64_t element = ElementSize(type);
    v1::ComputeRequest request;
    request.mutable_logits()->set_data_type(type);
    request.mutable_logits()->add_shape(30);
    request.mutable_logits()->add_shape(100);
    request.mutable_logits()->set_data(std::string(static_cast<size_t>(3000 * element), 'z'));
    request.mutable_labels()->set_data(std::string(5000, 'y'));
    const std::string text = request.SerializeAsString();
    // The first piece has the message's head, too, and the last one with logits the labels' begin.
    std::deque<CountedPiece> counted;
    wire::BytePieces pieces;
    for (size_t i = 0; i < text.size(); i += 1001) {
      CountedPiece& piece = counted.emplace_back(text.substr(i, 1001));
      pieces.Append(piece.bytes(), &piece);
    }

    v1::ComputeRequest parsed;
    const auto payloads =
        ParseAroundTensors(pieces, 1 << 20, wire::TensorFieldsOf<v1::ComputeRequest>(), parsed);
    ASSERT_TRUE(payloads.ok());
    TensorView logits;
    logits.type = type;
    logits.shape = {30, 100};
    logits.size = 3000;
    logits.elements = *wire::FindPayload(*payloads, v1::ComputeRequest::kLogitsFieldNumber);
    const auto reader = MakeReader(logits);
    const auto released = [&] {
      return std::accumulate(counted.begin(), counted.end(), 0,
                             [](int sum, const auto& piece) { return sum + piece.releases(); });
    };
    reader->Release(0, 1500);
    const auto half = static_cast<int>(1500 * element / 1001);
    EXPECT_GE(released(), half - 1);
    EXPECT_LE(released(), half);
    EXPECT_EQ(counted.front().releases(), 0);
    reader->Release(1500, 3000);
    EXPECT_GE(released(), 2 * half - 2);
    for (const CountedPiece& piece : counted) EXPECT_LE(piece.releases(), 1);
    std::string labels(5000, ' ');
    wire::FindPayload(*payloads, v1::ComputeRequest::kLabelsFieldNumber)
        ->CopyTo(0, absl::MakeSpan(labels.data(), labels.size()));
    EXPECT_EQ(labels, request.labels().data());
  }
}

}  // namespace
}  // namespace lossd::rpc
