#include "client/src/wire/element_copy.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::client {
namespace {

std::string Draw(size_t size) {
  std::mt19937 random(1);
  std::uniform_int_distribution<int> any_letter('a', 'z');
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(any_letter(random));
  return bytes;
}

wire::BytePieces Cut(const std::string& bytes, size_t longest) {
  std::mt19937 random(2);
  std::uniform_int_distribution<size_t> any_size(0, longest);
  wire::BytePieces pieces;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t count = std::min(any_size(random), bytes.size() - begin);
    pieces.Append(absl::string_view(bytes).substr(begin, count));
    begin += count;
  }
  return pieces;
}

// Some copies go past the caches in whole lines of memory. The memory around must stay unchanged.
TEST(ElementCopyTest, CopiesEverythingAndNothingBeside) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 20, (size_t{2} << 20) + 77}) {
    const std::string bytes = Draw(size);
    for (const size_t longest : {size_t{100}, size_t{70000}}) {
      const wire::BytePieces pieces = Cut(bytes, longest);
      for (size_t offset = 0; offset < 64; offset += 3) {
        std::vector<char> memory(offset + size + 64, '#');
        CopyElements(pieces, memory.data() + offset);
        const std::string expected = std::string(offset, '#') + bytes + std::string(64, '#');
        ASSERT_TRUE(std::equal(memory.begin(), memory.end(), expected.begin(), expected.end()))
            << size << " bytes in pieces of at most " << longest << ", copied to byte " << offset;
      }
    }
  }
}

TEST(ElementCopyTest, CopiesASlice) {
  const std::string bytes = Draw((size_t{1} << 20) + 500);
  const wire::BytePieces pieces = Cut(bytes, 70000);
  for (const size_t offset : {size_t{3}, size_t{300}, size_t{499}, size_t{500}, size_t{501}}) {
    std::string copied(bytes.size(), '#');
    CopyElements(pieces.Slice(0, offset), copied.data());
    CopyElements(pieces.Slice(offset, bytes.size() - offset), copied.data() + offset);
    EXPECT_TRUE(copied == bytes) << "cut at " << offset;
  }
}

}  // namespace
}  // namespace lossd::client
