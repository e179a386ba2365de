#include "proto/wire/byte_pieces.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::wire {
namespace {

std::string Text(const BytePieces& bytes) {
  std::string text(bytes.size(), '\0');
  bytes.CopyTo(0, absl::MakeSpan(text.data(), text.size()));
  return text;
}

TEST(BytePiecesTest, ReadsAcrossPiecesFromAnywhere) {
  const std::string text = "abcdefghijklmnop";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    BytePieces bytes;
    for (size_t i = 0; i < text.size(); i += piece) {
      bytes.Append(absl::string_view(text).substr(i, piece));
      bytes.Append("");
    }
    ASSERT_EQ(bytes.size(), text.size());
    for (size_t offset = 0; offset <= text.size(); ++offset) {
      for (size_t size = 0; offset + size <= text.size(); ++size) {
        ASSERT_EQ(Text(bytes.Slice(offset, size)), text.substr(offset, size));
        std::string copy(size, '\0');
        bytes.CopyTo(offset, absl::MakeSpan(copy.data(), size));
        ASSERT_EQ(copy, text.substr(offset, size));
      }
      if (offset < text.size()) {
        EXPECT_EQ(bytes.PieceAt(offset).front(), text[offset]);
      }
    }
  }
}

TEST(BytePiecesTest, SlicesOfSlicesCountFromTheirOwnBegin) {
  BytePieces bytes("abcd");
  bytes.Append("efgh");
  const BytePieces inner = bytes.Slice(1, 6).Slice(2, 3);
  EXPECT_EQ(Text(inner), "def");
  EXPECT_EQ(inner.PieceAt(1), "ef");
}

TEST(BytePiecesTest, ListsPiecesInOrder) {
  BytePieces bytes("abc");
  bytes.Append("");
  bytes.Append("de");
  ASSERT_EQ(bytes.pieces().size(), 2U);
  EXPECT_EQ(bytes.pieces()[0].bytes, "abc");
  EXPECT_EQ(bytes.pieces()[1].bytes, "de");
  EXPECT_EQ(bytes.pieces()[1].begin, 3U);
}

TEST(BytePiecesTest, OfNothingIsEmpty) {
  EXPECT_TRUE(BytePieces().empty());
  EXPECT_TRUE(BytePieces("").empty());
  EXPECT_TRUE(BytePieces("abc").Slice(3, 0).empty());
}

class NoOwner final : public BytesOwner {
 public:
  void Release() override {}
};

TEST(BytePiecesTest, ASliceHasTheOwnersOfItsWholePieces) {
  NoOwner owner;
  BytePieces bytes;
  for (const absl::string_view piece : {"abc", "def", "ghi"}) bytes.Append(piece, &owner);
  const auto owners = [](const BytePieces& slice) {
    std::vector<bool> owned;
    for (const BytePieces::Piece& piece : slice.pieces()) owned.push_back(piece.owner != nullptr);
    return owned;
  };
  EXPECT_EQ(owners(bytes.Slice(0, 9)), (std::vector<bool>{true, true, true}));
  EXPECT_EQ(owners(bytes.Slice(1, 7)), (std::vector<bool>{false, true, false}));
  EXPECT_EQ(owners(bytes.Slice(3, 4)), (std::vector<bool>{true, false}));
}

}  // namespace
}  // namespace lossd::wire
