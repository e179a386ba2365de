#ifndef LOSSD_SERVER_PROCESS_LINE_WRITER_H_
#define LOSSD_SERVER_PROCESS_LINE_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace lossd {

// Makes the lines that a LineWriter writes of its own accord. Called on the writer's thread and on
// those that write, and must not itself write there.
class LineSource {
 public:
  struct Due {
    std::vector<std::string> lines;
    absl::Duration until_next;  // infinite if nothing is to come
  };

  virtual ~LineSource() = default;
  // Returns the line that stands where `count` lines were dropped.
  virtual std::string Dropped(int64_t count) = 0;
  // Returns the lines whose time has come.
  virtual Due TakeDue() = 0;
};

// Writes lines to a file descriptor from a thread of its own, so that nobody waits for who reads
// them. Lines wait in a queue that is bounded in bytes. When it is full, lines are dropped and
// counted until half of it was written. What cannot be written, as on a full disk, is tried again
// every second. Thread-safe.
//
// (spdlog's asynchronous logger would hold up nobody either, but the exit of the process: it joins
// its thread, which may wait for the reader for ever.)
class LineWriter {
 public:
  static constexpr size_t kMaxWaitingBytes = size_t{1} << 20;

  // `source` may be null. The descriptor stays the caller's.
  explicit LineWriter(int descriptor, std::shared_ptr<LineSource> source = nullptr);
  // Waits a moment for the lines that were not written yet, half a second at most; then they are
  // lost.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  // Takes a line, which ends in a line break. Never waits for the descriptor.
  void Write(std::string line);

  // Returns how many lines were dropped so far.
  int64_t dropped() const;

  // Returns true once all lines that were taken are written; false after `at_most`.
  bool Flush(absl::Duration at_most);

 private:
  class Queue;

  // The thread's, too: it may be waiting for the descriptor still when this goes.
  const std::shared_ptr<Queue> queue_;
  std::thread thread_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_LINE_WRITER_H_
