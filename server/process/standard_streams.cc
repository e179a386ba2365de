#include "server/process/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lossd {
namespace {

bool IsClosed(int stream) { return fcntl(stream, F_GETFD) < 0 && errno == EBADF; }

// Returns true if the number is that of something a library made for itself: nobody starts a
// process with that as a stream.
bool IsTaken(int stream) {
  char target[64];
  const ssize_t size =
      readlink(absl::StrCat("/proc/self/fd/", stream).c_str(), target, sizeof(target));
  return size > 0 &&
         absl::StartsWith(absl::string_view(target, static_cast<size_t>(size)), "anon_inode:");
}

void OpenNullAs(int stream) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, stream);
  if (null == stream) {
    fcntl(stream, F_SETFD, 0);
  } else {
    close(null);
  }
}

}  // namespace

void OpenClosedStreams(char* const* arguments) {
  bool some_taken = false;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    const bool taken = IsTaken(stream);
    some_taken = some_taken || taken;
    if (taken || IsClosed(stream)) OpenNullAs(stream);
  }
  // The library still uses the number. In the same program anew it finds another one.
  if (some_taken) execv("/proc/self/exe", arguments);
}

}  // namespace lossd
