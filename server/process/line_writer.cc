#include "server/process/line_writer.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <deque>
#include <initializer_list>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "server/threads/mutex.h"

namespace lossd {
namespace {

constexpr absl::Duration kLastFlush = absl::Milliseconds(400);
// A thread that waits for the descriptor looks so often whether it is to end.
constexpr absl::Duration kLook = absl::Milliseconds(50);
constexpr absl::Duration kRetry = absl::Seconds(1);
// After it has written what there was, lines gather for so long: waking the thread for each, and a
// system call for each, would cost as much as a small call.
constexpr absl::Duration kGather = absl::Milliseconds(10);

// Linux takes so many bytes at once where poll() says that a pipe has room, and does not mix them
// with those of other processes.
constexpr size_t kAtOnce = 4096;

// What a line takes in the queue beside its bytes.
constexpr size_t kLineOverhead = 64;

size_t SizeInQueue(const std::string& line) { return line.size() + kLineOverhead; }

// Starts a thread in which write() fails, or writes, where it would raise a signal otherwise: one
// that ends the process (nobody can read, or a file is at its size limit) or stops it (a terminal
// to which jobs in the background may not write).
template <typename Function>
std::thread StartWithoutSignalsOfWrite(Function function) {
  sigset_t raised;
  sigset_t before;
  sigemptyset(&raised);
  for (const int number : {SIGPIPE, SIGXFSZ, SIGTTOU}) sigaddset(&raised, number);
  pthread_sigmask(SIG_BLOCK, &raised, &before);
  std::thread thread(std::move(function));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

class LineWriter::Queue {
 public:
  Queue(int descriptor, std::shared_ptr<LineSource> source)
      : descriptor_(descriptor), source_(std::move(source)) {}

  void Add(std::string line) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    const size_t room = dropped_ > 0 ? kMaxWaitingBytes / 2 : kMaxWaitingBytes;
    if (bytes_ + SizeInQueue(line) > room) {
      ++dropped_;
      ++dropped_ever_;
      return;
    }
    TellDropped();
    Push(std::move(line));
  }

  int64_t dropped() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return dropped_ever_;
  }

  bool WaitUntilWritten(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto written = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return lines_.empty() && dropped_ == 0 && !writing_;
    };
    const MutexLock lock(&mutex_);
    ++flushing_;
    const bool in_time = mutex_.AwaitWithTimeout(absl::Condition(&written), at_most);
    --flushing_;
    return in_time;
  }

  // Makes WriteLines() return soon. Returns true when it has; false if it cannot.
  bool Stop() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    stop_time_ = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kLastFlush);
    stopping_ = true;
    return mutex_.AwaitWithTimeout(absl::Condition(&ended_), kLastFlush + 2 * kLook);
  }

  // Writes lines until it is stopped.
  void WriteLines() ABSL_LOCKS_EXCLUDED(mutex_) {
    while (true) {
      const absl::Duration until_due = AddDue();
      const std::string chunk = WaitForChunk(until_due);
      if (!WriteAll(chunk) || IsDone()) break;
      Gather();
    }
    const MutexLock lock(&mutex_);
    writing_ = false;
    ended_ = true;
  }

 private:
  void Push(std::string line) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes_ += SizeInQueue(line);
    lines_.push_back(std::move(line));
  }

  // Puts a line in the place of those that were dropped.
  void TellDropped() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const int64_t count = std::exchange(dropped_, 0);
    if (count > 0 && source_ != nullptr) Push(source_->Dropped(count));
  }

  absl::Duration AddDue() ABSL_LOCKS_EXCLUDED(mutex_) {
    if (source_ == nullptr) return absl::InfiniteDuration();
    LineSource::Due due = source_->TakeDue();
    for (std::string& line : due.lines) Add(std::move(line));
    return due.until_next;
  }

  // Waits for lines and returns those to write at once. Returns none after `at_most`, and when
  // there is none and the thread is to end.
  std::string WaitForChunk(absl::Duration at_most) ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto wakes = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !lines_.empty() || dropped_ > 0 || stopping_;
    };
    const MutexLock lock(&mutex_);
    writing_ = false;
    mutex_.AwaitWithTimeout(absl::Condition(&wakes), at_most);
    if (lines_.empty()) TellDropped();
    std::string chunk;
    while (!lines_.empty() && (chunk.empty() || chunk.size() + lines_.front().size() <= kAtOnce)) {
      bytes_ -= SizeInQueue(lines_.front());
      chunk += lines_.front();
      lines_.pop_front();
    }
    writing_ = true;
    return chunk;
  }

  // Waits a moment for more lines, if none is waiting and nobody waits for them.
  void Gather() ABSL_LOCKS_EXCLUDED(mutex_) {
    const auto hurries = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stopping_ || flushing_ > 0 || bytes_ > kMaxWaitingBytes / 2;
    };
    const MutexLock lock(&mutex_);
    if (!lines_.empty()) return;
    writing_ = false;
    mutex_.AwaitWithTimeout(absl::Condition(&hurries), kGather);
  }

  bool IsDone() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return stopping_ && lines_.empty() && dropped_ == 0;
  }

  // Returns false if the thread is to end before it could write all of `text`.
  bool WriteAll(absl::string_view text) ABSL_LOCKS_EXCLUDED(mutex_) {
    while (!text.empty()) {
      if (!WaitForRoom()) return false;
      const ssize_t written = write(descriptor_, text.data(), std::min(text.size(), kAtOnce));
      if (written >= 0) {
        text.remove_prefix(static_cast<size_t>(written));
      } else if (errno != EINTR && !Pause(errno == EAGAIN ? kLook : kRetry)) {
        return false;
      }
    }
    return true;
  }

  // Waits until the descriptor takes something, or fails. Returns false if the thread is to end.
  bool WaitForRoom() ABSL_LOCKS_EXCLUDED(mutex_) {
    pollfd room = {descriptor_, POLLOUT, 0};
    do {
      if (MustEnd()) return false;
    } while (poll(&room, 1, static_cast<int>(absl::ToInt64Milliseconds(kLook))) == 0);
    return true;
  }

  bool MustEnd() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return stopping_ && std::chrono::steady_clock::now() >= stop_time_;
  }

  // Waits before the next try. Returns false if the thread is to end, at the latest after that.
  bool Pause(absl::Duration pause) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(&mutex_);
    return !mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
  }

  const int descriptor_;
  const std::shared_ptr<LineSource> source_;

  Mutex mutex_;
  std::deque<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;     // of the lines, as SizeInQueue() has them
  int64_t dropped_ ABSL_GUARDED_BY(mutex_) = 0;  // after the last of the lines
  int64_t dropped_ever_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  int flushing_ ABSL_GUARDED_BY(mutex_) = 0;  // threads that wait for the lines to be written
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point stop_time_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

LineWriter::LineWriter(int descriptor, std::shared_ptr<LineSource> source)
    : queue_(std::make_shared<Queue>(descriptor, std::move(source))),
      thread_(StartWithoutSignalsOfWrite([queue = queue_] { queue->WriteLines(); })) {}

LineWriter::~LineWriter() {
  if (queue_->Stop()) {
    thread_.join();
  } else {
    thread_.detach();  // It waits in write(), and ends with the process.
  }
}

int64_t LineWriter::dropped() const { return queue_->dropped(); }

void LineWriter::Write(std::string line) { queue_->Add(std::move(line)); }

bool LineWriter::Flush(absl::Duration at_most) { return queue_->WaitUntilWritten(at_most); }

}  // namespace lossd
