#include "server/transport/grpc/byte_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/support/slice.h"

namespace lossd::transport {
namespace {

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) text.append(slice.begin(), slice.end());
  return text;
}

std::string Text(const wire::BytePieces& pieces) {
  std::string text(pieces.size(), ' ');
  pieces.CopyTo(0, absl::MakeSpan(text.data(), text.size()));
  return text;
}

// A slice that counts how often it was destroyed.
struct CountedSlice {
  std::string bytes;
  int destroyed = 0;
};

grpc::Slice ToSlice(CountedSlice& counted) {
  return {counted.bytes.data(), counted.bytes.size(),
          [](void* slice) { ++static_cast<CountedSlice*>(slice)->destroyed; }, &counted};
}

TEST(TakeReceivedBytesTest, GivesEachSliceAsAPieceThatOwnsIt) {
  std::vector<CountedSlice> counted(3);
  std::vector<grpc::Slice> slices;
  for (CountedSlice& slice : counted) {
    slice.bytes.assign(1000, static_cast<char>('a' + slices.size()));
    slices.push_back(ToSlice(slice));
  }
  slices.emplace_back("short");  // gRPC keeps its bytes in the slice itself.
  grpc::ByteBuffer buffer(slices.data(), slices.size());
  slices.clear();
  {
    const auto received = TakeReceivedBytes(buffer);
    ASSERT_TRUE(received.ok());
    EXPECT_FALSE(buffer.Valid());
    EXPECT_EQ(Text(received->pieces()),
              std::string(1000, 'a') + std::string(1000, 'b') + std::string(1000, 'c') + "short");
    ASSERT_EQ(received->pieces().pieces().size(), 4);
    EXPECT_EQ(received->pieces().pieces()[1].bytes.data(), counted[1].bytes.data());
    received->pieces().pieces()[1].owner->Release();
    EXPECT_EQ(counted[1].destroyed, 1);
    EXPECT_EQ(counted[0].destroyed, 0);
  }
  for (const CountedSlice& slice : counted) EXPECT_EQ(slice.destroyed, 1);
}

TEST(TakeReceivedBytesTest, AnEmptyMessageHasNoPieces) {
  grpc::ByteBuffer buffer(nullptr, 0);
  const auto received = TakeReceivedBytes(buffer);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->size(), 0);
}

TEST(TakeReceivedBytesTest, WhatIsNoMessageIsAnError) {
  grpc::ByteBuffer buffer;
  EXPECT_EQ(TakeReceivedBytes(buffer).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ToByteBufferTest, HasThePiecesInTheirOrder) {
  rpc::SentBytes bytes(std::string("head"));
  Buffer elements(5000);
  std::memset(elements.data(), 'e', elements.size());
  const void* const address = elements.data();
  bytes.Append(std::move(elements));
  bytes.Append(std::string(10000, 't'));
  const size_t size = bytes.size();
  const grpc::ByteBuffer buffer = ToByteBuffer(std::move(bytes));
  EXPECT_EQ(buffer.Length(), size);
  EXPECT_EQ(Text(buffer), "head" + std::string(5000, 'e') + std::string(10000, 't'));
  std::vector<grpc::Slice> slices;
  ASSERT_TRUE(buffer.Dump(&slices).ok());
  EXPECT_EQ(slices[1].begin(), address) << "copied";
}

TEST(ToByteBufferTest, AnEmptyMessageIsOne) {
  const grpc::ByteBuffer buffer = ToByteBuffer(rpc::SentBytes(std::string()));
  EXPECT_TRUE(buffer.Valid());
  EXPECT_EQ(buffer.Length(), 0);
}

}  // namespace
}  // namespace lossd::transport
