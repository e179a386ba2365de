#include "server/process/standard_streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdlib>

namespace lossd {
namespace {

// Ends the process with 0 if a file that is opened next gets a number above those of the streams.
[[noreturn]] void OpenAFileWithoutStreams() {
  for (const int stream : {0, 1, 2}) close(stream);
  OpenClosedStreams(nullptr);
  _exit(open("/dev/null", O_RDONLY) > 2 ? 0 : 1);
}

TEST(StandardStreamsDeathTest, AStreamThatWasClosedIsNoSocketLater) {
  EXPECT_EXIT(OpenAFileWithoutStreams(), ::testing::ExitedWithCode(0), "");
}

[[noreturn]] void WriteToOpenStreams() {
  OpenClosedStreams(nullptr);
  constexpr char kText[] = "still here";
  _exit(write(STDERR_FILENO, kText, sizeof(kText)) > 0 ? 0 : 1);
}

TEST(StandardStreamsDeathTest, StreamsThatAreOpenStayAsTheyAre) {
  EXPECT_EXIT(WriteToOpenStreams(), ::testing::ExitedWithCode(0), "still here");
}

// Ends with 3 unless another program, which ends with 0, takes its place.
[[noreturn]] void OpenStreamsThatALibraryTook() {
  const int event = eventfd(0, 0);
  dup2(event, STDIN_FILENO);
  char name[] = "process_test";
  char filter[] = "--gtest_filter=None";
  char* arguments[] = {name, filter, nullptr};
  OpenClosedStreams(arguments);
  _exit(3);
}

TEST(StandardStreamsDeathTest, ALibraryThatTookAStreamsNumberFindsAnotherOne) {
  EXPECT_EXIT(OpenStreamsThatALibraryTook(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace lossd
