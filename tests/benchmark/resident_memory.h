#ifndef LOSSD_TESTS_BENCHMARK_RESIDENT_MEMORY_H_
#define LOSSD_TESTS_BENCHMARK_RESIDENT_MEMORY_H_

#include <cstdint>

namespace lossd::benchmark {

// The most memory that this process has at once from an object's making on.
class ResidentPeak {
 public:
  ResidentPeak();

  // Returns the bytes at the most, above those at the beginning; 0 where the system does not tell.
  int64_t BytesAbove() const;

 private:
  int64_t before_;
};

}  // namespace lossd::benchmark

#endif  // LOSSD_TESTS_BENCHMARK_RESIDENT_MEMORY_H_
