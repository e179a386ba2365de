#include "client/src/wire/scattered_bytes.h"

#include <algorithm>
#include <optional>
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

std::vector<grpc::Slice> Cut(const std::string& bytes, size_t longest) {
  std::mt19937 random(2);
  std::uniform_int_distribution<size_t> any_size(0, longest);
  std::vector<grpc::Slice> slices;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t count = std::min(any_size(random), bytes.size() - begin);
    slices.emplace_back(bytes.data() + begin, count);
    begin += count;
  }
  return slices;
}

// Some go past the caches, which wants whole lines of memory; none of that may be seen.
TEST(ScatteredBytesTest, CopiesEverythingAndNothingBeside) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 20, (size_t{2} << 20) + 77}) {
    const std::string bytes = Draw(size);
    for (const size_t longest : {size_t{100}, size_t{70000}}) {
      const std::vector<grpc::Slice> slices = Cut(bytes, longest);
      for (size_t offset = 0; offset < 64; offset += 3) {
        std::vector<char> memory(offset + size + 64, '#');
        ScatteredBytes(slices).CopyTo(memory.data() + offset);
        const std::string expected = std::string(offset, '#') + bytes + std::string(64, '#');
        ASSERT_TRUE(std::equal(memory.begin(), memory.end(), expected.begin(), expected.end()))
            << size << " bytes in slices of at most " << longest << ", copied to byte " << offset;
      }
    }
  }
}

TEST(ScatteredBytesTest, CopiesWhatIsLeftAfterTaking) {
  const std::string bytes = Draw((size_t{1} << 20) + 500);
  const std::vector<grpc::Slice> slices = Cut(bytes, 70000);
  for (const size_t taken : {size_t{3}, size_t{300}, size_t{499}, size_t{500}, size_t{501}}) {
    ScatteredBytes rest(slices);
    const std::optional<ScatteredBytes> first = rest.Take(taken);
    ASSERT_TRUE(first);
    std::string copied(bytes.size(), '#');
    first->CopyTo(copied.data());
    rest.CopyTo(copied.data() + taken);
    EXPECT_TRUE(copied == bytes) << taken << " bytes taken";
  }
}

}  // namespace
}  // namespace lossd::client
