#ifndef LOSSD_SERVER_MEMORY_MEMORY_RETURN_H_
#define LOSSD_SERVER_MEMORY_MEMORY_RETURN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

namespace lossd {

// Decides when the memory that is kept for the next requests goes back to the system: when there
// was none for some seconds, or when it and what is in use are more than may be. Not thread-safe.
class MemoryReturn {
 public:
  using Time = std::chrono::steady_clock::time_point;

  struct Options {
    // Beyond the first reading of `resident`: in use and kept.
    int64_t most_bytes = 0;
    // Returns the bytes of memory that the process has; nullopt where that cannot be told.
    std::function<std::optional<int64_t>()> resident;
    // Returns what is kept to the system.
    std::function<void()> give_back;
  };
  explicit MemoryReturn(Options options);

  // How many large requests there are, and have ever been.
  struct Requests {
    int now = 0;
    uint64_t ever = 0;
  };
  // To be called several times a second.
  void Observe(const Requests& requests, Time now);

  // Requests within a second or two of each other, as training has them, find its memory there.
  static constexpr std::chrono::seconds kQuiet{5};
  // So much is always kept.
  static constexpr int64_t kKeptBytes = 48 << 20;

 private:
  void GiveBack(Time now);

  const Options options_;
  std::optional<int64_t> at_first_;
  uint64_t seen_ = 0;
  Time last_request_;
  Time last_return_;
  bool kept_ = false;  // something may be kept
};

// Returns how much memory the process has, as Linux counts it.
std::optional<int64_t> ResidentBytes();

}  // namespace lossd

#endif  // LOSSD_SERVER_MEMORY_MEMORY_RETURN_H_
