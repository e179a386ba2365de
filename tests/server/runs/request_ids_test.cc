#include "server/runs/request_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "server/runs/position_index.h"
#include "server/runs/request_hash.h"

namespace lossd::runs {
namespace {

// The bytes of a hash as OpenSSL prints them, eight by eight from the lowest.
std::string Hex(const RequestHash& hash) {
  std::string text;
  for (const uint64_t word : {hash.low, hash.high}) {
    for (int i = 0; i < 8; ++i) {
      absl::StrAppend(&text, absl::Hex(word >> (8 * i) & 0xff, absl::kZeroPad2));
    }
  }
  return text;
}

TEST(RequestHashTest, IsSipHash) {
  // openssl mac -macopt hexkey:000102030405060708090a0b0c0d0e0f -macopt size:16 -in FILE SIPHASH
  EXPECT_EQ(Hex(HashRequest("")), "a3817f04ba25a8e66df67214c7550293");
  EXPECT_EQ(Hex(HashRequest("0123456789abcdefXYZ")), "d0ee5b1fd847c64ef0482476d15f7561");
}

TEST(RequestIdsTest, RememberTheNewest) {
  constexpr int kMost = 1000;
  RequestIds ids(kMost);
  std::deque<int> remembered;
  for (int i = 0; i < 5 * kMost; ++i) {
    const RequestHash hash = HashRequest(absl::StrCat(i));
    ASSERT_FALSE(ids.Has(hash)) << i;
    ids.ReserveOne();
    ids.Add(hash);
    remembered.push_back(i);
    if (remembered.size() > kMost) {
      EXPECT_FALSE(ids.Has(HashRequest(absl::StrCat(remembered.front()))));
      remembered.pop_front();
    }
    if (i % 500 != 499) continue;
    for (const int j : remembered) ASSERT_TRUE(ids.Has(HashRequest(absl::StrCat(j)))) << j;
  }
  EXPECT_LE(ids.bytes(), kMost * 26);
}

TEST(PositionIndexTest, FindsWhatAMapFinds) {
  std::mt19937_64 random(3);
  // Few hashes, so that most positions are not where their search begins.
  std::vector<size_t> hashes(2000);
  for (size_t& hash : hashes) hash = random() % 300;
  const auto hash_at = [&](uint32_t position) { return hashes[position]; };
  PositionIndex index;
  std::vector<bool> there(hashes.size());
  for (int i = 0; i < 20000; ++i) {
    const auto position = static_cast<uint32_t>(random() % hashes.size());
    const auto is_it = [&](uint32_t candidate) { return candidate == position; };
    const bool found = index.Find(hashes[position], is_it) == position;
    ASSERT_EQ(found, there[position]);
    if (found) {
      index.Remove(hashes[position], position, hash_at);
    } else {
      index.Reserve(hashes.size(), hash_at);
      index.Insert(hashes[position], position);
    }
    there[position] = !found;
  }
}

TEST(PositionIndexTest, ComparesHardlyAnythingInVain) {
  std::mt19937_64 random(5);
  std::vector<size_t> hashes(200'000);
  for (size_t& hash : hashes) hash = random();
  const auto hash_at = [&](uint32_t position) { return hashes[position]; };
  PositionIndex index;
  index.Reserve(hashes.size(), hash_at);
  for (uint32_t i = 0; i < hashes.size(); ++i) index.Insert(hashes[i], i);
  size_t compared = 0;
  for (uint32_t i = 0; i < hashes.size(); ++i) {
    const auto is_it = [&](uint32_t candidate) { return ++compared, candidate == i; };
    ASSERT_EQ(index.Find(hashes[i], is_it), i);
  }
  EXPECT_LT(compared, hashes.size() + hashes.size() / 100);
}

}  // namespace
}  // namespace lossd::runs
