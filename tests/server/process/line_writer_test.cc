#include "server/process/line_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"

namespace lossd {
namespace {

class Pipe {
 public:
  explicit Pipe(int flags = O_CLOEXEC) { EXPECT_EQ(pipe2(ends_, flags), 0); }
  ~Pipe() {
    CloseReader();
    CloseWriter();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int writer() const { return ends_[1]; }
  void CloseReader() { Close(ends_[0]); }
  void CloseWriter() { Close(ends_[1]); }

  // Returns what comes until `end` does, or nothing more can come.
  std::string ReadUntil(const std::string& end) const {
    std::string text;
    char bytes[4096];
    while (!absl::EndsWith(text, end)) {
      const ssize_t count = read(ends_[0], bytes, sizeof(bytes));
      if (count < 0 && errno == EAGAIN) continue;
      if (count <= 0) break;
      text.append(bytes, static_cast<size_t>(count));
    }
    return text;
  }

 private:
  static void Close(int& descriptor) {
    if (descriptor >= 0) close(std::exchange(descriptor, -1));
  }

  int ends_[2];
};

// Says how many were dropped.
class Counts final : public LineSource {
 public:
  std::string Dropped(int64_t count) override { return absl::StrCat(count, " dropped\n"); }
  Due TakeDue() override { return {{}, absl::InfiniteDuration()}; }
};

std::string Line(int number) { return absl::StrCat(number, std::string(100, '.'), "\n"); }

// More than the queue and a pipe hold.
constexpr int kManyLines = 30000;

// Returns `text`'s lines, those of Line() as their numbers in order, and the dropped ones added to
// `dropped`.
std::vector<int> NumbersOf(const std::string& text, int64_t& dropped) {
  std::vector<int> numbers;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const absl::string_view number = line.substr(0, line.find_first_not_of("0123456789"));
    int value = -1;
    EXPECT_TRUE(absl::SimpleAtoi(number, &value)) << line;
    if (absl::EndsWith(line, " dropped")) {
      dropped += value;
    } else {
      EXPECT_EQ(absl::StrCat(line, "\n"), Line(value));
      numbers.push_back(value);
    }
  }
  return numbers;
}

TEST(LineWriterTest, WritesLinesInOrder) {
  const Pipe pipe;
  LineWriter writer(pipe.writer());
  for (int i = 0; i < 100; ++i) writer.Write(Line(i));
  EXPECT_TRUE(writer.Flush(absl::Seconds(10)));
  int64_t dropped = 0;
  const std::vector<int> numbers = NumbersOf(pipe.ReadUntil(Line(99)), dropped);
  ASSERT_EQ(numbers.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(numbers[static_cast<size_t>(i)], i);
}

TEST(LineWriterTest, WritesALineThatIsLargerThanAPipeTakesAtOnce) {
  const Pipe pipe;
  const std::string line = std::string(200000, 'x') + "\n";
  LineWriter writer(pipe.writer());
  writer.Write(line);
  EXPECT_EQ(pipe.ReadUntil("\n"), line);
}

// With a writer that waits for the reader, Write() does not return here.
TEST(LineWriterTest, APipeThatNobodyReadsHoldsUpNobodyAndWhatWasDroppedIsCounted) {
  for (const int flags : {O_CLOEXEC, O_CLOEXEC | O_NONBLOCK}) {
    const Pipe pipe(flags);
    LineWriter writer(pipe.writer(), std::make_shared<Counts>());
    for (int i = 0; i < kManyLines; ++i) writer.Write(Line(i));
    EXPECT_FALSE(writer.Flush(absl::ZeroDuration()));
    // It is read again.
    std::string text = pipe.ReadUntil(" dropped\n");
    writer.Write(Line(kManyLines));
    text += pipe.ReadUntil(Line(kManyLines));
    int64_t dropped = 0;
    const std::vector<int> numbers = NumbersOf(text, dropped);
    EXPECT_GT(dropped, 0);
    EXPECT_EQ(writer.dropped(), dropped);
    EXPECT_EQ(static_cast<int64_t>(numbers.size()) + dropped, kManyLines + 1);
    EXPECT_TRUE(std::is_sorted(numbers.begin(), numbers.end()));
    EXPECT_LE(text.size(), LineWriter::kMaxWaitingBytes + (size_t{1} << 17));
  }
}

TEST(LineWriterTest, APipeThatNobodyReadsHoldsUpTheEndForASecondAtMost) {
  const Pipe pipe;
  absl::Time begin;
  {
    LineWriter writer(pipe.writer());
    for (int i = 0; i < kManyLines; ++i) writer.Write(Line(i));
    begin = absl::Now();
  }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
}

// As where another process takes the room between poll() and write(). An event counter that is
// nearly full has room for a small number, and a line is a large one.
TEST(LineWriterTest, AThreadThatWaitsInWriteHoldsUpTheEndForASecondAtMost) {
  const int counter = eventfd(0, EFD_CLOEXEC);
  uint64_t number = ~uint64_t{0} - 2;
  ASSERT_EQ(write(counter, &number, sizeof(number)), sizeof(number));
  absl::Time begin;
  {
    LineWriter writer(counter);
    writer.Write(Line(1));
    EXPECT_FALSE(writer.Flush(absl::Milliseconds(50)));
    begin = absl::Now();
  }
  EXPECT_LT(absl::Now() - begin, absl::Seconds(1));
  EXPECT_EQ(read(counter, &number, sizeof(number)), sizeof(number));  // The thread ends.
  close(counter);
}

TEST(LineWriterTest, APipeWithoutReaderAndADescriptorThatIsNoneEndNothing) {
  Pipe pipe;
  pipe.CloseReader();
  for (const int descriptor : {pipe.writer(), -1}) {
    const absl::Time begin = absl::Now();
    {
      LineWriter writer(descriptor, std::make_shared<Counts>());
      for (int i = 0; i < kManyLines; ++i) writer.Write(Line(i));
      EXPECT_FALSE(writer.Flush(absl::ZeroDuration()));
    }
    EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  }
}

TEST(LineWriterTest, OnAFullDiskTriesAgain) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const Pipe pipe;
  LineWriter writer(full);
  writer.Write("first\n");
  writer.Write("second\n");
  EXPECT_FALSE(writer.Flush(absl::Milliseconds(50)));
  ASSERT_EQ(dup2(pipe.writer(), full), full);  // There is room now.
  EXPECT_EQ(pipe.ReadUntil("second\n"), "first\nsecond\n");
  EXPECT_TRUE(writer.Flush(absl::Seconds(10)));
  close(full);
}

// A source whose line is due once.
class Due final : public LineSource {
 public:
  std::string Dropped(int64_t) override { return ""; }
  LineSource::Due TakeDue() override {
    if (calls_++ == 1) return {{"due\n"}, absl::InfiniteDuration()};
    return {{}, absl::Milliseconds(1)};
  }

 private:
  int calls_ = 0;
};

TEST(LineWriterTest, WritesWhatIsDueThoughNobodyWrites) {
  const Pipe pipe;
  const LineWriter writer(pipe.writer(), std::make_shared<Due>());
  EXPECT_EQ(pipe.ReadUntil("\n"), "due\n");
}

TEST(LineWriterTest, TakesLinesOfSeveralThreads) {
  const Pipe pipe;
  LineWriter writer(pipe.writer(), std::make_shared<Counts>());
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&writer] {
      for (int i = 0; i < kEach; ++i) writer.Write(Line(i));
    });
  }
  std::thread end([&] {
    for (std::thread& thread : threads) thread.join();
    writer.Write(Line(kEach));
  });
  int64_t dropped = 0;
  EXPECT_EQ(NumbersOf(pipe.ReadUntil(Line(kEach)), dropped).size(), kThreads * kEach + 1);
  EXPECT_EQ(dropped, 0);
  end.join();
}

}  // namespace
}  // namespace lossd
