#include "server/rpc/wire/piece_owners.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace lossd::rpc {
namespace {

class CountingOwner final : public wire::BytesOwner {
 public:
  void Release() override { ++count_; }
  int count() const { return count_; }

 private:
  std::atomic<int> count_ = 0;
};

TEST(PieceOwnersTest, GiveUpAPieceOnceAllOfItWasRead) {
  std::vector<CountingOwner> owners(3);
  wire::BytePieces bytes;
  bytes.Append("abc", owners.data());
  bytes.Append("d", nullptr);
  bytes.Append("efgh", &owners[1]);
  bytes.Append("i", &owners[2]);
  PieceOwners pieces(bytes.pieces());
  const auto counts = [&] {
    return std::vector<int>{owners[0].count(), owners[1].count(), owners[2].count()};
  };
  pieces.Release(2, 6);
  EXPECT_EQ(counts(), (std::vector<int>{0, 0, 0}));
  pieces.Release(2, 2);
  pieces.Release(0, 1);
  EXPECT_EQ(counts(), (std::vector<int>{0, 0, 0}));
  pieces.Release(1, 2);
  EXPECT_EQ(counts(), (std::vector<int>{1, 0, 0}));
  pieces.Release(7, 9);
  EXPECT_EQ(counts(), (std::vector<int>{1, 0, 1}));
  pieces.Release(6, 7);
  EXPECT_EQ(counts(), (std::vector<int>{1, 1, 1}));
}

TEST(PieceOwnersTest, OfNothingHaveNothingToGiveUp) {
  PieceOwners pieces({});
  pieces.Release(0, 0);
}

TEST(PieceOwnersTest, GiveUpEachPieceOnceWhoeverReadsIt) {
  const std::string text(20000, 'x');
  std::vector<CountingOwner> owners(text.size() / 16);
  wire::BytePieces bytes;
  for (size_t i = 0; i < owners.size(); ++i) {
    bytes.Append(absl::string_view(text).substr(16 * i, 16), &owners[i]);
  }
  PieceOwners pieces(bytes.pieces());
  std::vector<std::pair<size_t, size_t>> ranges;
  for (size_t begin = 0; begin < bytes.size(); begin += 7) {
    ranges.emplace_back(begin, std::min(begin + 7, bytes.size()));
  }
  std::shuffle(ranges.begin(), ranges.end(), std::mt19937_64(3));
  std::vector<std::thread> threads;
  for (size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t i = thread; i < ranges.size(); i += 4) {
        pieces.Release(ranges[i].first, ranges[i].second);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CountingOwner& owner : owners) EXPECT_EQ(owner.count(), 1);
}

}  // namespace
}  // namespace lossd::rpc
